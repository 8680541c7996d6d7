package main

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// changeSigns stand before the kinds of change, in the manner of a diff.
var changeSigns = map[string]string{
	"evicted": "!", "blocked": "?", "stopped": "-", "moved": ">", "replaced": "-/+", "updated": "~", "created": "+",
}

func (a *app) printChanges(answer *changes, format string) error {
	for _, w := range answer.Warnings {
		fmt.Fprintln(a.stderr, "warning: "+w)
	}
	switch format {
	case "json":
		return a.writeJSON(answer)
	case "csv":
		return a.writeChangesCSV(answer)
	}
	fmt.Fprintf(a.stdout, "%s, against %s", answer.Scenario, answer.Against)
	if q := questions(answer.Nodes); q != "" {
		fmt.Fprintf(a.stdout, ", if %s", q)
	}
	fmt.Fprintln(a.stdout)
	if len(answer.Changes) == 0 {
		fmt.Fprintf(a.stdout, "\nNothing changes: %d stay as they are.\n", answer.Kept)
		return nil
	}
	fmt.Fprintln(a.stdout)
	g := grid{header: []string{"", "change", "workload", "item", "instance", "priority", "from", "to", "why"}, numbers: []int{4, 5}}
	for _, c := range answer.Changes {
		priority := ""
		if c.Priority > 0 {
			priority = strconv.Itoa(c.Priority)
		}
		g.add(changeSigns[c.Change], c.Change, c.Workload, c.Item, strconv.Itoa(c.Instance), priority, or(c.From, ""), or(c.To, ""), c.Reason)
	}
	g.render(a.stdout)
	var parts []string
	for _, kind := range slices.Backward(changeKinds) {
		if n := answer.Summary[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	fmt.Fprintf(a.stdout, "\n%s; %d stay as they are.\n", strings.Join(parts, ", "), answer.Kept)
	return nil
}

// questions says which nodes are changed, as one phrase.
func questions(nodes []nodeChange) string {
	var parts []string
	for _, n := range nodes {
		parts = append(parts, n.Node+" is "+n.Change)
	}
	return strings.Join(parts, " and ")
}

func or(s *string, fallback string) string {
	if s == nil {
		return fallback
	}
	return *s
}

func (a *app) writeChangesCSV(answer *changes) error {
	rows := [][]string{{"scenario", "change", "workload", "item", "instance", "priority", "from", "to", "by", "by_priority", "reason"}}
	for _, c := range answer.Changes {
		by, priority := "", ""
		if c.By != nil {
			by, priority = c.By.Workload, strconv.Itoa(c.By.Priority)
		}
		rows = append(rows, []string{
			answer.Scenario, c.Change, c.Workload, c.Item, strconv.Itoa(c.Instance), strconv.Itoa(c.Priority), or(c.From, ""), or(c.To, ""), by, priority, c.Reason,
		})
	}
	return csv.NewWriter(a.stdout).WriteAll(rows)
}
