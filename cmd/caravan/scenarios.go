package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"caravan/scenarios"
)

// shippedAnswer is one line of the JSON of caravan scenarios.
type shippedAnswer struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Solver      string `json:"solver"`
	Nodes       int    `json:"nodes"`
	Links       int    `json:"links"`
	Pipelines   int    `json:"pipelines"`
	Jobs        int    `json:"jobs"`
}

func newScenariosCommand(a *app) *cobra.Command {
	var show string
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List the shipped scenarios, or print one to start from",
		Example: `  caravan scenarios
  caravan scenarios --show tutorial > mine.yaml`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().StringVar(&show, "show", "", "print the file of this `scenario`")
	completeWith(cmd, "show", scenarios.Shipped())
	output := outputFlag(cmd, "text", "json")
	cmd.RunE = func(*cobra.Command, []string) error {
		if cmd.Flags().Changed("show") {
			return a.showScenario(show)
		}
		return a.listScenarios(output.value)
	}
	return cmd
}

func (a *app) showScenario(name string) error {
	if !contains(scenarios.Shipped(), name) {
		return badInput(fmt.Errorf("--show: %w", notOneOf(name, scenarios.Shipped())))
	}
	data, err := scenarios.Open(name)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(data)
	return err
}

func (a *app) listScenarios(format string) error {
	list := []shippedAnswer{}
	for _, name := range scenarios.Shipped() {
		data, err := scenarios.Open(name)
		if err != nil {
			return err
		}
		s, err := scenarios.Load(name, data, scenarios.Options{Solvers: solverNames()})
		if err != nil {
			return fmt.Errorf("shipped scenario %s: %w", name, err)
		}
		list = append(list, shippedAnswer{
			Name: name, Description: describe(s, data), Solver: s.Solve.Solver,
			Nodes: len(s.Topology.Nodes()), Links: len(s.Topology.Links()),
			Pipelines: len(s.Workload.Pipelines), Jobs: len(s.Workload.Jobs),
		})
	}
	if format == "json" {
		return a.writeJSON(list)
	}
	g := grid{header: []string{"scenario", "nodes", "links", "pipelines", "jobs", "what it shows"}, numbers: []int{1, 2, 3, 4}}
	for _, s := range list {
		g.add(s.Name, fmt.Sprint(s.Nodes), fmt.Sprint(s.Links), fmt.Sprint(s.Pipelines), fmt.Sprint(s.Jobs), s.Description)
	}
	g.render(a.stdout)
	_, err := fmt.Fprintln(a.stdout, "\nRun one with: caravan run NAME. Start your own with: caravan scenarios --show NAME > mine.yaml")
	return err
}

// firstComment is the first sentence of the file's leading comment, past the
// line that names the schema for editors.
func firstComment(data []byte) string {
	var words []string
	for line := range strings.Lines(string(data)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			if len(words) > 0 {
				break
			}
			continue
		}
		if text = strings.TrimSpace(text); text == "" || strings.HasPrefix(text, "yaml-language-server") {
			if len(words) > 0 {
				break
			}
			continue
		}
		words = append(words, text)
	}
	sentence, _, _ := strings.Cut(strings.Join(words, " "), ". ")
	return strings.TrimSuffix(sentence, ".")
}

// describe is what the scenario says of itself, or its leading comment.
func describe(s *scenarios.Scenario, data []byte) string {
	if s.Description != "" {
		return s.Description
	}
	return firstComment(data)
}
