// xoshiro256++ seeded by splitmix64, as in sim/des: equal seeds give equal
// draws on all sides but Python's.
#pragma once
#include <cmath>
#include <cstdint>

class Xoshiro {
  uint64_t a, b, c, d;

  static uint64_t splitmix(uint64_t &x) {
    uint64_t z = x += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  static uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

public:
  explicit Xoshiro(uint64_t seed = 0) {
    a = splitmix(seed);
    b = splitmix(seed);
    c = splitmix(seed);
    d = splitmix(seed);
  }
  uint64_t word() {
    uint64_t x = rotl(a + d, 23) + a, t = b << 17;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 45);
    return x;
  }
  double uniform() { return double(word() >> 11) * 0x1p-53; }
  double exponential(double mean) { return -mean * std::log(1 - uniform()); }
  uint64_t below(uint64_t n) {
    return uint64_t((unsigned __int128)word() * n >> 64);
  }
};
