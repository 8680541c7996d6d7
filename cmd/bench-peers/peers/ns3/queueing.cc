// Workloads a2, b1, b2, c on the event core of ns-3:
// queueing SCHEDULER a2 N K, queueing SCHEDULER b1|b2|c N.
#include <cstdlib>
#include <deque>

#include "ns3/core-module.h"

#include "../common/report.hpp"
#include "../common/stations.hpp"

using namespace ns3;

static double now() { return Simulator::Now().GetSeconds(); }
static Time after(double s) { return Time(int64_t(s * 1e12 + 0.5)); } // in ps
static double total;

namespace timers {
struct Timer {
  Xoshiro rng;
  uint64_t count = 0;
};
static std::vector<Timer> all;
static long left;

static void fire(uint32_t i) {
  Timer &x = all[i];
  x.count++;
  if (--left <= 0) {
    Simulator::Stop();
    return;
  }
  Simulator::Schedule(after(x.rng.exponential(1)), &fire, i);
}

static void run(long n, long k) {
  left = k;
  for (long i = 0; i < n; i++)
    all.push_back({Xoshiro(uint64_t(1000 + i))});
  for (long i = 0; i < n; i++)
    Simulator::Schedule(after(all[size_t(i)].rng.exponential(1)), &fire, uint32_t(i));
  double start = cpu_seconds();
  Simulator::Run();
  double cpu = cpu_seconds() - start;
  uint64_t hash = 0;
  for (auto &x : all)
    hash = hash * 31 + x.count;
  report_hash(k, cpu, hash);
}
} // namespace timers

namespace tandem {
struct Station {
  int idle;
  double mean;
  Xoshiro rng;
  std::deque<std::pair<uint32_t, double>> queue; // slot, since when
  double waited = 0;
};
static std::vector<Station> stations;
static Slots<double> created;
static Xoshiro arrivals;
static double rate;
static long left;

static void done(uint32_t i, uint32_t slot);

static void serve(uint32_t i, uint32_t slot) {
  Station &s = stations[i];
  Simulator::Schedule(after(s.rng.exponential(s.mean)), &done, i, slot);
}

static void arrive(uint32_t i, uint32_t slot) {
  if (stations[i].idle > 0) {
    stations[i].idle--;
    serve(i, slot);
  } else {
    stations[i].queue.emplace_back(slot, now());
  }
}

static void done(uint32_t i, uint32_t slot) {
  Station &s = stations[i];
  if (s.queue.empty()) {
    s.idle++;
  } else {
    auto [next, since] = s.queue.front();
    s.queue.pop_front();
    s.waited += now() - since;
    serve(i, next);
  }
  if (i + 1 < stations.size()) {
    arrive(i + 1, slot);
  } else {
    total += now() - created[slot];
    created.release(slot);
  }
}

static void generate() {
  if (--left > 0)
    Simulator::Schedule(after(arrivals.exponential(1 / rate)), &generate);
  uint32_t slot = created.take();
  created[slot] = now();
  arrive(0, slot);
}

static void start(const char *workload, long n) {
  Tandem spec(workload);
  for (auto &s : spec.stages)
    stations.push_back({s.servers, s.mean, Xoshiro(Tandem::service_seed + stations.size()), {}});
  arrivals = Xoshiro(Tandem::arrival_seed);
  rate = spec.rate;
  left = n;
  Simulator::Schedule(after(arrivals.exponential(1 / rate)), &generate);
}
} // namespace tandem

namespace edge_cloud {
using namespace pipeline;
struct Station {
  int idle;
  double latency;
  std::deque<uint32_t> queue[2];
  double waited[2] = {0, 0};
  long started[2] = {0, 0};
};
static std::vector<Station> nodes(stations);
static std::vector<Xoshiro> rngs;
static Slots<Request> requests;
static long left;

static void served(int si, uint32_t slot);

static void serve(int si, uint32_t slot) {
  const Request &x = requests[slot];
  nodes[size_t(si)].started[x.cls]++;
  Simulator::Schedule(after(x.demand[x.stage]), &served, si, slot);
}

static void arrive(int si, uint32_t slot) {
  Station &s = nodes[size_t(si)];
  Request &x = requests[slot];
  x.queued = now();
  if (s.idle > 0) {
    s.idle--;
    serve(si, slot);
  } else {
    s.queue[queue_of(x)].push_back(slot);
  }
}

static void delivered(uint32_t slot) {
  const Request &x = requests[slot];
  arrive(station(x.stage, x.source), slot);
}

static void served(int si, uint32_t slot) {
  Station &s = nodes[size_t(si)];
  int q = !s.queue[high].empty() ? high : !s.queue[low].empty() ? low : -1;
  if (q < 0) {
    s.idle++;
  } else {
    uint32_t next = s.queue[q].front();
    s.queue[q].pop_front();
    const Request &y = requests[next];
    s.waited[y.cls] += now() - y.queued;
    serve(si, next);
  }
  Request &x = requests[slot];
  if (x.stage == stages - 1) {
    total += now() - x.created;
    requests.release(slot);
    return;
  }
  if (is_link(x.stage++))
    Simulator::Schedule(after(s.latency), &delivered, slot);
  else
    arrive(station(x.stage, x.source), slot);
}

static void generate(int source) {
  if (left <= 0)
    return;
  left--;
  Xoshiro &rng = rngs[size_t(source)];
  uint32_t slot = requests.take();
  draw(rng, source, now(), requests[slot]);
  Simulator::Schedule(after(rng.exponential(1 / rate)), &generate, source);
  arrive(station(0, source), slot);
}

static void start(long n) {
  left = n;
  for (int i = 0; i < stations; i++) {
    nodes[size_t(i)].idle = servers(i);
    nodes[size_t(i)].latency = latency(i);
  }
  for (int i = 0; i < sources; i++) {
    rngs.emplace_back(seed + uint64_t(i));
    Simulator::Schedule(after(rngs.back().exponential(1 / rate)), &generate, i);
  }
}
} // namespace edge_cloud

int main(int, char **argv) {
  Time::SetResolution(Time::PS);
  ObjectFactory scheduler;
  scheduler.SetTypeId(argv[1]);
  Simulator::SetScheduler(scheduler);
  const char *workload = argv[2];
  long n = atol(argv[3]);
  if (!strcmp(workload, "a2")) {
    timers::run(n, atol(argv[4]));
    return 0;
  }
  if (workload[0] == 'b')
    tandem::start(workload, n);
  else
    edge_cloud::start(n);
  double start = cpu_seconds();
  Simulator::Run();
  report_value(n, cpu_seconds() - start, total / double(n));
}
