package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"caravan/results"
	"caravan/runner/agent"
)

// askTime is how long an agent may take to answer, and askBytes how much it
// may say.
const (
	askTime  = 5 * time.Second
	askBytes = 4 << 20
)

// Ask gets what a running agent answers under a path of its HTTP API.
func Ask(ctx context.Context, b Backend, run, name, path string) (body []byte, status int, err error) {
	at, err := b.Addresses(ctx, run)
	if err != nil {
		return nil, 0, err
	}
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at[name].HTTP+path, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, askBytes))
	return body, resp.StatusCode, err
}

// ReportOf asks a running agent for its counts.
func ReportOf(ctx context.Context, b Backend, run, name string) (agent.Report, error) {
	var r agent.Report
	body, _, err := Ask(ctx, b, run, name, "/status")
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(body, &r)
}

// troubles asks the agents why requests failed; nobody is asked when none did.
func (d *driver) troubles(b Backend) []string {
	var out []string
	if !slices.ContainsFunc(d.m.Requests, func(r results.Request) bool { return r.Outcome == outcomes[agent.Failed] }) {
		return nil
	}
	for i := range d.p.Agents {
		r, err := ReportOf(d.ctx, b, d.p.Run, d.p.Agents[i].Name)
		if err == nil && r.Trouble != "" { // one that has gone has nothing to say
			out = append(out, fmt.Sprintf("%s: %s", r.Name, r.Trouble))
		}
	}
	return out
}
