package topology

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQuantitiesAreReadInTheirUnits(t *testing.T) {
	bytes := map[string]Bytes{"0": 0, "1B": 1, "100 B": 100, "1kB": 1000, "1KB": 1000, "64KiB": 65536, "1.5GB": 1500000000, "0.5GiB": 1 << 29, "1e3B": 1000, "9007199254740993B": 9007199254740993, "0.3MiB": 314573, " 2MB ": 2000000}
	for text, want := range bytes {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	bandwidths := map[string]BytesPerSecond{"10Mbit/s": 1.25e6, "8bit/s": 1, "5B/s": 5, "100 Mbps": 12.5e6, "1KiB/s": 1024, "2MB/s": 2e6, "1Gbit/s": 125e6, "unlimited": 0}
	for text, want := range bandwidths {
		got, err := ParseBandwidth(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	durations := map[string]time.Duration{"0": 0, "20ms": 20 * time.Millisecond, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour, "5us": 5000, "5µs": 5000, "1ns": 1, "0.4ns": 0, "0.5ns": 1, "10min": 10 * time.Minute, "1h 30m": 90 * time.Minute, "1e3ms": time.Second, "2.344286s": 2344286 * time.Microsecond}
	for text, want := range durations {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	frequencies := map[string]MHz{"0": 0, "500MHz": 500, "48GHz": 48000, "2.4 GHz": 2400}
	for text, want := range frequencies {
		got, err := ParseMHz(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	rates := map[string]float64{"0": 0, "5/s": 5, "300/min": 5, "7200/h": 2, "0.5 /s": 0.5}
	for text, want := range rates {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		assert.InDelta(t, want, got, 1e-15, text)
	}
	shares := map[string]float64{"0": 0, "1": 1, "100%": 1, "2.5%": 0.025, "0.25": 0.25, "5 %": 0.05}
	for text, want := range shares {
		got, err := ParsePercent(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestWhatIsNoQuantityIsRefusedWithWhatIsAllowed(t *testing.T) {
	wrong := []string{"", " ", "10", "-1", "x", "nan", "inf", "1e400", "--1", "1..2", "1 2", "0x10", "1_000", "5parsecs", "-0"}
	for _, text := range append(wrong, "NaNB", "InfB", "-5B", "1mb", "10Mb", "99999999999999999999B", "1e30PB", "1B2B", "16EB") {
		_, err := ParseBytes(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
	for _, text := range append(wrong, "0", "0bit/s", "-5Mbit/s", "5mbit/s", "5Mbit", "infMbit/s", "1e400bit/s") {
		_, err := ParseBandwidth(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
	for _, text := range append(wrong, "1h30", "-5s", "1s-5ms", "5 weeks", "infs", "300y", "107000d", "5M", "1h1") {
		_, err := ParseDuration(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
	for _, text := range append(wrong, "5Hz", "5mhz", "-1GHz") {
		_, err := ParseMHz(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
	for _, text := range append(wrong, "5", "5/", "5s", "-5/s", "1/0s") {
		_, err := ParseRate(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
	for _, text := range []string{"", "%", "101%", "1.1", "-1%", "nan", "NaN%", "inf", "5 percent"} {
		_, err := ParsePercent(text)
		assert.ErrorContains(t, err, "allowed: ", text)
	}
}

func TestANearlyRightUnitIsNamed(t *testing.T) {
	_, err := ParseBandwidth("10mbit/s")
	assert.ErrorContains(t, err, `no unit "mbit/s" (nearest: "Mbit/s")`)
}

func TestFormattedQuantitiesReadWell(t *testing.T) {
	assert.Equal(t, "64KiB", FormatBytes(64*KiB))
	assert.Equal(t, "100kB", FormatBytes(100_000))
	assert.Equal(t, "1GiB", FormatBytes(GiB))
	assert.Equal(t, "0B", FormatBytes(0))
	assert.Equal(t, "10Mbit/s", FormatBandwidth(1.25e6))
	assert.Equal(t, "1Gbit/s", FormatBandwidth(125e6))
	assert.Equal(t, "5B/s", FormatBandwidth(5))
	assert.Equal(t, "unlimited", FormatBandwidth(0))
	assert.Equal(t, "20ms", FormatDuration(20*time.Millisecond))
	assert.Equal(t, "1h30m", FormatDuration(90*time.Minute))
	assert.Equal(t, "10m", FormatDuration(10*time.Minute))
	assert.Equal(t, "2h", FormatDuration(2*time.Hour))
	assert.Equal(t, "2d", FormatDuration(48*time.Hour))
	assert.Equal(t, "500MHz", FormatMHz(500))
	assert.Equal(t, "48GHz", FormatMHz(48000))
	assert.Equal(t, "5/s", FormatRate(5))
	assert.Equal(t, "2.5%", FormatPercent(0.025))
}

func TestFormattedQuantitiesRoundTrip(t *testing.T) {
	finite := rapid.Float64Range(0, math.MaxFloat64)
	rapid.Check(t, func(t *rapid.T) {
		b := Bytes(rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"))
		gotBytes, err := ParseBytes(FormatBytes(b))
		require.NoError(t, err)
		require.Equal(t, b, gotBytes)
		d := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "duration"))
		gotDuration, err := ParseDuration(FormatDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, gotDuration)
		w := BytesPerSecond(finite.Draw(t, "bandwidth"))
		gotBandwidth, err := ParseBandwidth(FormatBandwidth(w))
		require.NoError(t, err)
		require.Equal(t, w, gotBandwidth)
		m := MHz(finite.Draw(t, "frequency"))
		gotMHz, err := ParseMHz(FormatMHz(m))
		require.NoError(t, err)
		require.Equal(t, m, gotMHz)
		r := finite.Draw(t, "rate")
		gotRate, err := ParseRate(FormatRate(r))
		require.NoError(t, err)
		require.Equal(t, r, gotRate)
		p := rapid.Float64Range(0, 1).Draw(t, "share")
		gotShare, err := ParsePercent(FormatPercent(p))
		require.NoError(t, err)
		require.Equal(t, p, gotShare)
	})
}

func TestDurationsAgreeWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "duration"))
		got, err := ParseDuration(d.String())
		require.NoError(t, err)
		want, err := time.ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func fuzzSeeds(f *testing.F) {
	for _, s := range []string{"0", "1B", "64KiB", "10Mbit/s", "unlimited", "1h30m", "1e9ns", "500MHz", "5/s", "2.5%", "-1", "NaN", "1e309s", "9223372036854775807B", ".", "e", "1e", "1e+", "µs", "\xff"} {
		f.Add(s)
	}
}

func FuzzParseBytes(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := ParseBytes(s); err == nil {
			require.GreaterOrEqual(t, b, Bytes(0))
			again, err := ParseBytes(FormatBytes(b))
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil {
			require.GreaterOrEqual(t, d, time.Duration(0))
			again, err := ParseDuration(FormatDuration(d))
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
	})
}

func FuzzParseBandwidth(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := ParseBandwidth(s); err == nil {
			again, err := ParseBandwidth(FormatBandwidth(b))
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
	})
}

func FuzzParseMHz(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseMHz(s); err == nil {
			again, err := ParseMHz(FormatMHz(m))
			require.NoError(t, err)
			require.Equal(t, m, again)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRate(s); err == nil {
			again, err := ParseRate(FormatRate(r))
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
	})
}

func FuzzParsePercent(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePercent(s); err == nil {
			again, err := ParsePercent(FormatPercent(p))
			require.NoError(t, err)
			require.Equal(t, p, again)
		}
	})
}
