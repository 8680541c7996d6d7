//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"caravan/runner/clusters"
	"caravan/runner/linkem"
	"caravan/topology"
)

// newMeasure compares the means of emulation between two namespaces.
func newMeasure() *cobra.Command {
	return &cobra.Command{
		Use: "measure", Short: "Measure the error of each means of link emulation between two namespaces", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return measure(cmd.Context()) },
	}
}

func measure(ctx context.Context) error {
	const megabit = topology.BytesPerSecond(1e6 / 8)
	trial := linkem.Trial{Pings: 100, Transfer: 1e6, Repeats: 5}
	fmt.Printf("%-8s %-7s %-10s %24s %34s\n", "means", "delay", "bandwidth", "ping ideal / p50 / p99", "1 MB ideal / p50")
	for _, means := range []struct {
		name    string
		measure func(context.Context, string, linkem.Shape, linkem.Trial) (linkem.Accuracy, error)
	}{{"relay", clusters.MeasureRelay}, {"kernel", clusters.MeasureKernel}} {
		for _, delay := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond} {
			a, err := means.measure(ctx, "cvm", linkem.Shape{Delay: delay, Bandwidth: 10 * megabit}, trial)
			fmt.Printf("%-8s %-7v %-10s ", means.name, delay, "10Mbit/s")
			switch {
			case errors.Is(err, clusters.ErrNoNetem):
				fmt.Println(err)
			case err != nil:
				return err
			default:
				fmt.Printf("%8v %8v %8v   %9v %9v (%+.2f%%)\n", micro(a.IdealPing), micro(a.PingP50), micro(a.PingP99),
					micro(a.IdealTransfer), micro(a.TransferP50), 100*a.TransferError())
			}
		}
	}
	return nil
}

func micro(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
