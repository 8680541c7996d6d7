package runner

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// probes is how often a clock is asked; the quickest answer counts.
const probes = 15

// compareClocks asks an agent for its time. The answer was given between the
// question and its return, so half the round trip bounds the error (Cristian,
// 1989).
func compareClocks(ctx context.Context, name, address string) (Clock, error) {
	best := Clock{Agent: name, Bound: time.Hour}
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for range probes {
		sent := time.Now()
		theirs, err := askClock(ctx, client, address)
		if err != nil {
			return Clock{}, fmt.Errorf("the clock of agent %s: %w", name, err)
		}
		half := time.Since(sent) / 2
		if half < best.Bound {
			best.Bound = half
			best.Offset = time.Duration(theirs - sent.Add(half).UnixNano())
		}
	}
	return best, nil
}

func askClock(ctx context.Context, client *http.Client, address string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/clock", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
}

// correction is what to take off the agent's instants: nothing where the
// clocks agree within what can be told.
func (c Clock) correction() time.Duration {
	if c.Offset.Abs() <= c.Bound {
		return 0
	}
	return c.Offset
}
