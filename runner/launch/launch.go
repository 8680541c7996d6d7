// Package launch submits the workers of a sweep to an orchestrator that exists:
// as a batch job of HashiCorp Nomad, or as an Indexed Job of Kubernetes. The
// orchestrator places, starts and restarts them; what they do is the queue's.
package launch

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"caravan/topology"
)

// Workers are what to start.
type Workers struct {
	// Name of the job: lower-case letters, digits and dashes, at most 63 of
	// them, since Kubernetes takes no others.
	Name  string
	Count int
	// Args of the caravan command, such as worker --idle-exit 3.
	Args []string
	// Env are variables of the workers. Secret are others, which hold
	// passwords and are kept out of what is listed where the orchestrator has
	// a place for them.
	Env, Secret map[string]string
	// Image holds caravan as its entry point. Kubernetes needs one; without one
	// HashiCorp Nomad runs Command.
	Image   string
	Command string         // caravan's place on the nodes; "caravan"
	CPU     int            // of each, in thousandths of a core; 1000
	Memory  topology.Bytes // of each; 512 MiB
}

// patience is how long a worker that is told to end may take to finish the
// point under way, before it is killed and the point goes to another.
const patience = time.Minute

var names = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checked fills in defaults and reports every fault.
func (w Workers) checked() (Workers, error) {
	var errs []error
	if !names.MatchString(w.Name) {
		errs = append(errs, fmt.Errorf("name of the job: found %q, allowed: lower-case letters, digits and dashes, at most 63", w.Name))
	}
	if w.Count < 1 {
		errs = append(errs, fmt.Errorf("workers to launch: found %d, allowed: 1 or more", w.Count))
	}
	if w.Command == "" {
		w.Command = "caravan"
	}
	if w.CPU == 0 {
		w.CPU = 1000
	}
	if w.Memory == 0 {
		w.Memory = 512 << 20
	}
	return w, errors.Join(errs...)
}
