package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"caravan/scenarios"
)

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [scenario|sweep]",
		Short: "Print the JSON Schema of scenario or sweep files, for editors and validators",
		Example: `  caravan schema > caravan.schema.json
  caravan schema sweep > sweep.schema.json
  # then, as the first line of a scenario:
  # yaml-language-server: $schema=caravan.schema.json`,
		Args:      takes(0, 1, "scenario (the default) or sweep"),
		ValidArgs: []string{"scenario", "sweep"},
		RunE: func(_ *cobra.Command, args []string) error {
			read := scenarios.Schema
			switch {
			case len(args) > 0 && args[0] == "sweep":
				read = scenarios.SweepSchema
			case len(args) > 0 && args[0] != "scenario":
				return badInput(fmt.Errorf("schema: %w", notOneOf(args[0], []string{"scenario", "sweep"})))
			}
			data, err := read()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(data)
			return err
		},
	}
}
