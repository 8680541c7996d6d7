# `make check` is all of CI. Each step also stands alone.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s
BENCH       ?= .
PKGS        ?= ./...
GO          ?= go

.PHONY: check format vet staticcheck test build verify fuzz thorough bench bench-placement bench-decisions bench-policies bench-peers figures profile clean

check: format vet staticcheck build test verify fuzz
	@echo "make check: every step passed"

format:
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet $(PKGS)

staticcheck:
	$(GO) run $(STATICCHECK) $(PKGS)

# The static build: no cgo, so that the binary runs on any Linux of its kind.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/caravan ./cmd/caravan

# The race detector needs a C compiler. The record of the tests stays in
# bin/test.json; tally prints it for people and fails when a test does.
test:
	@mkdir -p bin
	@$(GO) test -race -json $(PKGS) > bin/test.json; $(GO) run ./cmd/tally < bin/test.json

# The exact solver beside brute force on thousands of small problems.
thorough:
	$(GO) test -tags thorough -timeout 30m -run Thousands ./solver/ilp

# The refutation suite: simulations against exact results and published data.
verify: build
	bin/caravan verify

# Every fuzz target that exists, FUZZTIME each.
fuzz:
	@FUZZTIME=$(FUZZTIME) .ci/fuzz $(PKGS)

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKGS)

# Placements per second of CPU time at 100 to 10,000 nodes, and the policies on
# real traces beside the published figures.
bench-placement: build
	bin/caravan bench placement

bench-decisions: build
	bin/caravan bench decisions

bench-policies: build
	bin/caravan bench policies

# The simulator beside other simulators; PEERFLAGS="--only b1,c --skip pypy".
bench-peers:
	$(GO) run ./cmd/bench-peers $(PEERFLAGS)

# The pictures of docs/figures, from the shipped sweeps and scenarios.
figures: build
	rm -rf bin/figures && mkdir -p bin/figures
	cd bin/figures && ../caravan sweep smoke && ../caravan plot smoke --format png --out drawn
	cd bin/figures && ../caravan sweep rush-hour-border && ../caravan plot rush-hour-border --format png --out drawn
	cd bin/figures && ../caravan run rush-hour --compare ilp,queueing,binpack && ../caravan plot latest --format png --out drawn
	cd bin/figures && ../caravan run preemption --out jobs && ../caravan plot latest --runs jobs --figure gantt --format png --out jobs && cp jobs/gantt.png drawn/gantt-preemption.png
	for f in bin/figures/drawn/*.png; do n=docs/figures/$$(basename $$f); [ ! -e $$n ] || cp $$f $$n; done

# default.pgo, beside a main package, is a CPU profile of the simulator that
# go build reads (-pgo=auto) to inline and lay out what runs most. It changes
# the speed of the two commands and none of their results; renew it when the
# path of a request through the simulator changes.
profile:
	$(GO) run -trimpath ./cmd/bench-peers profile cmd/bench-peers/renewed.pgo
	mv cmd/bench-peers/renewed.pgo cmd/bench-peers/default.pgo
	cp cmd/bench-peers/default.pgo cmd/caravan/default.pgo

# The prediction against processes of this machine, in about nine minutes:
# calibrated on one live run, scored on three others, and drawn over the load. docs/live.md has results;
# VALIDATEFLAGS such as "--work hold" or "--seed 7" vary it. On a busy machine
# put RUNAS="chrt -f 5" before it, as root.
.PHONY: validate
validate:
	@$(GO) build -o bin/caravan ./cmd/caravan
	for s in $(VALIDATED); do \
	  $(RUNAS) bin/caravan validate validate-$$s --cluster local --calibrate --repeat 3 --duration 15s --figures bin/validate/$$s --out bin/validate/saved $(VALIDATEFLAGS) || exit; \
	done
	bin/caravan plot bin/validate/saved/*.json --out bin/validate

# The same on real clusters of this machine, each scenario on one of its own with
# its links emulated: about nine and eleven minutes. docs/clusters.md has results;
# VALIDATEFLAGS="--work burn" wants a core for every node.
.PHONY: cluster-nomad-validate cluster-kubernetes-validate
VALIDATED := chain-light chain-medium chain-heavy dag priorities slow-link contended
VALIDATE  := validate --calibrate --repeat 3 --duration 15s --work hold -y

cluster-nomad-validate: cluster-build
	for s in $(VALIDATED); do \
	  $(CLUSTER) with nomad --name cvm --scenario validate-$$s -- $(RUNAS) bin/caravan $(VALIDATE) --cluster nomad --emulated cvm \
	    --figures bin/validate/nomad/$$s --out bin/validate/nomad/saved $(VALIDATEFLAGS) validate-$$s || exit; \
	done
	bin/caravan plot bin/validate/nomad/saved/*.json --out bin/validate/nomad

cluster-kubernetes-validate: cluster-build
	for s in $(VALIDATED); do \
	  $(CLUSTER) with kubernetes --name cvm --image $(AGENTIMAGE)=bin/caravan --scenario validate-$$s -- $(RUNAS) bin/caravan $(VALIDATE) --cluster kubernetes --image $(AGENTIMAGE) --emulated cvm \
	    --figures bin/validate/kubernetes/$$s --out bin/validate/kubernetes/saved $(VALIDATEFLAGS) validate-$$s || exit; \
	done
	bin/caravan plot bin/validate/kubernetes/saved/*.json --out bin/validate/kubernetes

# Real clusters on this Linux machine, as root: one server and three clients
# in network namespaces, their programs built once and cached. CLUSTERFLAGS
# such as "--scenario tutorial" choose the machines.
.PHONY: cluster-build cluster-nomad cluster-nomad-stop cluster-nomad-test cluster-kubernetes cluster-kubernetes-stop cluster-kubernetes-test
AGENTIMAGE := caravan.local/agent:1
CLUSTER := bin/cluster

cluster-build: build
	@CGO_ENABLED=0 $(GO) build -o $(CLUSTER) ./cmd/cluster

cluster-nomad: cluster-build
	$(CLUSTER) start nomad $(CLUSTERFLAGS)

cluster-nomad-stop: cluster-build
	$(CLUSTER) stop cvn

# The suite of backends, and decisions compared, on a cluster of its own with
# TLS and access control lists, which is stopped at the end.
cluster-nomad-test: cluster-build
	$(CLUSTER) with nomad --secure --name cvtest -- env CARAVAN_TEST_NOMAD=1 CARAVAN_TEST_EXEC=/caravan $(GO) test -p 1 -count=1 -v -run OnACluster ./runner/nomad ./cmd/caravan

# Agents, links, machines and commands that fail while requests are under way:
# what exists before, during and after each, and a link that gets slow under
# caravan submit --watch; in about seven minutes.
.PHONY: cluster-nomad-faults
cluster-nomad-faults: cluster-build
	$(CLUSTER) with nomad --name cvfault --scenario validate-chain-light,moving-link -- env CARAVAN_TEST_FAULTS=1 $(GO) test -count=1 -v -run 'FaultsOnACluster|WatchOnACluster' ./cmd/caravan

# Needs the packages containerd, runc and containernetworking-plugins. Agents
# run with --image $(AGENTIMAGE). The test runs the suite of backends, and then
# decisions compared on nodes that are objects only.
cluster-kubernetes: cluster-build
	$(CLUSTER) start kubernetes --image $(AGENTIMAGE)=bin/caravan $(CLUSTERFLAGS)

cluster-kubernetes-stop: cluster-build
	$(CLUSTER) stop cvk

cluster-kubernetes-test: cluster-build
	$(CLUSTER) with kubernetes --name cvktest --image $(AGENTIMAGE)=bin/caravan -- env CARAVAN_TEST_KUBERNETES_IMAGE=$(AGENTIMAGE) $(GO) test -p 1 -count=1 -v -run OnACluster ./runner/kubernetes
	$(CLUSTER) with kubernetes --name cvktest --varied 9 -- env CARAVAN_TEST_KUBERNETES=1 $(GO) test -count=1 -v -run PodDecisionsOnACluster ./cmd/caravan

clean:
	rm -rf bin
