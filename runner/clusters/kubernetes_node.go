//go:build linux

package clusters

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"caravan/topology"
)

// nodeSetup is what the templates of one node read.
type nodeSetup struct {
	Name, Dir, Socket, Kubelet, Containerd, Kubeconfig, Pods, Gateway, Group, DNS, Pause string
	Address                                                                              string
	CPU, Labels, Taints                                                                  string
}

const containerdConfig = `version = 2
root = "{{.Dir}}/containerd/root"
state = "{{.Dir}}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{{.Socket}}"
[ttrpc]
  address = "{{.Socket}}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{{.Dir}}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = false
`

const cniConfig = `{"cniVersion": "0.4.0", "name": "{{.Name}}", "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "{{.Dir}}/addresses", "ranges": [[{"subnet": "{{.Pods}}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /{{.Group}}
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://{{.Socket}}
clusterDNS: ["{{.DNS}}"]
clusterDomain: cluster.local
resolvConf: {{.Dir}}/resolv.conf
enforceNodeAllocatable: [pods]
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
nodeStatusUpdateFrequency: 2s
systemReserved: {{.CPU}}
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
`

// nodeScript runs a node's two programs in one mount namespace of their own,
// with the folders that they share with other containers of this machine empty:
// what they mount, they take with them.
const nodeScript = `set -e
mount --make-rprivate /
for d in /run/netns /var/lib/cni; do mkdir -p $d; mount -t tmpfs tmpfs $d; done
mount --make-rshared /
sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
{{.Containerd}} --config {{.Dir}}/containerd.toml > {{.Dir}}/containerd.log 2>&1 &
exec {{.Kubelet}} --config={{.Dir}}/kubelet.yaml --kubeconfig={{.Kubeconfig}} --root-dir={{.Dir}}/kubelet \
  --hostname-override={{.Name}} --node-ip={{.Address}} --cert-dir={{.Dir}}/certificates --node-labels={{.Labels}} --register-with-taints={{.Taints}}
`

// node starts containerd and the kubelet of node i.
func (k *kube) node(i int) error {
	n, h := &k.Nodes[i], &k.hosts[i+1]
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return fmt.Errorf("%w (the package containerd has it, with runc; containernetworking-plugins is needed too)", err)
	}
	if err := k.nodeGroups(h); err != nil {
		return err
	}
	dir := filepath.Join(k.Dir, h.name)
	s := nodeSetup{
		Name: n.Name, Dir: dir, Socket: filepath.Join(dir, "c.sock"), Containerd: containerd, Kubelet: k.programs["kubelet"],
		Kubeconfig: k.config, Pods: k.podNetwork(i), Group: h.ns, DNS: k.hosts[0].address.String(), Pause: pauseImage,
		Address: h.address.String(), CPU: reserved(n),
	}
	s.Labels, s.Taints = registered(n)
	for file, text := range map[string]string{
		"containerd.toml": containerdConfig, "cni/10-pods.conflist": cniConfig, "kubelet.yaml": kubeletConfig,
		"node.sh": nodeScript, "resolv.conf": "nameserver {{.DNS}}\n",
	} {
		if err := k.write(filepath.Join(dir, file), text, s); err != nil {
			return err
		}
	}
	if err := k.routes(i); err != nil {
		return err
	}
	return k.Cluster.start(h, h.name, nil, "unshare", "--mount", "sh", filepath.Join(dir, "node.sh"))
}

// reserved is the kubelet's systemReserved that leaves what the node is to have.
func reserved(n *Node) string {
	cores := topology.MHz(runtime.NumCPU()) * 1000 // in Kubernetes' thousandths
	var parts []string
	if n.CPU > 0 && n.CPU < cores {
		parts = append(parts, fmt.Sprintf("cpu: %.0fm", float64(cores-n.CPU)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// labels are the node's class and meta, by the names that Kubernetes has for
// them.
func labels(n *Node) map[string]string {
	out := map[string]string{"caravan.node": n.Name, "kubernetes.io/hostname": n.Name}
	if n.Class != "" {
		out["node.kubernetes.io/instance-type"] = n.Class
	}
	for key, value := range n.Meta {
		if key == "zone" {
			key = "topology.kubernetes.io/zone"
		}
		out[key] = value
	}
	return out
}

// registered writes labels and taints as the kubelet's flags want them.
func registered(n *Node) (labelled, tainted string) {
	var list []string
	for key, value := range labels(n) {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	var taints []string
	for _, t := range n.Taints {
		taints = append(taints, t.Key+"="+t.Value+":"+t.Effect)
	}
	return strings.Join(list, ","), strings.Join(taints, ",")
}

// routes make the pods of node i known to this machine and to all others.
func (k *kube) routes(i int) error {
	k.hosts[i+1].pods = netip.MustParsePrefix(k.podNetwork(i) + ".0/24")
	pods, via := k.hosts[i+1].pods.String(), k.hosts[i+1].address.String()
	if err := ip("route", "add", pods, "via", via); err != nil {
		return err
	}
	for j := range k.hosts {
		if j != i+1 {
			if err := ip("-n", k.hosts[j].ns, "route", "add", pods, "via", via); err != nil {
				return err
			}
		}
	}
	return nil
}

// nodeGroups makes the control group of a node's pods below every controller.
func (k *kube) nodeGroups(h *host) error {
	if exists(filepath.Join(groupsV2, "cgroup.controllers")) {
		return nil // the kubelet makes its root itself
	}
	controllers, err := filepath.Glob(filepath.Join(groupsV2, "*", "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, c := range controllers {
		root := filepath.Dir(c)
		group := filepath.Join(root, h.ns)
		if exists(group) { // the quota's
			continue
		}
		if err := k.book.add(entry{Kind: cgroup, Name: group}); err != nil {
			return err
		}
		if err := os.Mkdir(group, 0o755); err != nil {
			return err
		}
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				continue // another controller
			}
			if err := os.WriteFile(filepath.Join(group, name), value, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// load gives a node an image, once its containerd listens.
func (k *kube) load(ctx context.Context, h *host, image Image) error {
	file := filepath.Join(k.Dir, "image.tar")
	if err := writeImage(file, image); err != nil {
		return err
	}
	socket := filepath.Join(k.Dir, h.name, "c.sock")
	return k.await(ctx, func(ctx context.Context) error {
		if !exists(socket) {
			return errors.New("containerd does not listen yet")
		}
		out, err := exec.CommandContext(ctx, "ctr", "--address", socket, "-n", "k8s.io", "images", "import", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(string(out), 2))
		}
		return nil
	})
}

// writeImage writes an archive as docker save does: one layer, one program.
func writeImage(path string, image Image) error {
	program, err := os.ReadFile(image.Program)
	if err != nil {
		return err
	}
	var layer strings.Builder
	if err := archive(&layer, []member{{filepath.Base(image.Program), program, 0o755}}); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(layer.String()))
	entry := append([]string{"/" + filepath.Base(image.Program)}, image.Args...)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": entry},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{image.Ref}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = archive(f, []member{{"config.json", config, 0o644}, {"layer.tar", []byte(layer.String()), 0o644}, {"manifest.json", manifest, 0o644}})
	return errors.Join(err, f.Close())
}

// A member is one file of an archive.
type member struct {
	name string
	data []byte
	mode int64
}

func archive(w io.Writer, members []member) error {
	t := tar.NewWriter(w)
	for _, m := range members {
		head := &tar.Header{Name: m.name, Mode: m.mode, Size: int64(len(m.data)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
		if err := t.WriteHeader(head); err != nil {
			return err
		}
		if _, err := t.Write(m.data); err != nil {
			return err
		}
	}
	return t.Close()
}
