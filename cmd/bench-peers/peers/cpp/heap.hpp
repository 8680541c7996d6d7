// A 4-ary heap of 128-bit keys that chooses among children without branches
// and fuses a pop with the push after it.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

typedef unsigned __int128 Key;

// The time's bits order like the time; seq breaks ties.
inline Key make_key(double t, uint32_t seq, uint32_t low) {
  uint64_t bits;
  memcpy(&bits, &t, 8);
  return Key(bits) << 64 | uint64_t(seq) << 32 | low;
}
inline double time_of(Key k) {
  uint64_t bits = uint64_t(k >> 64);
  double t;
  memcpy(&t, &bits, 8);
  return t;
}

class Heap {
  std::vector<Key> items;
  bool hole = false; // the root was popped and nothing has taken its place

  void down(Key x) {
    size_t n = items.size(), i = 0;
    Key *p = items.data();
    for (;;) {
      size_t first = 4 * i + 1;
      if (first >= n)
        break;
      size_t least = first;
      Key y = p[first];
      if (first + 4 <= n) {
        size_t l = first + (p[first + 1] < p[first]);
        size_t r = first + 2 + (p[first + 3] < p[first + 2]);
        Key yl = p[l], yr = p[r];
        bool right = yr < yl;
        least = right ? r : l;
        y = right ? yr : yl;
      } else {
        for (size_t k = first + 1; k < n; k++) {
          bool less = p[k] < y;
          least = less ? k : least;
          y = less ? p[k] : y;
        }
      }
      if (!(y < x))
        break;
      p[i] = y;
      i = least;
    }
    p[i] = x;
  }

  void settle() {
    if (!hole)
      return;
    hole = false;
    Key x = items.back();
    items.pop_back();
    if (!items.empty())
      down(x);
  }

public:
  bool empty() {
    settle();
    return items.empty();
  }
  void push(Key x) {
    if (hole) {
      hole = false;
      down(x);
      return;
    }
    items.push_back(x);
    size_t i = items.size() - 1;
    while (i) {
      size_t parent = (i - 1) / 4;
      if (!(x < items[parent]))
        break;
      items[i] = items[parent];
      i = parent;
    }
    items[i] = x;
  }
  Key pop() {
    settle();
    hole = true;
    return items[0];
  }
};
