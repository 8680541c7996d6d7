package nomad

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/topology"
)

// What marks a job as ours: the meta key that holds the label of the run, and
// the beginning of the job's name.
const (
	runMeta   = "caravan_run"
	jobPrefix = "caravan-"
)

// Labels of the two ports, and the name of the task.
const (
	dataPort = "data"
	httpPort = "http"
	taskName = "agent"
)

// The least that Nomad reserves for an agent whose operator demands nothing.
const (
	leastCPU    = 20 // MHz
	leastMemory = 32 // MiB
)

// job is the whole plan as a service job.
func (b *Backend) job(p *runner.Plan) (*api.Job, error) {
	job := api.NewServiceJob(jobPrefix+p.Run, jobPrefix+p.Run, "", 50)
	job.Region = nil
	job.Datacenters = []string{"*"}
	job.Meta = map[string]string{runMeta: p.Run}
	// All groups start at once: an agent is of no use without the others.
	job.Update = &api.UpdateStrategy{MaxParallel: new(0)}
	for _, d := range p.Agents {
		g, err := b.group(p, d)
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", d.Name, err)
		}
		job.AddTaskGroup(g)
	}
	return job, nil
}

// group is one agent. It restarts where it is, for its node is the plan's
// decision, and it stays when its node is cut off: it may come back.
func (b *Backend) group(p *runner.Plan, d runner.Deployment) (*api.TaskGroup, error) {
	g := api.NewTaskGroup(d.Name, 1)
	g.Constrain(api.NewConstraint("${node.unique.name}", "=", d.Node))
	g.RestartPolicy = &api.RestartPolicy{
		Interval: new(time.Hour), Attempts: new(100), Delay: new(time.Second), Mode: new("delay"),
	}
	g.ReschedulePolicy = &api.ReschedulePolicy{Attempts: new(0), Unlimited: new(false)}
	g.Disconnect = &api.DisconnectStrategy{LostAfter: new(time.Hour), Replace: new(false)}
	//lint:ignore SA1019 servers before 1.8 know the same by this name alone
	g.MaxClientDisconnect = new(time.Hour)
	g.EphemeralDisk = &api.EphemeralDisk{SizeMB: new(30)}
	g.Networks = []*api.NetworkResource{{DynamicPorts: []api.Port{{Label: dataPort}, {Label: httpPort}}}}
	g.Services = []*api.Service{{
		Name: serviceName(p.Run, d.Name), Provider: "nomad", PortLabel: dataPort, Tags: []string{p.Run, d.Name},
	}}
	task, err := b.task(p, d)
	if err != nil {
		return nil, err
	}
	g.AddTask(task)
	return g, nil
}

// serviceName is short enough for any run and agent; tags tell people which.
func serviceName(run, name string) string {
	sum := sha256.Sum256([]byte(run + "/" + name))
	return jobPrefix + hex.EncodeToString(sum[:8])
}

// configFile is where the agent's configuration lies, below the task's folder.
const configFile = "local/agent.json"

func (b *Backend) task(p *runner.Plan, d runner.Deployment) (*api.Task, error) {
	t := api.NewTask(taskName, b.o.Driver)
	t.SetConfig("command", b.o.Program)
	t.SetConfig("args", append(append([]string{}, b.o.Arguments...), "${NOMAD_TASK_DIR}/agent.json"))
	if b.o.Driver == "docker" {
		t.SetConfig("image", b.o.Image)
		t.SetConfig("network_mode", "host")
	}
	t.KillTimeout = new(5 * time.Second)
	t.LogConfig = &api.LogConfig{MaxFiles: new(2), MaxFileSizeMB: new(5)}
	t.Resources = &api.Resources{
		CPU:      new(max(int(d.Resources.CPU), leastCPU)),
		MemoryMB: new(max(int((d.Resources.Memory+topology.MiB-1)/topology.MiB), leastMemory)),
	}
	peers := map[string]string{} // by agent, the file in which its address appears
	c := p.Wire(d, func(_, to runner.Deployment) agent.Lookup {
		peers[to.Name] = "peer-" + to.Name
		return agent.Lookup{File: taskFolder + "/peer-" + to.Name}
	})
	c.Listen, c.HTTP, c.Announce = dataAddress, httpAddress, ""
	text, err := configTemplate(&c)
	if err != nil {
		return nil, err
	}
	t.Templates = append(t.Templates, written(configFile, text))
	for _, to := range p.Agents { // in the plan's order, so that equal plans are equal jobs
		if file, ok := peers[to.Name]; ok {
			found := fmt.Sprintf(`<<with nomadService %q>><<with index . 0>><<.Address>>:<<.Port>><<end>><<end>>`, serviceName(p.Run, to.Name))
			t.Templates = append(t.Templates, written("local/"+file, found))
		}
	}
	return t, nil
}

// written is a template that changes its file and nothing else. JSON never
// holds "<<": its encoder writes < in another way.
func written(file, text string) *api.Template {
	return &api.Template{
		DestPath: &file, EmbeddedTmpl: &text, ChangeMode: new("noop"),
		LeftDelim: new("<<"), RightDelim: new(">>"),
	}
}

// What only the node knows stands in the configuration as one of these words
// until the template fills it in.
const (
	taskFolder  = "\x01task-folder\x01"
	dataAddress = "\x01data-address\x01"
	httpAddress = "\x01http-address\x01"
)

// configTemplate is the configuration with those words as the template's
// functions.
func configTemplate(c *agent.Config) (string, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(
		quoted(taskFolder), `<<env "NOMAD_TASK_DIR">>`,
		quoted(dataAddress), `<<env "NOMAD_ADDR_data">>`,
		quoted(httpAddress), `<<env "NOMAD_ADDR_http">>`,
	).Replace(string(text)), nil
}

// quoted is the word as it stands inside a string of JSON.
func quoted(word string) string { return strings.ReplaceAll(word, "\x01", `\u0001`) }
