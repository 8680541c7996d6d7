package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"caravan/runner/linkem"
	"caravan/topology"
)

func newLinkemCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "linkem",
		Short: "Emulated links: what caravan validate puts between processes of one machine",
		Long: `Linkem is the emulation of links between processes of one machine. Its only
subcommand measures how exact it is here and now.`,
		Example: "  caravan linkem measure",
		Args:    takes(0, 0, "none"),
	}
	cmd.AddCommand(newLinkemMeasureCommand(a))
	return cmd
}

// linkemFlags are the flags of caravan linkem measure.
type linkemFlags struct {
	delays    []time.Duration
	bandwidth string
	transfer  string
	trial     linkem.Trial
	output    *enum
}

func newLinkemMeasureCommand(a *app) *cobra.Command {
	f := &linkemFlags{}
	cmd := &cobra.Command{
		Use:   "measure",
		Short: "Measure the emulation's own error on this machine",
		Long: `Measure sends round trips of 64 bytes, and then a large message on the warm
connection, over an emulated link in each direction, and prints what a perfect
link would take, what was measured, and the difference. Late is by how much the
emulation itself let messages go too late; the rest is the sockets.`,
		Example: `  caravan linkem measure
  caravan linkem measure --delay 5ms --bandwidth 100Mbit/s`,
		Args: takes(0, 0, "none"),
	}
	cmd.Flags().DurationSliceVar(&f.delays, "delay", []time.Duration{10 * time.Millisecond, 50 * time.Millisecond}, "one-way `delays` to emulate")
	cmd.Flags().StringVar(&f.bandwidth, "bandwidth", "10Mbit/s", "`bandwidth` to emulate; inf is no limit")
	cmd.Flags().StringVar(&f.transfer, "transfer", "1MB", "`size` of the large message")
	cmd.Flags().IntVar(&f.trial.Pings, "pings", 100, "round trips of each link")
	cmd.Flags().IntVar(&f.trial.Repeats, "transfers", 5, "large messages of each link")
	f.output = outputFlag(cmd, "text", "json", "csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.measureLinks(cmd.Context(), f) }
	return cmd
}

// linkemAnswer is the JSON of caravan linkem measure.
type linkemAnswer struct {
	Version int         `json:"version"`
	Means   string      `json:"means"`
	Links   []linkemRow `json:"links"`
}

// A linkemRow is one emulated link; every time is in seconds.
type linkemRow struct {
	Delay         float64 `json:"delay"`
	Bandwidth     float64 `json:"bandwidth"` // bytes/s, 0 is unlimited
	PingIdeal     float64 `json:"pingIdeal"`
	PingP50       float64 `json:"pingP50"`
	PingP99       float64 `json:"pingP99"`
	PingError     float64 `json:"pingError"` // of the median, relative
	TransferIdeal float64 `json:"transferIdeal"`
	TransferP50   float64 `json:"transferP50"`
	TransferError float64 `json:"transferError"`
	Late          float64 `json:"late"`
	LateMax       float64 `json:"lateMax"`
}

func (a *app) measureLinks(ctx context.Context, f *linkemFlags) error {
	bandwidth, err := topology.ParseBandwidth(f.bandwidth)
	if err != nil {
		return badInput(fmt.Errorf("--bandwidth: %w", err))
	}
	size, err := topology.ParseBytes(f.transfer)
	if err != nil {
		return badInput(fmt.Errorf("--transfer: %w", err))
	}
	f.trial.Transfer = int(size)
	if f.trial.Pings < 1 || f.trial.Repeats < 1 || size < 1 || size > topology.GiB {
		return badInput(fmt.Errorf("found %d pings and %d transfers of %d bytes, allowed: 1 or more of each, and at most 1GiB", f.trial.Pings, f.trial.Repeats, size))
	}
	answer := linkemAnswer{Version: shapeVersion, Means: "relay"}
	for _, d := range f.delays {
		if d < 0 {
			return badInput(fmt.Errorf("--delay: found %v, allowed: 0 or more", d))
		}
		m, err := linkem.Measure(ctx, linkem.Shape{Delay: d, Bandwidth: bandwidth}, f.trial)
		if err != nil {
			return err
		}
		answer.Links = append(answer.Links, linkemRow{
			Delay: d.Seconds(), Bandwidth: float64(bandwidth),
			PingIdeal: m.IdealPing.Seconds(), PingP50: m.PingP50.Seconds(), PingP99: m.PingP99.Seconds(), PingError: m.PingError(),
			TransferIdeal: m.IdealTransfer.Seconds(), TransferP50: m.TransferP50.Seconds(), TransferError: m.TransferError(),
			Late: m.Late.Seconds(), LateMax: m.LateMax.Seconds(),
		})
	}
	return a.printLinks(answer, f)
}

func (a *app) printLinks(answer linkemAnswer, f *linkemFlags) error {
	switch f.output.value {
	case "json":
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	case "csv":
		w := csv.NewWriter(a.stdout)
		rows := [][]string{{"delay_s", "bandwidth_bytes_per_s", "ping_ideal_s", "ping_p50_s", "ping_p99_s", "transfer_ideal_s", "transfer_p50_s", "late_s", "late_max_s"}}
		for _, r := range answer.Links {
			var row []string
			for _, v := range []float64{r.Delay, r.Bandwidth, r.PingIdeal, r.PingP50, r.PingP99, r.TransferIdeal, r.TransferP50, r.Late, r.LateMax} {
				row = append(row, strconv.FormatFloat(v, 'g', -1, 64))
			}
			rows = append(rows, row)
		}
		return w.WriteAll(rows)
	}
	g := grid{
		header:  []string{"delay", "bandwidth", "ping ideal", "p50", "p99", "error", f.transfer + " ideal", "p50", "error", "late", "worst"},
		numbers: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	}
	share := func(x float64) string { return fmt.Sprintf("%+.2f%%", 100*x) }
	for _, r := range answer.Links {
		g.add(quantity(r.Delay, "s"), f.bandwidth, quantity(r.PingIdeal, "s"), quantity(r.PingP50, "s"), quantity(r.PingP99, "s"), share(r.PingError),
			quantity(r.TransferIdeal, "s"), quantity(r.TransferP50, "s"), share(r.TransferError), quantity(r.Late, "s"), quantity(r.LateMax, "s"))
	}
	g.render(a.stdout)
	return nil
}
