// What a side prints: one line of JSON about its measured part.
#pragma once
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <string>

// CPU time of this process in all its threads, in seconds.
inline double cpu_seconds() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * double(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

inline std::string hex(uint64_t x) {
  char text[20];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)x);
  return text;
}

inline void report_hash(long operations, double cpu, uint64_t hash) {
  printf("{\"operations\": %ld, \"cpu_s\": %.9f, \"hash\": \"%s\"}\n",
         operations, cpu, hex(hash).c_str());
  fflush(stdout);
}

inline void report_value(long operations, double cpu, double value) {
  printf("{\"operations\": %ld, \"cpu_s\": %.9f, \"value\": %.12g}\n",
         operations, cpu, value);
  fflush(stdout);
}
