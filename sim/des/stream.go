package des

import (
	"fmt"
	"math/bits"
)

// A Stream draws reproducible random numbers with xoshiro256++ (Blackman and
// Vigna 2021, https://prng.di.unimi.it). It satisfies the Source of
// math/rand/v2. Use it by pointer: a copy repeats the draws of the original.
// The zero Stream is not usable.
//
// Draws have the same bits on every machine.
type Stream struct{ a, b, c, d uint64 }

// FromSeed returns the stream whose state is four outputs of splitmix64
// started at seed, as the authors of xoshiro advise.
func FromSeed(seed uint64) Stream {
	return Stream{splitmix(&seed), splitmix(&seed), splitmix(&seed), splitmix(&seed)}
}

// NewStream derives a stream from a seed and a path of names, so that each
// consumer has draws of its own and a new consumer shifts nobody's. The names
// are hashed with FNV-1a (64 bits), each followed by the byte 0xff, which no
// UTF-8 text contains; the hash is mixed with the seed by splitmix64. Equal
// paths give equal streams in every version of the program.
func NewStream(seed uint64, names ...string) Stream {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3
	h := uint64(offset)
	for _, name := range names {
		for i := range len(name) {
			h = (h ^ uint64(name[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	mixed := splitmix(&seed) ^ h
	return FromSeed(splitmix(&mixed))
}

// splitmix steps the generator of Steele, Lea and Flood (2014).
func splitmix(x *uint64) uint64 {
	*x += 0x9e3779b97f4a7c15
	z := *x
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 draws 64 random bits.
func (s *Stream) Uint64() uint64 {
	x := bits.RotateLeft64(s.a+s.d, 23) + s.a
	t := s.b << 17
	s.c ^= s.a
	s.d ^= s.b
	s.b ^= s.c
	s.a ^= s.d
	s.c ^= t
	s.d = bits.RotateLeft64(s.d, 45)
	return x
}

// Float64 draws a multiple of 2^-53 from [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) * (1.0 / (1 << 53)) }

// IntN draws from 0..n-1 as the high word of 64 random bits times n. Some
// values are likelier than others by at most n/2^64. It panics if n is not
// positive.
func (s *Stream) IntN(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("des: a draw from 0..n-1 with n = %d", n))
	}
	high, _ := bits.Mul64(s.Uint64(), uint64(n))
	return int(high)
}

// ExpInverse draws from the exponential distribution with mean 1 by
// inversion, -ln(1-u). It uses one word a draw, which keeps common random
// numbers aligned and agrees with other simulators word by word; Exp is
// faster.
func (s *Stream) ExpInverse() float64 { return -ln(1 - s.Float64()) }
