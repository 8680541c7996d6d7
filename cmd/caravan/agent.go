package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"caravan/runner/agent"
)

func newAgentCommand(a *app) *cobra.Command {
	var verbose bool
	var host, dir string
	cmd := &cobra.Command{
		Use:   "agent CONFIG",
		Short: "Run one operator of a live pipeline, as clusters start it",
		Long: `Agent runs one operator: it receives messages over TCP, does the operator's work
on each, and sends the output on, with the queueing of the simulation. The
configuration is JSON, written by the commands that deploy (caravan validate,
caravan submit); docs/live.md has its fields and the HTTP API:

  /healthz  /status  /last_output  /histograms  /metrics  /clock`,
		Example: `  caravan agent face-detect.config.json`,
		Args:    takes(0, 1, "one CONFIG file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if host != "" {
				return a.host(cmd.Context(), dir, host)
			}
			if len(args) == 0 {
				return badInput(errors.New("found no CONFIG file, allowed: one"))
			}
			c, err := agent.ReadConfig(args[0])
			if err != nil {
				return badInput(err)
			}
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
			return agent.Run(cmd.Context(), *c, log)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log every connection")
	cmd.Flags().StringVar(&host, "host", "", "host this run of --dir instead, as caravan submit does")
	cmd.Flags().StringVar(&dir, "dir", defaultLiveDir(), "`folder` of the runs on this machine")
	return cmd
}
