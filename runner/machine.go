package runner

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Machine is what happened to this machine's processors during a run, as
// far as the system tells.
type Machine struct {
	Cores     float64       `json:"busy_cores"` // mean, of everything that ran
	Steal     time.Duration `json:"steal_ns"`   // taken by the hypervisor
	Throttled time.Duration `json:"throttled_ns"`
	Periods   int64         `json:"throttled_periods"` // of a quota of this process's group

	at   time.Time
	busy time.Duration
}

// tick is the unit of /proc/stat (USER_HZ).
const tick = 10 * time.Millisecond

// readMachine reads the counters; those that are missing stay 0.
func readMachine() Machine {
	m := Machine{at: time.Now()}
	if data, err := os.ReadFile("/proc/stat"); err == nil {
		m.readStat(data)
	}
	for _, path := range []string{"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat", "/sys/fs/cgroup/cpu,cpuacct/cpu.stat"} {
		if data, err := os.ReadFile(path); err == nil {
			m.readGroup(data)
			break
		}
	}
	return m
}

// readStat takes the first line: user nice system idle iowait irq softirq steal.
func (m *Machine) readStat(data []byte) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(line))
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || i > 8 {
			continue
		}
		switch i {
		case 1, 2, 3, 6, 7:
			m.busy += time.Duration(n) * tick
		case 8:
			m.Steal = time.Duration(n) * tick
		}
	}
}

// readGroup takes the throttling of both versions of control groups.
func (m *Machine) readGroup(data []byte) {
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), " ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "nr_throttled":
			m.Periods = n
		case "throttled_usec":
			m.Throttled = time.Duration(n) * time.Microsecond
		case "throttled_time":
			m.Throttled = time.Duration(n)
		}
	}
}

// since is what happened after an earlier reading.
func (m Machine) since(before Machine) Machine {
	out := Machine{Steal: m.Steal - before.Steal, Throttled: m.Throttled - before.Throttled, Periods: m.Periods - before.Periods}
	if span := m.at.Sub(before.at); span > 0 {
		out.Cores = (m.busy - before.busy).Seconds() / span.Seconds()
	}
	return out
}
