package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/runner"
	"caravan/runner/agent"
)

// What marks an object as ours, and what we note on deployments.
const (
	runLabel    = "caravan.run"
	agentLabel  = "caravan.agent"
	fingerprint = "caravan.fingerprint" // of everything that a new pod would need
	nodeNote    = "caravan.node"
)

// Ports of every agent, each in a pod of its own.
const (
	dataPort = 7001
	httpPort = 7002
)

const configFolder = "/etc/caravan"

// objectName is that of an agent's deployment and service: short enough for a
// host name, whatever the run and the agent are called.
func objectName(run, name string) string {
	sum := sha256.Sum256([]byte(run + "/" + name))
	return fmt.Sprintf("caravan-%s-%s", hex.EncodeToString(sum[:4]), name[:min(len(name), 40)])
}

func meta(run, name, agentName string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: name, Labels: map[string]string{runLabel: run, "app.kubernetes.io/managed-by": "caravan"}}
	if agentName != "" {
		m.Labels[agentLabel] = agentName
	}
	return m
}

// configs is the configurations of all agents, by agent.
func (b *Backend) configs(p *runner.Plan) (*corev1.ConfigMap, error) {
	out := &corev1.ConfigMap{ObjectMeta: meta(p.Run, "caravan-"+p.Run, ""), Data: map[string]string{}}
	for _, d := range p.Agents {
		c := p.Wire(d, func(_, to runner.Deployment) agent.Lookup {
			host := objectName(p.Run, to.Name) + "." + b.namespace + ".svc"
			return agent.Lookup{Address: host + ":" + strconv.Itoa(dataPort)}
		})
		c.Listen, c.HTTP, c.Announce = ":"+strconv.Itoa(dataPort), ":"+strconv.Itoa(httpPort), ""
		text, err := json.MarshalIndent(&c, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("agent %s: %w", d.Name, err)
		}
		out.Data[d.Name] = string(text)
	}
	return out, nil
}

// service names the agent's pod, from the moment it has an address: agents wait
// for each other themselves.
func (b *Backend) service(run string, d runner.Deployment) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: meta(run, objectName(run, d.Name), d.Name),
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone, PublishNotReadyAddresses: true,
			Selector: map[string]string{runLabel: run, agentLabel: d.Name},
			Ports:    []corev1.ServicePort{{Name: "data", Port: dataPort}, {Name: "http", Port: httpPort}},
		},
	}
}

// deployment is one pod on the agent's node. Another version takes its place
// only after it has gone, for two would both serve.
func (b *Backend) deployment(run string, d runner.Deployment, config string) *appsv1.Deployment {
	m := meta(run, objectName(run, d.Name), d.Name)
	selector := map[string]string{runLabel: run, agentLabel: d.Name}
	pod := b.pod(run, d)
	m.Annotations = map[string]string{nodeNote: d.Node, fingerprint: fingerprintOf(pod, config)}
	return &appsv1.Deployment{
		ObjectMeta: m,
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: selector},
			Strategy:             appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			RevisionHistoryLimit: new(int32(0)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: m.Labels, Annotations: map[string]string{fingerprint: m.Annotations[fingerprint]}},
				Spec:       pod,
			},
		},
	}
}

func fingerprintOf(pod corev1.PodSpec, config string) string {
	h := sha256.New()
	_, _ = fmt.Fprint(h, pod.String(), config) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func (b *Backend) pod(run string, d runner.Deployment) corev1.PodSpec {
	requests := corev1.ResourceList{}
	if cpu := int64(d.Resources.CPU); cpu > 0 { // a thousandth of a core is a MHz
		requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(cpu, resource.DecimalSI)
	}
	if memory := int64(d.Resources.Memory); memory > 0 {
		requests[corev1.ResourceMemory] = *resource.NewQuantity(memory, resource.BinarySI)
	}
	container := corev1.Container{
		Name: "agent", Image: b.o.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Args:         append(append([]string{}, b.o.Arguments...), configFolder+"/agent.json"),
		Resources:    corev1.ResourceRequirements{Requests: requests},
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: configFolder, ReadOnly: true}},
	}
	if b.o.Program != "" {
		container.Command = []string{b.o.Program}
	}
	return corev1.PodSpec{
		Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{d.Node}}},
			}}},
		}},
		// A node that is cut off keeps its agents: it may come back.
		Tolerations: []corev1.Toleration{
			{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
			{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
		},
		TerminationGracePeriodSeconds: new(int64(5)),
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		Containers:                    []corev1.Container{container},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "caravan-" + run},
			Items:                []corev1.KeyToPath{{Key: d.Name, Path: "agent.json"}},
		}}}},
	}
}
