// Workload a1, the hold model: hold 4ary|std N K.
#include <algorithm>
#include <cstdlib>
#include <queue>

#include "../common/report.hpp"
#include "../common/xoshiro.hpp"
#include "heap.hpp"

struct StdQueue {
  std::priority_queue<Key, std::vector<Key>, std::greater<Key>> q;
  void push(Key x) { q.push(x); }
  Key pop() {
    Key x = q.top();
    q.pop();
    return x;
  }
};

template <class Q> void hold(long n, long k) {
  std::vector<double> increments(4096);
  Xoshiro rng(7);
  for (auto &x : increments)
    x = rng.exponential(1);
  Q q;
  uint32_t seq = 0;
  rng = Xoshiro(42);
  for (long i = 0; i < n; i++)
    q.push(make_key(rng.exponential(1), ++seq, uint32_t(i)));
  auto step = [&](long i) {
    Key x = q.pop();
    q.push(make_key(time_of(x) + increments[size_t(i) % 4096], ++seq, uint32_t(x)));
    return uint32_t(x);
  };
  long warm = n >= 1000000 ? n : std::max(2 * n, 200000L);
  for (long i = 0; i < warm; i++)
    step(i);
  uint64_t hash = 0;
  double start = cpu_seconds();
  for (long i = 0; i < k; i++)
    hash = hash * 31 + step(i);
  report_hash(k, cpu_seconds() - start, hash);
}

int main(int, char **argv) {
  long n = atol(argv[2]), k = atol(argv[3]);
  if (!strcmp(argv[1], "std"))
    hold<StdQueue>(n, k);
  else
    hold<Heap>(n, k);
}
