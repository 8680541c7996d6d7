package workloads

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"caravan/topology"
)

const minimalJob = `job "a" {
  group "g" {
    task "t" {
    }
  }
}
`

func TestAJobFileWithoutFieldsHasTheDefaults(t *testing.T) {
	in, err := Import("nomad-job", "a.nomad", strings.NewReader(minimalJob))
	require.NoError(t, err)
	assert.Equal(t, []Job{{
		Name: "a", Type: Service, Priority: 50, Groups: []Group{{
			Name: "g", Count: 1, Demand: topology.Resources{Disk: DefaultDisk},
			Tasks: []Task{{Name: "t", CPU: DefaultTaskCPU, Memory: DefaultTaskMemory}},
		}},
	}}, in.Jobs)
	assert.Empty(t, in.Warnings)
}

func TestPoliciesOfAJobHoldForItsGroups(t *testing.T) {
	in, err := Import("nomad-job", "a.nomad", strings.NewReader(`
job "a" {
  type = "batch"
  reschedule {
    attempts = 4
    delay    = "1m"
  }
  group "g" {
    max_client_disconnect = "2m"
    reschedule { delay = "2m" }
    disconnect { replace = false }
    task "t" {
      resources { cores = 2 }
    }
  }
  task "lone" {}
}`))
	require.NoError(t, err)
	j := in.Jobs[0]
	require.Len(t, j.Groups, 2)
	assert.Equal(t, Reschedule{Attempts: 4, Interval: 24 * time.Hour, Delay: 2 * time.Minute, Function: ConstantDelay}, j.RescheduleOf(0))
	assert.Equal(t, time.Minute, j.RescheduleOf(1).Delay)
	assert.Equal(t, Disconnect{LostAfter: 2 * time.Minute, Reconcile: BestScore}, j.DisconnectOf(0))
	assert.Equal(t, "lone", j.Groups[1].Name)
	assert.Equal(t, 2, j.Groups[0].Cores())
	assert.Zero(t, j.Groups[0].Tasks[0].CPU)
}

func TestConstraintsHaveTheirShortForms(t *testing.T) {
	in, err := Import("nomad-job", "a.nomad", strings.NewReader(`
job "a" {
  constraint { distinct_hosts = true }
  constraint { distinct_hosts = false }
  constraint { distinct_property = "${meta.rack}" }
  constraint {
    attribute = "${attr.driver.docker.version}"
    semver    = ">= 20.0.0"
  }
  constraint {
    attribute = "${node.unique.name}"
    operator  = "regexp"
    value     = "^web"
  }
  constraint {
    attribute = "${meta.ssd}"
    operator  = "is_set"
  }
  group "g" {
    task "t" {
      resources {
        device "nvidia/gpu" {
          constraint {
            attribute = "${device.attr.memory}"
            operator  = ">="
            value     = "8 GiB"
          }
        }
        device "fpga" { count = 2 }
      }
    }
  }
}`))
	require.NoError(t, err)
	var texts []string
	for _, c := range in.Jobs[0].Constraints {
		texts = append(texts, c.String())
	}
	assert.Equal(t, []string{
		"distinct_hosts", "meta.rack distinct_property", "attr.driver.docker.version semver >= 20.0.0",
		"name regexp ^web", "meta.ssd is_set",
	}, texts)
	devices := in.Jobs[0].Groups[0].Tasks[0].Devices
	require.Len(t, devices, 2)
	assert.Equal(t, "device.attr.memory >= 8 GiB", devices[0].Constraints[0].String())
	assert.Equal(t, 2, devices[1].Count)
}

func TestFaultsOfJobFilesNameLineAndField(t *testing.T) {
	for text, want := range map[string]string{
		"job \"a\" {\n  priority = 200\n  group \"g\" {\n    task \"t\" {}\n  }\n}":  `x:2: priority: found "200", allowed is a whole number from 1 to 100`,
		"job \"a\" {\n  type = \"cron\"\n  group \"g\" {\n    task \"t\" {}\n  }\n}": `x:2: type: found "cron", allowed is service, batch, system or sysbatch`,
		"job \"a\" {\n}": "x:1: job: found no group",
		"job \"a\" {\n  group \"g\" {\n    count = 0\n    task \"t\" {}\n  }\n}":                                                            "x:3: count: found 0",
		"job \"a\" {\n  group \"g\" {\n    restart {\n      delay = \"soon\"\n    }\n    task \"t\" {}\n  }\n}":                             `x:4: delay: found "soon", allowed is a span of time such as 30s`,
		"job \"a\" {\n  group \"g\" {\n    constraint {\n      attribute = \"x\"\n      operator = \"~\"\n    }\n    task \"t\" {}\n  }\n}": `x:3: constraint: operator "~"`,
		"job \"a\" {\n  group \"g\" {\n    task \"t\" {\n      resources {\n        memory = \"much\"\n      }\n    }\n  }\n}":              `x:5: memory: found "much"`,
		"job \"a\" {\n  dynamic \"group\" {\n  }\n  group \"g\" {\n    task \"t\" {}\n  }\n}":                                               `x:2: dynamic: found a generated group`,
		"job \"a\" {\n  group \"g\" {\n    count = env(\"N\")\n    task \"t\" {}\n  }\n}":                                                   "x:3: ",
		"job \"a\" {": "x:1: ",
		"x = 1":       "x:1: found no job",
	} {
		_, err := Import("nomad-job", "x", strings.NewReader(text))
		assert.ErrorContains(t, err, want)
	}
}

func TestTheTwoFormsOfAJobAreTheSame(t *testing.T) {
	hcl := `
job "a" {
  priority = 80
  datacenters = ["dc1"]
  spread {
    attribute = "${node.datacenter}"
    weight = 40
    target "dc1" { percent = 60 }
  }
  group "g" {
    count = 2
    network {
      mbits = 10
      port "http" { static = 80 }
      port "x" {}
    }
    affinity {
      attribute = "${node.class}"
      value = "fast"
      weight = -20
    }
    task "t" {
      driver = "exec"
      meta { k = "v" }
      kill_timeout = "20s"
      resources {
        cpu = 700
        memory = 512
        memory_max = 1024
      }
    }
  }
}`
	js := `{"ID": "a", "Type": "service", "Priority": 80, "Datacenters": ["dc1"],
 "Spreads": [{"Attribute": "${node.datacenter}", "Weight": 40, "SpreadTarget": [{"Value": "dc1", "Percent": 60}]}],
 "TaskGroups": [{"Name": "g", "Count": 2,
   "Networks": [{"MBits": 10, "ReservedPorts": [{"Label": "http", "Value": 80}], "DynamicPorts": [{"Label": "x"}]}],
   "Affinities": [{"LTarget": "${node.class}", "RTarget": "fast", "Operand": "=", "Weight": -20}],
   "Tasks": [{"Name": "t", "Driver": "exec", "Meta": {"k": "v"}, "KillTimeout": 20000000000,
     "Resources": {"CPU": 700, "MemoryMB": 512, "MemoryMaxMB": 1024}}]}]}`
	a, err := Import("nomad-job", "a.nomad", strings.NewReader(hcl))
	require.NoError(t, err)
	b, err := Import("nomad-job", "a.json", strings.NewReader(js))
	require.NoError(t, err)
	assert.Equal(t, a.Jobs, b.Jobs)
	assert.Empty(t, b.Warnings)
}

func TestQuantitiesAreThoseOfKubernetes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,4}(\.[0-9]{1,3})?`).Draw(t, "digits") +
			rapid.SampledFrom([]string{"", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e2", "E3"}).Draw(t, "suffix")
		want, err := resource.ParseQuantity(text)
		require.NoError(t, err)
		got, err := parseQuantity(text)
		require.NoError(t, err)
		assert.InEpsilon(t, 1+want.AsApproximateFloat64(), 1+got, 1e-9, text)
	})
	for _, text := range []string{"", "x", "1K", "1 Gi", "--1", "Gi", "0x10", "1e9999"} {
		_, err := parseQuantity(text)
		assert.Error(t, err, text)
	}
}

func pod(fields string) string {
	return "kind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec:\n  containers: [{resources: {requests: {cpu: 1}}}]\n" + fields
}

func TestPodsAskForNodesAndKeepApart(t *testing.T) {
	for fields, want := range map[string]string{
		"  nodeSelector: {disk: ssd}\n": "disk = ssd",
		"  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: cores, operator: Gt, values: ['8']}, {key: arm, operator: DoesNotExist}]}]}}}\n":                     "cores > 8, arm is_not_set",
		"  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: z, operator: In, values: [a]}]}, {matchExpressions: [{key: z, operator: In, values: [b, c]}]}]}}}\n": "z in a, b, c",
		"  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: p}}}]}}\n":                                                             "distinct_hosts",
		"  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {matchExpressions: [{key: app, operator: In, values: [p, q]}]}}]}}\n":                 "datacenter distinct_property",
		"  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: other}}}]}}\n":                                                         "",
	} {
		in, err := Import("kubernetes", "p.yaml", strings.NewReader(pod(fields)))
		require.NoError(t, err, fields)
		var texts []string
		for _, c := range in.Jobs[0].Groups[0].Constraints {
			texts = append(texts, c.String())
		}
		assert.Equal(t, want, strings.Join(texts, ", "), fields)
	}
}

func TestTaintsKeepOffWhatDoesNotTolerateThem(t *testing.T) {
	nodes := "kind: Node\nmetadata: {name: n}\nspec: {taints: [{key: k, value: a, effect: NoSchedule}, {key: k, value: b, effect: NoExecute}, {key: soft, value: s, effect: PreferNoSchedule}]}\nstatus: {capacity: {cpu: 4}}\n---\n"
	for tolerations, want := range map[string]string{
		"":                             "taint.k != a, b; -50 taint.soft = s",
		"[{operator: Exists}]":         "",
		"[{key: k, operator: Exists}]": "; -50 taint.soft = s",
		"[{key: k, value: a}]":         "taint.k != b; -50 taint.soft = s",
		"[{key: k, operator: Exists, effect: NoSchedule}, {key: soft, value: s}]": "taint.k != b",
	} {
		text := nodes + pod("  tolerations: "+tolerations+"\n")
		in, err := Import("kubernetes", "p.yaml", strings.NewReader(text))
		require.NoError(t, err)
		var texts []string
		for _, c := range in.Jobs[0].Groups[0].Constraints {
			texts = append(texts, c.String())
		}
		got := strings.Join(texts, ", ")
		for _, a := range in.Jobs[0].Groups[0].Affinities {
			got += "; " + "-50 " + a.String()
		}
		assert.Equal(t, want, got, tolerations)
		assert.Equal(t, topology.MHz(4000), in.Nodes[0].CPU)
	}
}

func TestInitContainersAndSidecarsCountAsKubernetesCounts(t *testing.T) {
	text := `
kind: Pod
metadata: {name: p}
spec:
  initContainers:
    - {restartPolicy: Always, resources: {requests: {cpu: 100m, memory: 10Mi}}}
    - {resources: {requests: {cpu: 2, memory: 20Mi}}}
    - {restartPolicy: Always, resources: {requests: {cpu: 200m, memory: 40Mi}}}
  containers:
    - {resources: {requests: {cpu: 500m}, limits: {cpu: 1, memory: 100Mi, amd.com/gpu: 2}}}
    - {resources: {requests: {memory: 50Mi}}}
  overhead: {cpu: 50m}
`
	in, err := Import("kubernetes", "p.yaml", strings.NewReader(text))
	require.NoError(t, err)
	// cpu: init 100m+2 = 2.1 against 0.5+0.3, and the overhead; memory: 150+50.
	assert.Equal(t, topology.Resources{CPU: 2150, Memory: 200 * topology.MiB, GPUs: 2, GPUMilli: 1000}, in.Jobs[0].Groups[0].Demand)
}

func TestADisruptionBudgetIsHowManyLeaveAtOnce(t *testing.T) {
	for spec, want := range map[string]int{
		"minAvailable: 3": 2, "minAvailable: 50%": 2, "maxUnavailable: 1": 1, "maxUnavailable: 40%": 2, "minAvailable: 5": 1,
	} {
		text := "kind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {" + spec + ", selector: {matchLabels: {app: d}}}\n---\n" +
			"kind: Deployment\nmetadata: {name: d}\nspec: {replicas: 5, template: {metadata: {labels: {app: d}}, spec: {containers: [{}]}}}\n---\n" +
			"kind: Deployment\nmetadata: {name: e, namespace: other}\nspec: {replicas: 5, template: {metadata: {labels: {app: d}}, spec: {containers: [{}]}}}\n"
		in, err := Import("kubernetes", "x", strings.NewReader(text))
		require.NoError(t, err)
		require.NotNil(t, in.Jobs[0].Groups[0].Migrate, spec)
		assert.Equal(t, want, in.Jobs[0].Groups[0].Migrate.MaxParallel, spec)
		assert.Nil(t, in.Jobs[1].Groups[0].Migrate, "of another namespace")
	}
}

func TestFaultsOfManifestsNameLineAndField(t *testing.T) {
	for text, want := range map[string]string{
		"kind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - resources:\n      requests:\n        cpu: lots\n": `x:7: cpu: found "lots", allowed is a quantity such as 500m or 2Gi`,
		"kind: Deployment\nmetadata: {name: d}\nspec: {replicas: -1}\n":                                              "x:3: replicas: found \"-1\"",
		"kind: Deployment\nmetadata: {name: d}\nspec:\n  replicas: 1\n":                                              "found no pod to run",
		"kind: Pod\nspec:\n  containers: []\n":                                                                       "found no metadata.name",
		pod("  priorityClassName: gold\n"):                                                                           `x:5: priorityClassName: found "gold", allowed here is one of`,
		"kind: ConfigMap\n":                                                                                          "found nothing to place",
		"a: [":                                                                                                       "not YAML",
		pod("") + "---\n" + pod(""):                                                                                  "twice",
	} {
		_, err := Import("kubernetes", "x", strings.NewReader(text))
		assert.ErrorContains(t, err, want)
	}
}

func FuzzNomadJob(f *testing.F) {
	f.Add(minimalJob)
	f.Add(`{"Job": {"ID": "a", "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t"}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) { checkImported(t, "nomad-job", text) })
}

func FuzzKubernetes(f *testing.F) {
	f.Add(pod("  nodeSelector: {disk: ssd}\n"))
	f.Add("kind: List\nitems: [{kind: Job, metadata: {name: a}, spec: {parallelism: 3, template: {spec: {containers: [{}]}}}}]")
	f.Fuzz(func(t *testing.T, text string) { checkImported(t, "kubernetes", text) })
}

// checkImported reads a text; what is accepted has the names and counts that a
// scenario needs.
func checkImported(t *testing.T, format, text string) {
	in, err := Import(format, "x", strings.NewReader(text))
	if err != nil {
		return
	}
	for _, j := range in.Jobs {
		assert.NotEmpty(t, j.Name)
		assert.GreaterOrEqual(t, j.Priority, 1)
		assert.LessOrEqual(t, j.Priority, MaxPriority)
		require.NotEmpty(t, j.Groups)
		for _, g := range j.Groups {
			assert.GreaterOrEqual(t, g.Count, 1)
			assert.GreaterOrEqual(t, g.Demand.CPU, topology.MHz(0))
			assert.GreaterOrEqual(t, g.Demand.Memory, topology.Bytes(0))
		}
	}
}
