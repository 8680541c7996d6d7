// Package online places instances one by one as they come, on the node that a
// policy scores best of all, and takes them back as they leave.
//
// Nodes that are alike now (equal capacity, equal room in every dimension,
// equal devices) are one state: a policy scores states, not nodes, and a state
// remembers its nodes in a bit set, from which constraints take their own bits
// by one AND. A cluster of 10,000 nodes has a few hundred states, so that the
// best node of all is found in about a microsecond, and it is the node that a
// scan of every node would have found.
package online
