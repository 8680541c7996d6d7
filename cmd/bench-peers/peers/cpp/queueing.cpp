// Workloads b1, b2, c as a specialist would write them by hand, the measure
// of what generality costs: queueing b1|b2|c N.
#include <algorithm>
#include <cstdlib>

#include "../common/report.hpp"
#include "../common/stations.hpp"
#include "heap.hpp"

// An event list whose payloads wait beside the heap.
class Events {
  Heap heap;
  Slots<uint64_t> payloads;
  uint32_t seq = 0;

public:
  bool empty() { return heap.empty(); }
  void push(double t, uint64_t payload) {
    uint32_t slot = payloads.take();
    payloads[slot] = payload;
    heap.push(make_key(t, ++seq, slot));
  }
  uint64_t pop(double &t) {
    Key x = heap.pop();
    t = time_of(x);
    payloads.release(uint32_t(x));
    return payloads[uint32_t(x)];
  }
};

template <class T> class Ring {
  std::vector<T> items;
  size_t head = 0, n = 0;

public:
  bool empty() const { return n == 0; }
  void push(T x) {
    if (n == items.size()) {
      std::vector<T> larger(std::max<size_t>(16, 2 * items.size()));
      for (size_t i = 0; i < n; i++)
        larger[i] = items[(head + i) & (items.size() - 1)];
      items.swap(larger);
      head = 0;
    }
    items[(head + n++) & (items.size() - 1)] = x;
  }
  T pop() {
    T x = items[head];
    head = (head + 1) & (items.size() - 1);
    n--;
    return x;
  }
};

static Events events;
static double now, total;

static void tandem(const char *workload, long n) {
  struct Customer {
    uint32_t slot;
    double queued;
  };
  struct Station {
    int idle;
    double mean;
    Xoshiro rng;
    Ring<Customer> queue;
    double waited = 0;
  };
  Tandem spec(workload);
  std::vector<Station> stations;
  for (auto &s : spec.stages)
    stations.push_back({s.servers, s.mean, Xoshiro(Tandem::service_seed + stations.size()), {}});
  Xoshiro arrivals(Tandem::arrival_seed);
  Slots<double> created;
  const uint64_t done = 1ull << 63;
  auto serve = [&](size_t i, uint32_t slot) {
    events.push(now + stations[i].rng.exponential(stations[i].mean), done | uint64_t(i) << 32 | slot);
  };
  auto arrive = [&](size_t i, uint32_t slot) {
    if (stations[i].idle > 0) {
      stations[i].idle--;
      serve(i, slot);
    } else {
      stations[i].queue.push({slot, now});
    }
  };
  long made = 0;
  events.push(arrivals.exponential(1 / spec.rate), 0);
  while (!events.empty()) {
    uint64_t e = events.pop(now);
    if (!(e & done)) {
      if (++made < n)
        events.push(now + arrivals.exponential(1 / spec.rate), 0);
      uint32_t slot = created.take();
      created[slot] = now;
      arrive(0, slot);
      continue;
    }
    size_t i = e >> 32 & 255;
    uint32_t slot = uint32_t(e);
    Station &s = stations[i];
    if (s.queue.empty()) {
      s.idle++;
    } else {
      Customer c = s.queue.pop();
      s.waited += now - c.queued;
      serve(i, c.slot);
    }
    if (i + 1 < stations.size()) {
      arrive(i + 1, slot);
    } else {
      total += now - created[slot];
      created.release(slot);
    }
  }
}

static void edge_cloud(long n) {
  using namespace pipeline;
  enum : uint64_t { arrival, served, delivered };
  struct Station {
    int idle;
    double latency;
    Ring<uint32_t> queue[2];
    double waited[2] = {0, 0};
    long started[2] = {0, 0};
  };
  std::vector<Station> nodes(stations);
  for (int i = 0; i < stations; i++) {
    nodes[size_t(i)].idle = servers(i);
    nodes[size_t(i)].latency = latency(i);
  }
  std::vector<Xoshiro> rngs;
  for (int i = 0; i < sources; i++) {
    rngs.emplace_back(seed + uint64_t(i));
    events.push(rngs.back().exponential(1 / rate), arrival << 60 | uint64_t(i));
  }
  Slots<Request> requests;
  auto serve = [&](uint64_t si, uint32_t slot) {
    const Request &x = requests[slot];
    nodes[si].started[x.cls]++;
    events.push(now + x.demand[x.stage], served << 60 | si << 48 | slot);
  };
  auto arrive = [&](int si, uint32_t slot) {
    Station &s = nodes[size_t(si)];
    Request &x = requests[slot];
    x.queued = now;
    if (s.idle > 0) {
      s.idle--;
      serve(uint64_t(si), slot);
    } else {
      s.queue[queue_of(x)].push(slot);
    }
  };
  long made = 0;
  while (!events.empty()) {
    uint64_t e = events.pop(now);
    uint32_t slot = uint32_t(e);
    if (e >> 60 == arrival) {
      if (made >= n)
        continue;
      made++;
      int source = int(slot);
      uint32_t k = requests.take();
      draw(rngs[size_t(source)], source, now, requests[k]);
      events.push(now + rngs[size_t(source)].exponential(1 / rate), e);
      arrive(station(0, source), k);
      continue;
    }
    Request &x = requests[slot];
    if (e >> 60 == delivered) {
      arrive(station(x.stage, x.source), slot);
      continue;
    }
    uint64_t si = e >> 48 & 0xfff;
    Station &s = nodes[si];
    int q = !s.queue[high].empty() ? high : !s.queue[low].empty() ? low : -1;
    if (q < 0) {
      s.idle++;
    } else {
      uint32_t next = s.queue[q].pop();
      const Request &y = requests[next];
      s.waited[y.cls] += now - y.queued;
      serve(si, next);
    }
    if (x.stage == stages - 1) {
      total += now - x.created;
      requests.release(slot);
      continue;
    }
    if (is_link(x.stage++))
      events.push(now + s.latency, delivered << 60 | slot);
    else
      arrive(station(x.stage, x.source), slot);
  }
}

int main(int, char **argv) {
  long n = atol(argv[2]);
  double start = cpu_seconds();
  if (argv[1][0] == 'b')
    tandem(argv[1], n);
  else
    edge_cloud(n);
  report_value(n, cpu_seconds() - start, total / double(n));
}
