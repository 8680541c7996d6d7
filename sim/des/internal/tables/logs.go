package main

import (
	"bytes"
	"fmt"
	"math/big"
)

// precision in bits of what the table of logarithms is rounded from.
const precision = 240

// ln computes the logarithm of a number near 1 as 2 artanh((x-1)/(x+1)).
func ln(x float64) *big.Float {
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }
	q := num(0).Quo(num(0).Sub(num(x), num(1)), num(0).Add(num(x), num(1)))
	square := num(0).Mul(q, q)
	sum, power := num(0), q
	for k := 1.0; k < 2*precision; k += 2 {
		sum.Add(sum, num(0).Quo(power, num(k)))
		power = num(0).Mul(power, square)
	}
	return sum.Mul(sum, num(2))
}

// split rounds x to a multiple of 2^-42 and a rest, so that sums of the first
// parts are exact.
func split(x *big.Float) (high, low float64) {
	scaled, _ := new(big.Float).SetMantExp(x, 42).Float64()
	high = float64(int64(scaled)) / (1 << 42)
	low, _ = new(big.Float).Sub(x, new(big.Float).SetPrec(precision).SetFloat64(high)).Float64()
	return high, low
}

func printLogs(b *bytes.Buffer) {
	high, low := split(ln(2))
	fmt.Fprintf(b, "\n// ln 2 in two parts.\nconst ln2High, ln2Low = %x, %x\n", high, low)
	fmt.Fprintln(b, "\nvar logPoints = [128]logPoint{")
	for i := range 128 {
		c := 0.75 + float64(i)/256
		if i >= 64 {
			c = 1 + float64(i-64)/128
		}
		high, low := split(ln(c))
		fmt.Fprintf(b, "{%x, %x, %x, %x},\n", c, 1/c, high, low)
	}
	fmt.Fprintln(b, "}")
}
