// The queueing workloads, apart from how an engine runs them.
//
//   b1  M/M/1: arrivals 0.8/s, service 1 s
//   b2  tandem M/M/10, M/M/4, M/M/1: arrivals 8/s, services 1, 0.4, 0.1 s
//   c   1000 sources of 1 request/s; source i feeds edge node i%10, its link,
//       the fog, its link, the cloud; two classes, high ahead of low at nodes
#pragma once
#include <array>
#include <cstring>
#include <vector>

#include "xoshiro.hpp"

struct Tandem {
  struct Stage {
    int servers;
    double mean; // of service, s
  };
  double rate; // of arrivals, 1/s
  std::vector<Stage> stages;

  // Stream 1 draws the arrivals and stream 2+i the services of stage i.
  static const uint64_t arrival_seed = 1, service_seed = 2;

  explicit Tandem(const char *workload) {
    if (!strcmp(workload, "b1")) {
      rate = 0.8;
      stages = {{1, 1.0}};
    } else {
      rate = 8;
      stages = {{10, 1.0}, {4, 0.4}, {1, 0.1}};
    }
  }
};

namespace pipeline {
const int sources = 1000, edges = 10, stages = 5;
const int fog = 2 * edges, uplink = fog + 1, cloud = fog + 2, stations = fog + 3;
const uint64_t seed = 12345; // source i draws from stream seed+i
const double rate = 1, high_share = 0.2;
const double mean[stages] = {0.032, 0.008, 0.016, 0.0008, 0.032}; // s

enum Class : uint8_t { high, low };

struct Request {
  double created, queued;
  std::array<double, stages> demand;
  Class cls;
  uint8_t stage;
  uint16_t source;
};

// All of a request is drawn when it is created.
inline void draw(Xoshiro &rng, int source, double now, Request &x) {
  x.created = now;
  x.source = uint16_t(source);
  x.stage = 0;
  x.cls = rng.uniform() < high_share ? high : low;
  for (int j = 0; j < stages; j++)
    x.demand[size_t(j)] = rng.exponential(mean[j]);
}

inline int station(int stage, int source) {
  switch (stage) {
  case 0:
    return source % edges;
  case 1:
    return edges + source % edges;
  case 2:
    return fog;
  case 3:
    return uplink;
  default:
    return cloud;
  }
}
inline bool is_link(int stage) { return stage % 2 == 1; }
inline int servers(int station) {
  if (station < edges)
    return 4;
  return station == fog ? 20 : station == cloud ? 40 : 1;
}
inline double latency(int station) { // of a link, s
  return station == uplink ? 0.020 : station >= edges && station < fog ? 0.005 : 0;
}
// Links know no classes: all their requests queue as one.
inline int queue_of(const Request &x) { return is_link(x.stage) ? 0 : x.cls; }
} // namespace pipeline

// Slots numbers objects and reuses the numbers.
template <class T> class Slots {
  std::vector<T> items;
  std::vector<uint32_t> free;

public:
  uint32_t take() {
    if (free.empty()) {
      items.emplace_back();
      return uint32_t(items.size() - 1);
    }
    uint32_t slot = free.back();
    free.pop_back();
    return slot;
  }
  void release(uint32_t slot) { free.push_back(slot); }
  T &operator[](uint32_t slot) { return items[slot]; }
};
