// Package linkem emulates network links on one machine: a delay, a variation
// of the delay and a bandwidth for each direction between two processes or two
// network namespaces.
//
// A Link is one direction. It is a first-in first-out queue that carries bytes
// at the link's bandwidth and hands them over one propagation delay later,
// which is the link of the simulator: b bytes that find it idle arrive after
// b/bandwidth + latency. A Relay puts links between a TCP client and its
// server; every connection that crosses a Link shares its bandwidth.
//
// The relay was chosen by measurement against packets delayed in user space
// and the kernel's token bucket: it is the most exact of them, and the only
// one that needs neither privileges nor kernel modules. It carries bytes and
// not packets, so it shows no slow start and no retransmission, and a
// connection is accepted before its first byte has crossed the link. Shape
// sets the kernel's own queues (netem, where the kernel has it, and TBF) for
// those who want real TCP on a delayed link.
package linkem
