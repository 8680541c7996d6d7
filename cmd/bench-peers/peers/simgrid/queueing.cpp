// Workloads a2, b1, b2, c on SimGrid, whose processes are actors:
// queueing a2 N K, queueing b1|b2|c N.
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <memory>

#include "../common/report.hpp"
#include "../common/stations.hpp"
#include "compat.hpp"

using sg::this_actor::sleep_for;
using sg::this_actor::sleep_until;

static sg::Host *host;
static long finished;
static double total;

template <class F> void start(F body) { make_actor("process", host, body); }
template <class F> void start_server(F body) { make_actor("server", host, body)->daemonize(); }

namespace timers {
static std::vector<uint64_t> counts;
static long left;

static void start_all(long n, long k) {
  counts.resize(size_t(n));
  left = k;
  for (long i = 0; i < n; i++)
    start([i] {
      for (Xoshiro rng(uint64_t(1000 + i));;) {
        sleep_for(rng.exponential(1));
        if (left == 0)
          return;
        left--;
        counts[size_t(i)]++;
      }
    });
}
} // namespace timers

namespace tandem {
struct Station {
  double mean;
  Xoshiro rng;
  std::deque<std::pair<uint32_t, double>> queue; // slot, since when
  sg::SemaphorePtr waiting = sg::Semaphore::create(0);
  double waited = 0;
};
static std::vector<std::unique_ptr<Station>> stations;
static Slots<double> created;

static void arrive(size_t i, uint32_t slot) {
  stations[i]->queue.emplace_back(slot, now());
  stations[i]->waiting->release();
}

static void server(size_t i) {
  for (Station &s = *stations[i];;) {
    s.waiting->acquire();
    auto [slot, since] = s.queue.front();
    s.queue.pop_front();
    s.waited += now() - since;
    sleep_for(s.rng.exponential(s.mean));
    if (i + 1 < stations.size()) {
      arrive(i + 1, slot);
    } else {
      total += now() - created[slot];
      created.release(slot);
      finished++;
    }
  }
}

static void start_all(const char *workload, long n) {
  Tandem spec(workload);
  for (auto &s : spec.stages) {
    size_t i = stations.size();
    stations.push_back(std::make_unique<Station>(Station{s.mean, Xoshiro(Tandem::service_seed + i), {}}));
    for (int j = 0; j < s.servers; j++)
      start_server([i] { server(i); });
  }
  start([n, rate = spec.rate] {
    Xoshiro arrivals(Tandem::arrival_seed);
    for (long made = 0; made < n; made++) {
      sleep_for(arrivals.exponential(1 / rate));
      uint32_t slot = created.take();
      created[slot] = now();
      arrive(0, slot);
    }
    while (finished < n) // servers are daemons: they live as long as this
      sleep_for(1);
  });
}
} // namespace tandem

namespace edge_cloud {
using namespace pipeline;
struct Station {
  double latency;
  std::deque<uint32_t> queue[2];
  sg::SemaphorePtr waiting = sg::Semaphore::create(0);
  std::deque<std::pair<double, uint32_t>> travelling; // until when, slot
  sg::SemaphorePtr sent = sg::Semaphore::create(0);
  double waited[2] = {0, 0};
  long started[2] = {0, 0};
};
static std::vector<std::unique_ptr<Station>> nodes;
static Slots<Request> requests;
static long made;

static void arrive(uint32_t slot) {
  Request &x = requests[slot];
  Station &s = *nodes[size_t(station(x.stage, x.source))];
  x.queued = now();
  s.queue[queue_of(x)].push_back(slot);
  s.waiting->release();
}

static void server(Station &s) {
  for (;;) {
    s.waiting->acquire();
    auto &queue = s.queue[s.queue[high].empty() ? low : high];
    uint32_t slot = queue.front();
    queue.pop_front();
    {
      const Request &x = requests[slot];
      s.waited[x.cls] += now() - x.queued;
      s.started[x.cls]++;
    }
    sleep_for(requests[slot].demand[requests[slot].stage]);
    Request &x = requests[slot];
    if (x.stage == stages - 1) {
      total += now() - x.created;
      requests.release(slot);
      finished++;
      continue;
    }
    if (is_link(x.stage++)) {
      s.travelling.emplace_back(now() + s.latency, slot);
      s.sent->release();
    } else {
      arrive(slot);
    }
  }
}

static void carrier(Station &s) {
  for (;;) {
    s.sent->acquire();
    auto [until, slot] = s.travelling.front();
    s.travelling.pop_front();
    sleep_until(until);
    arrive(slot);
  }
}

static void source(int i, long n) {
  Xoshiro rng(seed + uint64_t(i));
  for (;;) {
    sleep_for(rng.exponential(1 / rate));
    if (made >= n)
      return;
    made++;
    uint32_t slot = requests.take();
    draw(rng, i, now(), requests[slot]);
    arrive(slot);
  }
}

static void start_all(long n) {
  for (int i = 0; i < stations; i++) {
    nodes.push_back(std::make_unique<Station>(Station{latency(i), {}}));
    Station *s = nodes.back().get();
    for (int j = 0; j < servers(i); j++)
      start_server([s] { server(*s); });
    if (s->latency > 0)
      start_server([s] { carrier(*s); });
  }
  for (int i = 0; i < sources; i++)
    start([i, n] { source(i, n); });
  start([n] {
    while (finished < n)
      sleep_for(1);
  });
}
} // namespace edge_cloud

int main(int argc, char **argv) {
  sg::Engine engine(&argc, argv);
  auto *zone = make_zone(engine);
  host = make_host(zone, "host");
  zone->seal();
  const char *workload = argv[1];
  long n = atol(argv[2]), k = n;
  bool a2 = !strcmp(workload, "a2");
  if (a2)
    timers::start_all(n, k = atol(argv[3]));
  else if (workload[0] == 'b')
    tandem::start_all(workload, n);
  else
    edge_cloud::start_all(n);
  double start = cpu_seconds();
  engine.run();
  double cpu = cpu_seconds() - start;
  if (a2) {
    uint64_t hash = 0;
    for (auto x : timers::counts)
      hash = hash * 31 + x;
    report_hash(k, cpu, hash);
  } else {
    report_value(n, cpu, total / double(n));
  }
  _exit(0); // SimGrid's own clean-up of daemons is of no interest
}
