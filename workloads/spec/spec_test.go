package spec

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sample = `
variable "count" { default = 3 }
locals {
  b = "${local.a}-x"
  a = upper("ab")
}
job "web" {
  priority = var.count * 20
  meta { key = local.b, "k 2" = "v" }
  datacenters = ["dc1", "${attr.x}-2"]
  group "g" { count = var.count }
  group "h" {
    restart { delay = "15s" }
  }
  constraint { attribute = "${node.class}" }
}
`

func TestHCLIsReadWithItsLinesAndReferences(t *testing.T) {
	_, err := HCL("bad.nomad", []byte("job \"x\" {\n  a = \n}"))
	assert.ErrorContains(t, err, "bad.nomad:2: ")
	text := strings.Replace(sample, `meta { key = local.b, "k 2" = "v" }`, "meta = { key = local.b, \"k 2\" = \"v\" }", 1)
	n, err := HCL("web.nomad", []byte(text))
	require.NoError(t, err)
	job := n.Each("job")[0]
	assert.Equal(t, "web", job.Text("name"))
	assert.Equal(t, 60, job.Int("priority", 1, 100, 50))
	assert.Equal(t, map[string]string{"key": "AB-x", "k 2": "v"}, job.Map("meta"))
	assert.Equal(t, []string{"dc1", "${attr.x}-2"}, job.Texts("datacenters"))
	groups := job.Each("group")
	require.Len(t, groups, 2)
	assert.Equal(t, 3, groups[0].Int("count", 0, 10, 1))
	assert.Equal(t, 15*time.Second, groups[1].Each("restart")[0].Span("delay", 0))
	assert.Equal(t, []string{"line 11: job.group.name", "line 12: job.group.name", "line 15: job.constraint"}, n.Unused())
	assert.Equal(t, "${node.class}", job.Each("constraint")[0].Text("attribute"))
	assert.Zero(t, job.Int("name", 0, 9, 0))
	assert.EqualError(t, n.Err(), `web.nomad:7: name: found "web", allowed is a whole number from 0 to 9`)
}

func TestHCLRefusesWhatCostsMoreThanItsLength(t *testing.T) {
	laughs := "locals {\n  a = \"" + strings.Repeat("x", 1<<17) + "\"\n  b = \"${local.a}${local.a}${local.a}\"\n}\n"
	for text, want := range map[string]string{
		"a = " + strings.Repeat("[", 1000):                  "levels",
		"a = " + strings.Repeat("!", 1000):                  "levels",
		"variable \"x\" {}":                                 "no default",
		"locals {\n a = local.b\n b = local.a\n}":           "circle",
		strings.Repeat("#", mostBytes+1):                    "bytes",
		"a = " + strings.Repeat("- ", 1<<14) + "1":          "operators",
		"a = " + strings.Repeat("1+", 1<<14) + "1":          "operators",
		"a = " + strings.Repeat("true ? 1 : ", 1<<14) + "1": "operators",
		"a = local" + strings.Repeat(".a", 1<<14):           "operators",
		laughs: "references to more than",
	} {
		_, err := HCL("x", []byte(text))
		assert.ErrorContains(t, err, want)
	}
}

func TestWhatCannotBeEvaluatedIsAFaultForWhoAsks(t *testing.T) {
	for text, want := range map[string]string{
		"a = [for x in [1, 2]: x]": "for expression",
		"a = foo":                  "allowed are var.NAME",
		"a = nothing(1)":           "nothing",
		"a = foo + 1":              "allowed are var.NAME",
	} {
		n, err := HCL("x", []byte("b = 1\n"+text))
		require.NoError(t, err)
		assert.Equal(t, []string{"line 1: b", "line 2: a"}, n.Unused())
		assert.Equal(t, "{b: 1, "+strings.Replace(text, "a = ", "a: ", 1)+"}", n.String())
		require.NoError(t, n.Err())
		assert.Equal(t, 7, n.Int("a", 0, 9, 7))
		assert.ErrorContains(t, n.Err(), want)
		assert.ErrorContains(t, n.Err(), "x:2: ")
	}
}

func TestJSONAndYAMLKnowTheirLines(t *testing.T) {
	n, err := JSON("j", []byte("{\n \"Job\": {\n  \"Count\": 2.5,\n  \"List\": [1, null, \"x\"]\n }\n}"))
	require.NoError(t, err)
	job := n.Get("Job")
	assert.Equal(t, 1, job.Int("Count", 0, 5, 1))
	assert.EqualError(t, n.Err(), `j:3: Count: found "2.5", allowed is a whole number from 0 to 5`)
	assert.Equal(t, []string{"1", "", "x"}, job.Texts("List"))
	for text, line := range map[string]string{"{\n\"a\": }": "j:2: ", "{} {}": "found more", "": "j:1: ", "[1,\n": "j:"} {
		_, err := JSON("j", []byte(text))
		assert.ErrorContains(t, err, line)
	}
	docs, err := YAML("y", []byte("---\nkind: A\n---\n---\nkind: B\nlist:\n- x: 0x10\n- &q {y: true}\n- *q\n"))
	require.NoError(t, err)
	require.Len(t, docs, 2)
	assert.Equal(t, "A", docs[0].Text("kind"))
	items := docs[1].Each("list")
	assert.Equal(t, 16, items[0].Int("x", 0, 100, 0))
	assert.True(t, items[2].Bool("y", false))
	_, err = YAML("y", []byte("a: [1"))
	assert.ErrorContains(t, err, "y:1: not YAML")
}

func TestANodeThatIsNotThereAnswers(t *testing.T) {
	var n *Node
	assert.Nil(t, n.At("a.b"))
	assert.Empty(t, n.Each("x"))
	assert.Empty(t, n.Text("x"))
	assert.Equal(t, 7, n.Int("x", 0, 1, 7))
	assert.Equal(t, time.Second, n.Span("x", time.Second))
	assert.True(t, n.Bool("x", true))
	assert.False(t, n.There("x"))
}

func FuzzHCL(f *testing.F) {
	f.Add(sample)
	f.Add("a = \"${b}\"\nc = <<EOF\nx ${d}\nEOF\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := HCL("f", []byte(text)); err == nil {
			n.Unused()
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add("a: &a [1, *a]\n---\nb: {c: 1}")
	f.Add("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]")
	f.Fuzz(func(t *testing.T, text string) {
		if docs, err := YAML("f", []byte(text)); err == nil {
			for _, n := range docs {
				n.Unused()
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a": [1, {"b": null}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := JSON("f", []byte(text)); err == nil {
			n.Unused()
		}
	})
}
