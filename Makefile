# `make test` is everything, set-up included; `make short` is what to run between two edits.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

GO ?= go
FUZZTIME ?= 3s

.PHONY: test short lint fuzz bench setup help

test: setup lint fuzz ## everything: machine set-up, linters, fuzz targets for seconds, all modules under -race
	.ci/with-postgres $(GO) test -race -shuffle=on -p 2 -timeout 15m work

short: ## the root module alone, without Docker
	$(GO) test -race -shuffle=on -short ./...

lint: ## gofmt, go vet, staticcheck, govulncheck, in all modules of go.work
	.ci/lint

fuzz: ## every fuzz target for FUZZTIME (make fuzz FUZZTIME=1m)
	.ci/fuzz $(FUZZTIME)

bench: setup ## this library beside its peers; docs/performance.md explains the figures
	cd testing/bench && ../../.ci/with-postgres $(GO) run .

setup: ## install what the tests need, where that is missing and may be installed
	.ci/setup

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
