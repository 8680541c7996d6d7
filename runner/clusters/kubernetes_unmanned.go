//go:build linux

package clusters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"caravan/topology"
)

// pretend registers the nodes of an unmanned cluster and plays their kubelets
// until it is closed.
func (k *kube) pretend(ctx context.Context) error {
	for i := range k.Nodes {
		if err := k.register(ctx, &k.Nodes[i]); err != nil {
			return fmt.Errorf("node %q: %w", k.Nodes[i].Name, err)
		}
	}
	k.closers = append(k.closers, k.play())
	k.say("waiting for %d unmanned nodes at %s", len(k.Nodes), k.Address)
	return k.await(ctx, k.ready)
}

// object is a JSON document of the API.
type object = map[string]any

// register creates a node that is ready. Nothing in the cluster watches over
// its heartbeat.
func (k *kube) register(ctx context.Context, n *Node) error {
	err := k.call(ctx, http.MethodPost, "/api/v1/nodes", "application/json", object{
		"kind": "Node", "apiVersion": "v1",
		"metadata": object{"name": n.Name, "labels": labels(n)},
		"spec":     object{"taints": n.Taints},
	}, nil)
	if err != nil {
		return err
	}
	room := map[string]string{
		"cpu":    fmt.Sprintf("%.0fm", float64(cmp.Or(n.CPU, 4000))),
		"memory": fmt.Sprint(int64(cmp.Or(n.Memory, 4*topology.GiB))),
		"pods":   "1000",
	}
	at := time.Now().UTC().Format(time.RFC3339)
	return k.patch(ctx, "/api/v1/nodes/"+n.Name+"/status", object{"status": object{
		"capacity": room, "allocatable": room,
		"conditions": []object{{
			"type": "Ready", "status": "True", "reason": "Unmanned", "lastHeartbeatTime": at, "lastTransitionTime": at,
		}},
	}})
}

func (k *kube) patch(ctx context.Context, path string, document any) error {
	return k.call(ctx, http.MethodPatch, path, "application/merge-patch+json", document, nil)
}

// A player is a goroutine that ends when it is closed.
type player struct {
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// Close ends it. Twice is safe.
func (p *player) Close() error {
	p.stop()
	p.ended.Wait()
	return nil
}

// play calls every pod that was given a node running, as kubelets do. Each
// started a second after the one before, since the API keeps whole seconds and
// schedulers ask who is the elder.
func (k *kube) play() *player {
	ctx, stop := context.WithCancel(context.Background())
	p := &player{stop: stop}
	p.ended.Go(func() {
		startAt := time.Now().UTC()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			n, err := k.startPods(ctx, startAt)
			if err != nil && ctx.Err() == nil {
				k.say("starting pods: %v", err)
			}
			startAt = startAt.Add(time.Duration(n) * time.Second)
		}
	})
	return p
}

// startPods starts the pods that have a node, the first at an instant, and
// counts them.
func (k *kube) startPods(ctx context.Context, at time.Time) (n int, err error) {
	var list struct {
		Items []struct {
			Metadata struct {
				Name, Namespace, UID string
			}
			Spec struct{ NodeName string }
		}
	}
	if err := k.get(ctx, "/api/v1/pods?fieldSelector=status.phase%3DPending,spec.nodeName%21%3D", &list); err != nil {
		return 0, err
	}
	for i := range list.Items {
		m := &list.Items[i].Metadata
		gone := k.patch(ctx, "/api/v1/namespaces/"+m.Namespace+"/pods/"+m.Name+"/status", object{
			"metadata": object{"uid": m.UID}, // not another of this name
			"status":   object{"phase": "Running", "startTime": at.Add(time.Duration(i) * time.Second).Format(time.RFC3339)},
		})
		err = errors.Join(err, gone)
	}
	return len(list.Items), err
}
