package launch

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/nomad/api"
)

// Nomad submits w as a batch job to the cluster that the environment names, as
// HashiCorp's own command reads it (NOMAD_ADDR, NOMAD_TOKEN, ...). Submitting
// the same again changes the number of workers and no more.
func Nomad(ctx context.Context, w Workers) error {
	job, err := nomadJob(w)
	if err != nil {
		return err
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return fmt.Errorf("client of HashiCorp Nomad: %w", err)
	}
	defer client.Close()
	if _, _, err := client.Jobs().Register(job, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("submitting job %s to HashiCorp Nomad at %s: %w", w.Name, client.Address(), err)
	}
	return nil
}

// nomadJob is the job of w: one group, whose allocations restart where they
// are and then elsewhere, for as long as there is work. A worker that finds
// none ends well, and is not started again.
func nomadJob(w Workers) (*api.Job, error) {
	w, err := w.checked()
	if err != nil {
		return nil, err
	}
	job := api.NewBatchJob(w.Name, w.Name, "", 50)
	job.Region = nil
	job.Datacenters = []string{"*"}
	task := api.NewTask("worker", "raw_exec")
	task.Config = map[string]any{"command": w.Command, "args": w.Args}
	if w.Image != "" {
		task.Driver = "docker"
		task.Config = map[string]any{"image": w.Image, "args": w.Args}
	}
	task.Env = map[string]string{"CARAVAN_WORKER": "${NOMAD_JOB_NAME}-${NOMAD_ALLOC_INDEX}-${NOMAD_SHORT_ALLOC_ID}"}
	maps.Copy(task.Env, w.Env)
	maps.Copy(task.Env, w.Secret)
	task.KillSignal = "SIGINT"
	task.KillTimeout = new(patience)
	// A core counts for a GHz: HashiCorp Nomad has no unit of cores that does
	// not pin them.
	task.Resources = &api.Resources{CPU: new(int(w.CPU)), MemoryMB: new(int(w.Memory >> 20))}
	group := api.NewTaskGroup("workers", w.Count)
	group.RestartPolicy = &api.RestartPolicy{
		Interval: new(10 * time.Minute), Attempts: new(3), Delay: new(5 * time.Second), Mode: new("fail"),
	}
	group.ReschedulePolicy = &api.ReschedulePolicy{
		Unlimited: new(true), Delay: new(5 * time.Second), DelayFunction: new("exponential"), MaxDelay: new(5 * time.Minute),
	}
	job.AddTaskGroup(group.AddTask(task))
	return job, nil
}
