"""Workloads a2, b1, b2, c on SimPy.

queueing.py a2 N K, queueing.py b1|b2|c N. Draws come from Python's own
generator: another one, written in Python, would be the slowest part.
"""

import json
import sys
import time
from random import Random

import simpy

MEAN = (0.032, 0.008, 0.016, 0.0008, 0.032)  # service by stage, s
LATENCY = {1: 0.005, 3: 0.020}  # behind the links, s
SOURCES = 1000


def timers(env, n, k):
    """n timers re-arm themselves until k have fired; the value is their number."""
    left, stop = [k], env.event()
    fired = [0] * n

    def timer(i):
        draw = Random(1000 + i).expovariate
        while True:
            yield env.timeout(draw(1.0))
            fired[i] += 1
            left[0] -= 1
            if left[0] == 0:
                stop.succeed()

    for i in range(n):
        env.process(timer(i))
    return stop, lambda: sum(fired)


def tandem(env, n, rate, stages):
    """Customers pass stages of (servers, mean service); the value is their mean stay."""
    arrivals = Random(1).expovariate
    servers = [simpy.Resource(env, capacity=c) for c, _ in stages]
    draws = [Random(2 + i).expovariate for i in range(len(stages))]
    waited, total = [0.0] * len(stages), [0.0]

    def customer():
        created = env.now
        for i, (_, mean) in enumerate(stages):
            queued = env.now
            with servers[i].request() as turn:
                yield turn
                waited[i] += env.now - queued
                yield env.timeout(draws[i](1 / mean))
        total[0] += env.now - created

    def source():
        for _ in range(n):
            yield env.timeout(arrivals(rate))
            env.process(customer())

    env.process(source())
    return None, lambda: total[0] / n


def pipeline(env, n):
    """Requests of two classes pass edge, link, fog, link, cloud."""
    nodes = [simpy.PriorityResource(env, capacity=4) for _ in range(10)]
    links = [simpy.Resource(env, capacity=1) for _ in range(10)]
    fog = simpy.PriorityResource(env, capacity=20)
    uplink = simpy.Resource(env, capacity=1)
    cloud = simpy.PriorityResource(env, capacity=40)
    waited, total, left = [0.0] * 5, [0.0], [n]

    def request(source, priority, demands):
        created = env.now
        route = (nodes[source % 10], links[source % 10], fog, uplink, cloud)
        for stage, station in enumerate(route):
            queued = env.now
            latency = LATENCY.get(stage)
            turn = station.request() if latency else station.request(priority=priority)
            yield turn
            waited[stage] += env.now - queued
            yield env.timeout(demands[stage])
            station.release(turn)
            if latency:
                yield env.timeout(latency)
        total[0] += env.now - created

    def source(i):
        rng = Random(12345 + i)
        draw = rng.expovariate
        yield env.timeout(draw(1.0))
        while left[0] > 0:
            left[0] -= 1
            priority = 0 if rng.random() < 0.2 else 1
            env.process(request(i, priority, [draw(1 / m) for m in MEAN]))
            yield env.timeout(draw(1.0))

    for i in range(SOURCES):
        env.process(source(i))
    return None, lambda: total[0] / n


def main():
    workload, n = sys.argv[1], int(sys.argv[2])
    env, operations = simpy.Environment(), n
    if workload == "a2":
        operations = int(sys.argv[3])
        until, value = timers(env, n, operations)
    elif workload == "b1":
        until, value = tandem(env, n, 0.8, [(1, 1.0)])
    elif workload == "b2":
        until, value = tandem(env, n, 8.0, [(10, 1.0), (4, 0.4), (1, 0.1)])
    else:
        until, value = pipeline(env, n)
    start = time.process_time()
    env.run(until)
    cpu = time.process_time() - start
    print(json.dumps({"operations": operations, "cpu_s": cpu, "value": value()}))


main()
