package launch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/runner/kubernetes/api"
)

// Kubernetes submits w as an Indexed Job to the cluster and namespace that
// kubectl would use (KUBECONFIG, the current context). What w keeps secret
// goes into a Secret of the same name.
func Kubernetes(ctx context.Context, w Workers) error {
	job, secret, err := kubernetesJob(w)
	if err != nil {
		return err
	}
	client, err := api.Open("")
	if err != nil {
		return err
	}
	if err := put(ctx, client, job, secret); err != nil {
		return fmt.Errorf("submitting job %s to Kubernetes at %s: %w", w.Name, client.Address, err)
	}
	return nil
}

// put makes the job, and then its secret, which goes when the job does: the
// pods wait for it. A job of a name cannot be changed, and is left alone.
func put(ctx context.Context, client *api.Client, job *batchv1.Job, secret *corev1.Secret) error {
	made, err := client.Jobs(client.Namespace).Create(ctx, job)
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("it exists already; kubectl delete job %s ends its workers: %w", job.Name, err)
	}
	if err != nil {
		return err
	}
	secret.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "batch/v1", Kind: "Job", Name: made.Name, UID: made.UID,
	}}
	_, err = client.Secrets(client.Namespace).Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) { // of a job that was deleted just now
		_, err = client.Secrets(client.Namespace).Update(ctx, secret)
	}
	return err
}

// kubernetesJob is the job of w: as many indexes as workers, all at once. A
// worker that is evicted or preempted is started again for nothing; one that
// fails by itself, ten times. A worker that finds no work ends well.
func kubernetesJob(w Workers) (*batchv1.Job, *corev1.Secret, error) {
	w, err := w.checked()
	if w.Image == "" {
		err = errors.Join(err, errors.New("image of the workers: found none, allowed: an image whose entry point is caravan"))
	}
	if err != nil {
		return nil, nil, err
	}
	meta := metav1.ObjectMeta{Name: w.Name, Labels: map[string]string{"app.kubernetes.io/name": "caravan", "app.kubernetes.io/instance": w.Name}}
	size := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(w.CPU), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(w.Memory), resource.BinarySI),
	}
	env := []corev1.EnvVar{{Name: "CARAVAN_WORKER", ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
	}}}
	for _, name := range slices.Sorted(maps.Keys(w.Env)) {
		env = append(env, corev1.EnvVar{Name: name, Value: w.Env[name]})
	}
	pod := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: new(int64(patience.Seconds())),
		Containers: []corev1.Container{{
			Name: "worker", Image: w.Image, Args: w.Args, Env: env,
			EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: w.Name},
			}}},
			Resources: corev1.ResourceRequirements{Requests: size, Limits: corev1.ResourceList{corev1.ResourceMemory: size[corev1.ResourceMemory]}},
		}},
	}
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: meta,
		Spec: batchv1.JobSpec{
			CompletionMode: new(batchv1.IndexedCompletion), Completions: new(int32(w.Count)), Parallelism: new(int32(w.Count)),
			BackoffLimitPerIndex:    new(int32(10)),
			TTLSecondsAfterFinished: new(int32(3600)),
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action:          batchv1.PodFailurePolicyActionIgnore,
				OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
			}}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}, Spec: pod},
		},
	}
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: meta, StringData: w.Secret,
	}
	return job, secret, nil
}
