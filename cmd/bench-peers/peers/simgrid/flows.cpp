// Workload d, a closed network of max-min fair flows, on SimGrid:
// flows d1|d3 FLOWS COMPLETIONS Full|Lazy.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "../common/report.hpp"
#include "../common/xoshiro.hpp"
#include "compat.hpp"

struct Pair {
  sg::Host *from, *to;
};

static std::vector<Pair> pairs;
static std::vector<sg::Link *> links;
static sg::NetZone *zone;

static void add_link(double bytes_per_s) {
  links.push_back(make_link(zone, "link" + std::to_string(links.size()), bytes_per_s));
}

static void add_pair(sg::Host *from, sg::Host *to, const std::vector<size_t> &route) {
  std::vector<sg::LinkInRoute> r;
  for (size_t x : route)
    r.emplace_back(links[x]);
  make_route(zone, from, to, r);
  pairs.push_back({from, to});
}

// 100 links, 1000 routes of 4 distinct ones. Each route is a pair of hosts.
static void mesh(Xoshiro &rng) {
  for (int i = 0; i < 100; i++)
    add_link(1e9 * (0.5 + rng.uniform()));
  std::vector<sg::Host *> hosts;
  for (int i = 0; i < 64; i++)
    hosts.push_back(make_host(zone, "host" + std::to_string(i)));
  for (size_t p = 0; p < 1000; p++) {
    std::vector<size_t> route;
    while (route.size() < 4) {
      size_t x = rng.below(100);
      if (std::find(route.begin(), route.end(), x) == route.end())
        route.push_back(x);
    }
    size_t from = p / 63 % 64, to = p % 63;
    add_pair(hosts[from], hosts[to < from ? to : to + 1], route);
  }
}

// 1000 uplinks, 50 to each of 20 fog links, which share a core.
static void edge_tree(Xoshiro &rng) {
  for (int i = 0; i < 1000; i++)
    add_link(1e8 * (0.5 + rng.uniform()));
  for (int i = 0; i < 20; i++)
    add_link(5e9);
  add_link(1e11);
  auto *cloud = make_host(zone, "cloud");
  for (size_t i = 0; i < 1000; i++)
    add_pair(make_host(zone, "host" + std::to_string(i)), cloud, {i, 1000 + i / 50, 1020});
}

int main(int argc, char **argv) {
  sg::Engine engine(&argc, argv);
  for (const char *setting : {"network/model:CM02", "network/crosstraffic:0", "network/latency-factor:1",
                              "network/bandwidth-factor:1", "network/weight-S:0", "network/TCP-gamma:0",
                              "network/loopback-lat:0"})
    sg::Engine::set_config(setting);
  sg::Engine::set_config(std::string("network/optim:") + argv[4]);
  zone = make_zone(engine);
  Xoshiro rng(99);
  if (!strcmp(argv[1], "d1"))
    mesh(rng);
  else
    edge_tree(rng);
  zone->seal();

  long flows = atol(argv[2]), completions = atol(argv[3]), done = 0;
  double last = 0;
  for (long i = 0; i < flows; i++)
    make_actor("flow", pairs[0].from, [&, i] {
      for (Xoshiro draws(uint64_t(1000 + i)); done < completions;) {
        Pair p = pairs[draws.below(pairs.size())];
        sg::Comm::sendto(p.from, p.to, uint64_t(draws.exponential(1e8)));
        if (done < completions) {
          done++;
          last = now();
        }
      }
    });
  double start = cpu_seconds();
  sg::Engine::on_time_advance_cb([&](double) {
    if (done < completions)
      return;
    report_value(completions, cpu_seconds() - start, last);
    _exit(0);
  });
  engine.run();
  report_value(completions, cpu_seconds() - start, last);
  _exit(0);
}
