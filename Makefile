# The commands of the project; `make help` lists them. Each installs, builds and starts what it lacks.
.DEFAULT_GOAL := help
SHELL := /bin/bash
SECONDS ?= 300

.PHONY: help prepare build iterate status logs stop test test-long fuzz demo bench release format lint clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

prepare: ## install what building, testing and running need (Debian packages); safe to run twice
	@tools/prepare

build: prepare ## build bin/entropy and bin/entropy-injector
	@tools/build release entropy entropy-injector
	@mkdir -p bin
	@install -p build/release/src/main/entropy build/release/src/injector/entropy-injector bin/

iterate: build ## the local environment, Entropy at http://localhost:7890; at every change of the sources rebuild, test, relaunch
	@tools/iterate

status: ## every service of the local environment: address, health
	@tools/environment status || true

logs: ## what the services say; SERVICES="traffic entropy": only they
	@tools/environment logs $(SERVICES)

stop: ## end the local environment, and whatever `make demo` and `make test` have left
	@tools/leftovers
	@tools/environment stop

test: build ## every test: unit, kernel, end to end; then unit and kernel again under ASan+UBSan, and fuzzing
	@tools/build release
	@tools/run-tests

test-long: build ## what does not fit 25 minutes: everything again under ThreadSanitizer, repeated; 100,000 seeds of chaos
	@tools/build release
	@tools/run-tests --long

fuzz: prepare ## every parser against inputs that nobody wrote, SECONDS=300 each; finds are kept in build/fuzz/
	@tools/build sanitize entropy_tests
	@tools/fuzz $(SECONDS)

demo: build ## two containers, one policy, faults coming and going before your eyes
	@tools/demo

release: build ## dist/: the image of the service, an archive for any Debian 12, their checksums
	@tools/release

bench: build ## figures as ratios taken in one run, and the API under load
	@tools/build release plan_bench service_on_fakes
	@build/release/bench/plan_bench
	@bench/run
	@bench/api

format: ## clang-format over all sources
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i

lint: prepare ## formatting, layers, clang-tidy
	@tools/lint

clean: ## remove what was built
	rm -rf build bin dist
