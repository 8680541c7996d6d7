package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"caravan/runner"
)

// A ScoreLog is the log of a scheduler that was started with
// --vmodule=schedule_one=10 or -v=10: it tells what every plugin gave to every
// node with room. Read by one goroutine.
type ScoreLog struct {
	f    *os.File
	rest string // of the last line
}

// OpenScoreLog reads a log from its end on.
func OpenScoreLog(path string) (*ScoreLog, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &ScoreLog{f: f}, nil
}

// Close ends the reading.
func (l *ScoreLog) Close() error { return l.f.Close() }

// Of returns the scores of a pod, called namespace/name, in what was added
// since the last call, by node; none where a single node had room.
func (l *ScoreLog) Of(pod string) ([]runner.NodeScore, error) {
	added, err := io.ReadAll(l.f)
	if err != nil {
		return nil, fmt.Errorf("log of the scheduler: %w", err)
	}
	text := l.rest + string(added)
	end := strings.LastIndexByte(text, '\n') + 1
	l.rest = text[end:]
	nodes := map[string]*runner.NodeScore{}
	for line := range strings.Lines(text[:end]) {
		s, ok := parseScore(line)
		if !ok || s.pod != pod {
			continue
		}
		if nodes[s.node] == nil {
			nodes[s.node] = &runner.NodeScore{Node: s.node, Parts: map[string]float64{}}
		}
		nodes[s.node].Parts[s.plugin] = s.score
	}
	var out []runner.NodeScore
	for _, n := range nodes {
		for _, s := range n.Parts { // whole numbers
			n.Final += s
		}
		out = append(out, *n)
	}
	slices.SortFunc(out, func(x, y runner.NodeScore) int { return cmp.Compare(x.Node, y.Node) })
	return out, nil
}

// A pluginScore is a line of the log.
type pluginScore struct {
	pod, plugin, node string
	score             float64
}

// parseScore reads a line such as
//
//	I1121 11:55:06.773746 12792 schedule_one.go:815] "Plugin scored node for pod" pod="default/x" plugin="NodeAffinity" node="a" score=200
func parseScore(line string) (s pluginScore, ok bool) {
	_, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), `] "Plugin scored node for pod"`)
	if !ok {
		return s, false
	}
	for _, field := range []struct {
		key  string
		into *string
	}{{` pod=`, &s.pod}, {` plugin=`, &s.plugin}, {` node=`, &s.node}} {
		if rest, ok = strings.CutPrefix(rest, field.key); !ok {
			return s, false
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return s, false
		}
		if *field.into, err = strconv.Unquote(quoted); err != nil {
			return s, false
		}
		rest = rest[len(quoted):]
	}
	number, ok := strings.CutPrefix(rest, " score=")
	n, err := strconv.ParseInt(number, 10, 64)
	s.score = float64(n)
	return s, ok && err == nil
}
