# `make test` is everything, set-up included; `make short` is what to run between two edits.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

GO ?= go
# A number of inputs: at the end of a time, go test may take the deadline of its own worker for a finding.
FUZZTIME ?= 5000x

# The race detector is for code that is written in Go. SQLite is translated from C, by two libraries, locks as it does
# there, and takes three times as long with it.
TRANSLATED := modernc.org/sqlite/lib modernc.org/libc github.com/ncruces/go-sqlite3-wasm/v6
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS) $(TRANSLATED:%=-gcflags=%=-race=false))

# The machine is set up beside the linters, which need the compiler alone.
MAKEFLAGS += --jobs=2

.PHONY: test short lint fuzz bench compiler setup image help

test: lint image fuzz ## everything: machine set-up, linters, some thousand inputs for each fuzz target, all modules under -race
	.ci/test

short: ## the root module alone, without Docker
	$(GO) test -race -shuffle=on -short ./...

lint: compiler ## gofmt, go vet, staticcheck, govulncheck, in all modules of go.work
	.ci/lint

fuzz: compiler ## every fuzz target, FUZZTIME inputs or for that time (make fuzz FUZZTIME=1m)
	.ci/fuzz $(FUZZTIME)

bench: image ## this library beside its peers; docs/performance.md explains the figures
	cd testing/internal/bench && ../../../.ci/with-postgres $(GO) run .

compiler:
	.ci/setup compiler

setup: compiler ## install what the tests need, where that is missing and may be installed
	.ci/setup tests

image: setup
	.ci/with-postgres true

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
