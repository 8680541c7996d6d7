// The names that changed from SimGrid 3 to SimGrid 4.
#pragma once
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>

#include <string>

namespace sg = simgrid::s4u;

inline double now() { return sg::Engine::get_clock(); }

#if SIMGRID_VERSION_MAJOR < 4
inline sg::NetZone *make_zone(sg::Engine &) { return sg::create_full_zone("zone"); }
inline sg::Host *make_host(sg::NetZone *z, const std::string &name) { return z->create_host(name, 1e9); }
inline sg::Link *make_link(sg::NetZone *z, const std::string &name, double bytes_per_s) {
  return z->create_link(name, bytes_per_s)->set_latency(0.0)->seal();
}
inline void make_route(sg::NetZone *z, sg::Host *a, sg::Host *b, const std::vector<sg::LinkInRoute> &r) {
  z->add_route(a->get_netpoint(), b->get_netpoint(), nullptr, nullptr, r, false);
}
template <class F> sg::ActorPtr make_actor(const std::string &name, sg::Host *h, F body) {
  return sg::Actor::create(name, h, body);
}
#else
inline sg::NetZone *make_zone(sg::Engine &e) { return e.get_netzone_root(); }
inline sg::Host *make_host(sg::NetZone *z, const std::string &name) { return z->add_host(name, 1e9); }
inline sg::Link *make_link(sg::NetZone *z, const std::string &name, double bytes_per_s) {
  return z->add_link(name, bytes_per_s)->set_latency(0.0)->seal();
}
inline void make_route(sg::NetZone *z, sg::Host *a, sg::Host *b, const std::vector<sg::LinkInRoute> &r) {
  z->add_route(a, b, r, false);
}
template <class F> sg::ActorPtr make_actor(const std::string &name, sg::Host *h, F body) {
  return h->add_actor(name, body);
}
#endif
