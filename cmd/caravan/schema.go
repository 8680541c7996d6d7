package main

import (
	"github.com/spf13/cobra"

	"caravan/scenarios"
)

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors and validators",
		Example: `  caravan schema > caravan.schema.json
  # then, as the first line of a scenario:
  # yaml-language-server: $schema=caravan.schema.json`,
		Args: takes(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			data, err := scenarios.Schema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(data)
			return err
		},
	}
}
