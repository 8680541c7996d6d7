//go:build linux

package clusters

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"caravan/topology"
)

// NomadTool is HashiCorp Nomad 1.6, the last under the Mozilla licence, from
// the module in a folder of this repository. Its executor needs cgo.
func NomadTool(folder string) Tool {
	return Tool{Name: "nomad", Package: "github.com/hashicorp/nomad", Folder: folder, Env: []string{"CGO_ENABLED=1"}}
}

// How long a cluster may take to become ready, on a busy machine.
const readyWithin = 3 * time.Minute

// StartNomad starts one server and a client on every node, and returns when
// all of them are ready for work. It removes what it made on an error.
func StartNomad(ctx context.Context, s Spec, program string) (*Cluster, error) {
	c, err := create(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := c.nomad(ctx, program); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}

func (c *Cluster) nomad(ctx context.Context, program string) error {
	groups := []string{"nomad"} // of raw_exec
	for _, h := range c.hosts[1:] {
		groups = append(groups, h.ns) // of exec
	}
	if err := c.willMake(groups...); err != nil {
		return err
	}
	server := &c.hosts[0]
	c.Address = fmt.Sprintf("http://%s:4646", server.address)
	if c.Secure {
		c.Address = fmt.Sprintf("https://%s:4646", server.address)
		if err := c.secure(); err != nil {
			return err
		}
	}
	c.Env = []string{"NOMAD_ADDR=" + c.Address}
	if err := c.nomadAgent(server, program, c.nomadServer()); err != nil {
		return err
	}
	if c.Secure {
		token, err := c.grant(ctx)
		if err != nil {
			return err
		}
		c.Env = append(c.Env, "NOMAD_CACERT="+c.security.file("ca"), "NOMAD_TOKEN="+token)
	}
	for i := range c.Nodes {
		if err := c.nomadAgent(&c.hosts[i+1], program, c.nomadClient(&c.Nodes[i], &c.hosts[i+1])); err != nil {
			return err
		}
	}
	if err := c.emulate(); err != nil {
		return err
	}
	c.say("waiting for %d clients at %s", len(c.Nodes), c.Address)
	if err := c.await(ctx, c.nomadReady); err != nil {
		return err
	}
	return c.serve()
}

// nomadAgent writes the configuration of an agent and starts it.
func (c *Cluster) nomadAgent(h *host, program string, config map[string]any) error {
	dir := filepath.Join(c.Dir, h.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config["name"] = h.name
	config["data_dir"] = filepath.Join(dir, "data")
	config["bind_addr"] = h.address.String()
	config["disable_update_check"] = true
	config["log_level"] = "INFO"
	config["consul"] = map[string]any{"auto_advertise": false, "client_auto_join": false, "server_auto_join": false}
	if c.Secure {
		role := "client"
		if h.name == serverHost {
			role = "server"
		}
		var err error
		if config["tls"], err = c.security.certify(h, role); err != nil {
			return err
		}
		config["acl"] = map[string]any{"enabled": true}
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "nomad.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	h.boot = func() error { return c.start(h, h.name, nil, program, "agent", "-config", file) }
	return h.boot()
}

// nomadServer is a single server that notices a lost client as soon as the
// software allows, and where every type of job may evict others.
func (c *Cluster) nomadServer() map[string]any {
	return map[string]any{
		"server": map[string]any{
			"enabled": true, "bootstrap_expect": 1,
			"min_heartbeat_ttl": "5s", "heartbeat_grace": "5s",
			"default_scheduler_config": map[string]any{"preemption_config": map[string]bool{
				"batch_scheduler_enabled": true, "service_scheduler_enabled": true,
				"system_scheduler_enabled": true, "sysbatch_scheduler_enabled": true,
			}},
		},
	}
}

func (c *Cluster) nomadClient(n *Node, h *host) map[string]any {
	cpu, memory := n.CPU, n.Memory
	if cpu == 0 {
		cpu = 4000
	}
	client := map[string]any{
		"enabled": true, "servers": []string{fmt.Sprintf("%s:4647", c.hosts[0].address)},
		"network_interface": "eth0", "no_host_uuid": true,
		"cpu_total_compute": int(cpu), "gc_max_allocs": 5000,
		"cgroup_parent": h.ns,
		"options": map[string]string{
			"driver.allowlist":     "raw_exec,exec,mock_driver",
			"fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean,consul,vault,cni",
		},
	}
	if c.Chroot != nil {
		client["chroot_env"] = c.Chroot
	}
	if memory > 0 {
		client["memory_total_mb"] = int(memory / topology.MiB)
	}
	if n.Class != "" {
		client["node_class"] = n.Class
	}
	if len(n.Meta) > 0 {
		client["meta"] = n.Meta
	}
	return map[string]any{
		"client": client,
		"plugin": []any{map[string]any{"raw_exec": []any{map[string]any{"config": []any{map[string]any{"enabled": true}}}}}},
	}
}

// nomadReady reports what is missing until every client takes work.
func (c *Cluster) nomadReady(ctx context.Context) error {
	var nodes []struct{ Name, Status, SchedulingEligibility string }
	if err := c.call(ctx, http.MethodGet, "/v1/nodes", nil, &nodes); err != nil {
		return err
	}
	ready := 0
	for _, n := range nodes {
		if n.Status == "ready" && n.SchedulingEligibility == "eligible" {
			ready++
		}
	}
	if ready < len(c.Nodes) {
		return fmt.Errorf("%d of %d clients are ready", ready, len(c.Nodes))
	}
	return nil
}

// await asks until ready says nothing, a program ends, or time is up.
func (c *Cluster) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, readyWithin)
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		for i := range c.hosts {
			if ended := c.hosts[i].running(); ended != nil {
				return ended
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cluster %q is not ready: %w", c.Name, err)
		case <-tick.C:
		}
	}
}
