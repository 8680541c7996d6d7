//go:build linux

package clusters

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// kubernetesVersion is that of the module; the programs do not know it of
// themselves.
const kubernetesVersion = "v1.34.4"

// KubernetesTools are the programs of Kubernetes and etcd, from the module in a
// folder of this repository. containerd, runc and the CNI plugins are the
// machine's own.
func KubernetesTools(folder string) []Tool {
	var list []Tool
	for _, t := range [][2]string{
		{"etcd", "go.etcd.io/etcd/server/v3"},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
		{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
		{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
	} {
		list = append(list, Tool{
			Name: t[0], Package: t[1], Folder: folder, Env: []string{"CGO_ENABLED=0"},
			Flags: "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion,
		})
	}
	return list
}

// An Image is a container image of one static program, which every node gets
// without a registry.
type Image struct {
	Ref     string // such as caravan.local/agent:1
	Program string // on this machine
	Args    []string
}

// pauseImage holds a pod's namespaces.
const pauseImage = "caravan.local/pause:1"

// StartKubernetes starts a control plane, and containerd and a kubelet on every
// node, and returns when all nodes are ready. pause is a static program that
// waits when it is called with the argument pause. Of an unmanned cluster this
// process plays the kubelets, as far as a scheduler sees them. It removes what
// it made on an error.
func StartKubernetes(ctx context.Context, s Spec, programs map[string]string, pause string, images []Image) (*Cluster, error) {
	c, err := create(ctx, s)
	if err != nil {
		return nil, err
	}
	k := &kube{Cluster: c, programs: programs}
	images = append([]Image{{Ref: pauseImage, Program: pause, Args: []string{"pause"}}}, images...)
	if err := k.start(ctx, images); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}

// A kube is a Kubernetes cluster that is being started.
type kube struct {
	*Cluster
	programs map[string]string
	token    string
	config   string // the kubeconfig
	client   http.Client
}

func (k *kube) start(ctx context.Context, images []Image) error {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	k.token = hex.EncodeToString(secret)
	// The apiserver signs its own certificate anew at every start.
	k.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	k.client.Timeout = 5 * time.Second
	k.Address = fmt.Sprintf("https://%s:6443", k.hosts[0].address)
	k.config = filepath.Join(k.Dir, "kubeconfig")
	k.Env = []string{"KUBECONFIG=" + k.config, "CARAVAN_SCHEDULER_LOG=" + filepath.Join(k.Dir, serverHost+"-kube-scheduler.log")}
	if err := k.write(k.config, kubeconfig, k); err != nil {
		return err
	}
	if err := k.controlPlane(ctx); err != nil {
		return err
	}
	if k.Unmanned {
		return k.pretend(ctx)
	}
	for i := range k.Nodes {
		if err := k.node(i); err != nil {
			return fmt.Errorf("node %q: %w", k.Nodes[i].Name, err)
		}
	}
	for i := range k.Nodes {
		for _, image := range images {
			if err := k.load(ctx, &k.hosts[i+1], image); err != nil {
				return fmt.Errorf("image %s on %s: %w", image.Ref, k.Nodes[i].Name, err)
			}
		}
	}
	if err := k.emulate(); err != nil {
		return err
	}
	if err := k.names(); err != nil {
		return err
	}
	k.say("waiting for %d nodes at %s", len(k.Nodes), k.Address)
	if err := k.await(ctx, k.ready); err != nil {
		return err
	}
	return k.serve()
}

// Server and Token are what the kubeconfig's template reads.
func (k *kube) Server() string { return k.Address }

// Token is the administrator's.
func (k *kube) Token() string { return k.token }

const kubeconfig = `apiVersion: v1
kind: Config
current-context: caravan
clusters: [{name: caravan, cluster: {server: "{{.Server}}", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: "{{.Token}}"}}]
contexts: [{name: caravan, context: {cluster: caravan, user: admin, namespace: default}}]
`

// write fills a template into a file that only this user reads.
func (k *kube) write(path, text string, data any) error {
	t, err := template.New(filepath.Base(path)).Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// without names the admission plugins that a cluster of this kind cannot use:
// service accounts wait for a controller, and new nodes for one that takes the
// taint away which says that they are not ready.
func (k *kube) without() string {
	if k.Unmanned {
		return "ServiceAccount,TaintNodesByCondition"
	}
	return "ServiceAccount"
}

// controlPlane starts etcd, the apiserver, the scheduler and, of a manned
// cluster, the controller manager on the server's machine.
func (k *kube) controlPlane(ctx context.Context) error {
	server, dir := &k.hosts[0], filepath.Join(k.Dir, serverHost)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	pair := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	keyFile, tokens := filepath.Join(dir, "accounts.key"), filepath.Join(dir, "tokens.csv")
	if err := k.write(tokens, "{{.Token}},admin,admin,system:masters\n", k); err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pair, 0o600); err != nil {
		return err
	}
	const etcd = "http://127.0.0.1:2379"
	if err := k.run(server, "etcd", "--data-dir="+filepath.Join(dir, "etcd"), "--listen-client-urls="+etcd,
		"--advertise-client-urls="+etcd, "--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync", "--log-level=warn"); err != nil {
		return err
	}
	if err := k.run(server, "kube-apiserver", "--etcd-servers="+etcd, "--secure-port=6443",
		"--bind-address="+server.address.String(), "--advertise-address="+server.address.String(),
		"--cert-dir="+filepath.Join(dir, "certificates"), "--token-auth-file="+tokens,
		"--authorization-mode=AlwaysAllow", "--disable-admission-plugins="+k.without(),
		"--service-account-issuer="+k.Address, "--service-account-key-file="+keyFile, "--service-account-signing-key-file="+keyFile,
		"--service-cluster-ip-range=10.96.0.0/16", "--allow-privileged=true"); err != nil {
		return err
	}
	if err := k.await(ctx, k.healthy); err != nil {
		return err
	}
	if err := k.run(server, "kube-scheduler", "--kubeconfig="+k.config, "--leader-elect=false", "--bind-address=127.0.0.1",
		"--vmodule=schedule_one=10"); err != nil || k.Unmanned { // it logs its scores
		return err
	}
	return k.run(server, "kube-controller-manager", "--kubeconfig="+k.config, "--leader-elect=false", "--bind-address=127.0.0.1",
		"--node-monitor-period=1s", "--node-monitor-grace-period=20s",
		"--service-account-private-key-file="+keyFile, "--use-service-account-credentials=false")
}

// run starts one of the cluster's own programs.
func (k *kube) run(h *host, name string, args ...string) error {
	return k.Cluster.start(h, h.name+"-"+name, nil, k.programs[name], args...)
}

// get asks the apiserver.
func (k *kube) get(ctx context.Context, path string, into any) error {
	return k.call(ctx, http.MethodGet, path, "", nil, into)
}

// call sends a document, unless nil, of a media type to the apiserver.
func (k *kube) call(ctx context.Context, method, path, kind string, document, into any) error {
	var body io.Reader
	if document != nil {
		text, err := json.Marshal(document)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, k.Address+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+k.token)
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

func (k *kube) healthy(ctx context.Context) error { return k.get(ctx, "/readyz", nil) }

// ready reports what is missing until every node takes work.
func (k *kube) ready(ctx context.Context) error {
	var list struct {
		Items []struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
			Spec struct{ Taints []Taint }
		}
	}
	if err := k.get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	n := 0
	for _, node := range list.Items {
		for _, c := range node.Status.Conditions {
			held := slices.ContainsFunc(node.Spec.Taints, func(t Taint) bool { return strings.HasPrefix(t.Key, "node.kubernetes.io/") })
			if c.Type == "Ready" && c.Status == "True" && !held {
				n++
			}
		}
	}
	if n < len(k.Nodes) {
		return fmt.Errorf("%d of %d nodes are ready", n, len(k.Nodes))
	}
	return nil
}

// podNetwork is where the pods of node i are, a /24 apart from all machines.
func (c *Cluster) podNetwork(i int) string {
	return fmt.Sprintf("10.%d.%d", 128+c.Network.Addr().As4()[2]%100, i+1)
}
