# Two commands set everything up on a bare Debian machine with Go and Node:
#   make run    the broker at https://localhost:8443, data in ./data
#   make test   everything, with real browsers and virtual screens
SHELL   := /bin/bash
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo development)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The agent is downloaded for each session: it speaks HTTP/1.1 only, and C functions that nothing calls are left out.
AGENT   := -tags nethttpomithttp2 -ldflags '$(LDFLAGS) -extldflags=-Wl,--gc-sections'
# The auditor's tool: systems that it is built for, and how, always the same.
TOOLS      := linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
TOOL_ENV   := CGO_ENABLED=0 GOFLAGS= GOEXPERIMENT= GOAMD64=v1 GOARM64=v8.0 GOFIPS140=off
TOOL_FLAGS := -trimpath -buildvcs=false -ldflags '-s -w -buildid='
URL     := https://localhost:8443

.DEFAULT_GOAL := build
.PHONY: run test test-beside test-long demo bench lint build agents tools setup front clean fuzz dev

# setup installs what is missing: Debian packages, npm packages by lock file.
setup:
	@build/setup.sh

# front makes the types of the protocol and bundles the console.
front: setup
	@go run ./build/tsgen
	@npm --prefix console run --silent check
	@go run ./build/bundle

build: front
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/consento-broker ./broker
	go build -trimpath $(AGENT) -o bin/consento-agent ./agent
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/consento-verify ./recordings/cmd/verify
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/consento-witness ./recordings/cmd/witness

# agents builds the agent for every system that there is one for.
agents: build
	@mkdir -p bin/agents
	@cp bin/consento-agent bin/agents/consento-agent-linux-amd64

# tools builds the auditor's tool for other systems. Whoever builds the same source with the same Go gets the same
# bytes (README), so nothing of this machine may go in: no version, no paths, no settings of the environment.
tools: front
	@mkdir -p bin/tools
	@set -e; for t in $(TOOLS); do \
	  os=$${t%/*}; arch=$${t#*/}; suffix=; [ $$os != windows ] || suffix=.exe; \
	  echo bin/tools/consento-verify-$$os-$$arch$$suffix; \
	  env $(TOOL_ENV) GOOS=$$os GOARCH=$$arch go build $(TOOL_FLAGS) -o bin/tools/consento-verify-$$os-$$arch$$suffix ./recordings/cmd/verify; \
	done
	@cd bin/tools && sha256sum consento-verify-* | tee SHA256SUMS

run: agents
	bin/consento-broker agents prepare --data data --public-url $(URL) --in bin/agents --office Consento
	bin/consento-broker serve --data data --listen 127.0.0.1:8443 --public-url $(URL)

# A test that fails is run again by itself, unless it raced, hung or fell with many others: a browser on a machine that
# others use is late now and then (build/adr/0028). What passed only then is said at the end.
GOTEST := go run gotest.tools/gotestsum@v1.13.0 --format standard-quiet --rerun-fails=1 --rerun-fails-max-failures=8 \
          --rerun-fails-abort-on-data-race --rerun-fails-run-root-test

# Under the race detector run our code and all that has goroutines; what only computes for it runs as it ships: SQLite, which
# is C made into Go, and cryptography (build/adr/0035).
RACE := -race -gcflags=modernc.org/...=-race=false -gcflags=crypto/internal/fips140/...=-race=false
# Packages with tests that try thousands of cases one after the other, or all once more under FIPS: these tests are left out
# under the race detector, and run without it.
LONG := grep -rlE 'testing\.Short\(\)|fipstest\.Run\(' --include='*_test.go' --exclude-dir=node_modules . | xargs dirname | sort -u

test: agents lint
	@rm -rf bin/again; mkdir -p bin/again
	$(MAKE) -j 2 --no-print-directory test-beside test-long
	@# By themselves: they make networks, and browsers elsewhere drop what they load when a network comes or goes. Broker and
	@# agent are other processes, as they ship: the race detector would look at nothing but what presses the keys.
	$(GOTEST) --rerun-fails-report=bin/again/2 --packages='./build/stage ./console/e2e' -- -vet=off -timeout 60m -p 1
	@if [ -s bin/again/1 ] || [ -s bin/again/long ] || [ -s bin/again/2 ]; then echo 'Passed only when run again, each a defect to look for:'; cat bin/again/*; fi

# Tests in packages wait more than they compute: three at a time on two cores. What takes longest begins first.
test-beside:
	$(GOTEST) --rerun-fails-report=bin/again/1 --packages="./broker/internal/web $$(go list ./... | grep -v -e /console/e2e -e /build/stage -e /internal/web$$ | tr '\n' ' ')" -- -p 3 $(RACE) -vet=off -short -timeout 60m

test-long:
	$(GOTEST) --rerun-fails-report=bin/again/long --packages="$$($(LONG) | tr '\n' ' ')" -- -vet=off -timeout 40m
	cd build/foreign && go test -race ./...
	cd build/bucket && go test -timeout 40m ./...

# demo plays one whole attended session and leaves pictures and evidence in ./demo.
demo: agents
	go run ./build/demo

bench: agents
	go run ./build/bench
	@# The evidence: disk, log, verdicts and search.
	go test -run '^$$' -bench . -benchtime 1s ./recordings ./recordings/translog ./broker/internal/evidence
	@# The service desk: 10,000 tickets, fifty people.
	go test -run '^$$' -bench Desk -benchtime 1x ./broker
	@# The auditors' search in Chromium: it makes 11,000 recordings first.
	go test -run '^$$' -bench SearchInChromium -benchtime 1x -timeout 40m ./broker/internal/web
	@# The player's seeks over an hour's recording.
	go test -run '^$$' -bench 'Seek$$' -benchtime 60x -timeout 40m ./broker/internal/web

lint: setup
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || (echo 'gofmt -w the files above'; exit 1)
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...

# fuzz runs every fuzz target for a little while; make test runs their seeds.
fuzz: setup
	@build/fuzz.sh

# dev is the loop of who works on the code: it serves, and builds the console anew on every change.
dev: agents
	@trap 'kill 0' EXIT; go run ./build/bundle --watch & $(MAKE) --no-print-directory run

clean:
	rm -rf bin demo console/node_modules
	find console/dist -type f ! -name .placeholder -delete
