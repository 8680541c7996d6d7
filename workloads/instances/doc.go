// Package instances reads published optimisation problems with known answers,
// and draws families of problems by seed.
package instances
