package agent

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawMessage makes any message that can be sent.
func drawMessage(t *rapid.T) *Message {
	at := rapid.Int64Range(1, 1<<61)
	small := rapid.IntRange(0, 1<<20)
	m := &Message{
		Request: rapid.Uint64().Draw(t, "request"), From: rapid.IntRange(Outside, 100).Draw(t, "from"), Hop: small.Draw(t, "hop"),
		Priority: small.Draw(t, "priority"), Outcome: Outcome(rapid.IntRange(0, int(Failed)).Draw(t, "outcome")),
		CreatedAt: at.Draw(t, "created"), ExpiresAt: rapid.OneOf(rapid.Just(int64(0)), at).Draw(t, "expires"),
		Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "operators") {
		m.Work = append(m.Work, time.Duration(at.Draw(t, "work")))
		m.Output = append(m.Output, at.Draw(t, "output"))
		m.Hops = append(m.Hops, Hop{small.Draw(t, "operator"), small.Draw(t, "hop"), at.Draw(t, "joined"), at.Draw(t, "started"), at.Draw(t, "ended"), 0, at.Draw(t, "cpu")})
		m.Crossings = append(m.Crossings, Crossing{small.Draw(t, "a"), small.Draw(t, "b"), small.Draw(t, "c"), small.Draw(t, "d"), at.Draw(t, "received")})
	}
	return m
}

func TestMessagesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		kind, body, err := readFrame(bytes.NewReader(m.encode()), nil)
		require.NoError(t, err)
		assert.Equal(t, frameMessage, kind)
		got, err := decodeMessage(body)
		require.NoError(t, err)
		if len(m.Payload) == 0 {
			m.Payload, got.Payload = nil, nil
		}
		assert.Equal(t, m, got)
	})
}

func TestKeysSurviveTheWire(t *testing.T) {
	k := key{1 << 60, -1, 7}
	_, body, err := readFrame(bytes.NewReader(k.frame(frameDone)), nil)
	require.NoError(t, err)
	got, err := decodeKey(body)
	require.NoError(t, err)
	assert.Equal(t, k, got)
}

func TestHugeLengthsAreRefusedOrReadBitByBit(t *testing.T) {
	for _, head := range [][]byte{{0xff, 0xff, 0xff, 0xff, 2}, {0, 0, 0, 0, 2}, {0x0f, 0xff, 0xff, 0xff, 2, 1}} {
		_, body, err := readFrame(bytes.NewReader(head), nil)
		assert.Error(t, err)
		assert.LessOrEqual(t, cap(body), 2<<20)
	}
}

func TestBurnUsesTheProcessorTimeItWasAsked(t *testing.T) {
	if _, ok := threadTime(); !ok {
		t.Skip("this system does not tell a thread's processor time")
	}
	for _, d := range []time.Duration{100 * time.Microsecond, 5 * time.Millisecond} {
		used, finished := burn(d, nil)
		assert.True(t, finished)
		assert.GreaterOrEqual(t, used, d)
	}
}

func TestBurnStopsWhenItsCoreIsWantedBack(t *testing.T) {
	revoked := make(chan struct{}, 1)
	revoked <- struct{}{}
	used, finished := burn(time.Hour, revoked)
	assert.False(t, finished)
	assert.Less(t, used, time.Hour)
}

func TestFaultsOfAConfigurationAreReportedTogether(t *testing.T) {
	_, err := ParseConfig([]byte(`{"version": 2, "speed": -1, "work": {"kind": "dance"}}`))
	require.Error(t, err)
	for _, want := range []string{"version", "speed", "cores", "work.kind", "listen"} {
		assert.ErrorContains(t, err, want)
	}
}

func FuzzMessage(f *testing.F) {
	m := &Message{Request: 1, CreatedAt: 5, Work: []time.Duration{1}, Hops: []Hop{{}}, Payload: []byte("x")}
	f.Add(m.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, body, err := readFrame(bytes.NewReader(data), nil)
		if err != nil || kind != frameMessage {
			return
		}
		if m, err := decodeMessage(body); err == nil {
			again, err := decodeMessage(m.encode()[5:])
			require.NoError(t, err)
			assert.Equal(t, m, again)
		}
	})
}

func FuzzConfig(f *testing.F) {
	b, err := json.Marshal(Config{Version: 1, Run: "r", Name: "n", Listen: ":0", HTTP: ":0", Cores: 1, Speed: 1, Work: Work{Kind: Burn}})
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := ParseConfig(data); err == nil {
			assert.NoError(t, c.Check())
		}
	})
}

func FuzzAsk(f *testing.F) {
	f.Add((&ask{id: 1, level: 2, joinedAt: 3, size: 4}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := decodeAsk(data); err == nil {
			again, err := decodeAsk(a.encode())
			require.NoError(t, err)
			assert.Equal(t, a.id, again.id)
		}
	})
}

func TestAddressFilesAreTextOrAnnouncements(t *testing.T) {
	path := t.TempDir() + "/at"
	l := Lookup{File: path}
	_, err := l.find()
	assert.ErrorIs(t, err, os.ErrNotExist)
	for text, want := range map[string]string{"host:1\n": "host:1", `{"data":"a:2","http":"b:3"}`: "a:2"} {
		require.NoError(t, WriteFile(path, []byte(text)))
		got, err := l.find()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestAConnectionEndsWhenItsPeerHasMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peer")
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { ln.Close() })
		require.NoError(t, WriteFile(path, []byte(ln.Addr().String())))
		return ln
	}
	listen() // and say nothing, as over a link that is cut
	c, err := Lookup{File: path}.Dial(t.Context())
	require.NoError(t, err)
	defer c.Close()
	second := listen()
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	again, err := Lookup{File: path}.Dial(t.Context())
	require.NoError(t, err)
	defer again.Close()
	assert.Equal(t, second.Addr().String(), again.RemoteAddr().String())
}
