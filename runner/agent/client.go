package agent

import (
	"context"
	"fmt"
)

// A Sender gives messages to one agent as a predecessor does: it keeps each
// until the agent has passed it on, and sends it again over new connections.
type Sender struct{ box *outbox }

// NewSender starts sending to the agent called name of a run, until ctx ends.
func NewSender(ctx context.Context, run, name string, dial Dial) *Sender {
	s := &Sender{box: newOutbox(0)}
	go func() {
		keepConnected(ctx, dial, Hello{Kind: helloMessage, Run: run, From: "driver", To: name}, s.box.serve)
		s.box.close()
	}()
	return s
}

// Send takes over a message. onReceived, unless nil, is called once, when the
// agent has it.
func (s *Sender) Send(m *Message, onReceived func()) {
	s.box.claim()
	s.box.put(m, onReceived)
}

// Unsent is how many messages the agent has not passed on.
func (s *Sender) Unsent() int { return s.box.length() }

// Subscribe hands over what ends at the agent called name of a run, each
// request once, until ctx ends. got is called by one goroutine.
func Subscribe(ctx context.Context, run, name string, dial Dial, got func(*Message)) {
	seen := map[key]bool{}
	keepConnected(ctx, dial, Hello{Kind: helloSubscribe, Run: run, From: "driver", To: name}, func(w *wire) error {
		var buf []byte
		for {
			kind, body, err := readFrame(w.in, buf)
			if err != nil {
				return err
			}
			buf = body
			if kind != frameMessage {
				return fmt.Errorf("frame type %d from a collector", kind)
			}
			m, err := decodeMessage(body)
			if err != nil {
				return err
			}
			if !seen[m.key()] {
				seen[m.key()] = true
				got(m)
			}
			w.tell(frameDone, m.key())
		}
	})
}
