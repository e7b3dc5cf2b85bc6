# What CI runs and what you run. Everything sets up what it needs, says what it installs, and is quick the second time.
#   make demo [IMAGES=DIR]   prune a real network on real frames        make test        everything that .ci/run checks
#   make build               the program at build/sirfp                 make test-long   slow sweeps
#   make bench               measured ratios                            make lint        format, ruff, clang-tidy with its analyzer
#   make camvid, make zoo    the tables of docs/results                 make format      reformat in place
#   make finetune            pruned networks trained on (half an hour)
#   make guide               the output in docs/guide.md
#   make gpu [RESULTS=DIR]   on a machine with a GPU: build, test and measure there, internet or not
#   make bundle              what such a machine may lack, gathered on one with internet
#   make clean               remove build/ (not .venv, .cache)
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: build test test-long bench gpu bundle camvid finetune zoo guide demo lint format clean setup
JOBS ?= $(shell nproc)
PYTHON := .venv/bin/python
STEP := scripts/step

build: setup
	@$(STEP) build scripts/build dev -j$(JOBS)

# Spinning OpenMP threads make two test programs side by side several times slower (docs/decisions/0004).
test test-long: export OMP_WAIT_POLICY := passive

# The cheap checks first. core-asan is also the proof that core needs neither Torch nor CUDA.
test: setup
	@$(STEP) format $(PYTHON) scripts/lint.py format
	@$(STEP) build scripts/build dev -j$(JOBS)
	@$(STEP) "tests" ctest --test-dir build --output-on-failure -j$(JOBS)
	@$(STEP) clang-tidy $(PYTHON) scripts/lint.py tidy --quick -j$(JOBS)
	@$(STEP) "kernels by nvcc: registers and spills" $(PYTHON) scripts/registers.py check -j$(JOBS)
	@$(STEP) "python tests" $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal tests/python
	@$(STEP) "core alone, ASan + UBSan: build" scripts/build core-asan -j$(JOBS)
	@$(STEP) "core alone, ASan + UBSan: tests" scripts/test_core_alone build/core-asan -j$(JOBS)
	@echo "make test: all passed"

test-long: build
	@SIRFP_LONG=1 $(STEP) "tests, long sweeps" ctest --test-dir build --output-on-failure
	@SIRFP_LONG=1 $(STEP) "python tests, long sweeps" $(PYTHON) -m pytest -q tests/python
	@SIRFP_PROGRAM=$(CURDIR)/build/sirfp_on_emulated_gpu $(STEP) "python tests, on the emulated GPU" $(PYTHON) -m pytest -q -n $(JOBS) --dist worksteal \
	  $(foreach about,observe prune verify lossless hard_cases images bad_input,tests/python/test_cli_$(about).py)

lint: setup
	@$(STEP) format $(PYTHON) scripts/lint.py format
	@$(STEP) configure scripts/build dev --configure
	@$(STEP) clang-tidy $(PYTHON) scripts/lint.py tidy -j$(JOBS)

format: setup
	@$(PYTHON) scripts/lint.py fix

bench: build
	@$(PYTHON) scripts/bench_table.py build

# Neither needs the .venv: a GPU node has its own Python, with torch.
gpu:
	@python3 scripts/gpu.py $(if $(RESULTS),--results '$(RESULTS)')

bundle:
	@python3 scripts/bundle.py

demo:
	@scripts/announce_demo $(if $(IMAGES),images)
	@scripts/setup $(if $(IMAGES),build,demo)
	@$(STEP) build scripts/build program -j$(JOBS)
	@$(PYTHON) scripts/demo.py $(if $(IMAGES),--images '$(IMAGES)')

guide:
	@scripts/setup demo
	@$(STEP) build scripts/build program -j$(JOBS)
	@$(PYTHON) scripts/guide.py

camvid: setup
	@$(STEP) build scripts/build program -j$(JOBS)
	@$(PYTHON) scripts/camvid.py

finetune: setup
	@$(STEP) build scripts/build program -j$(JOBS)
	@$(PYTHON) scripts/finetune.py

zoo:
	@scripts/setup zoo
	@$(STEP) build scripts/build program -j$(JOBS)
	@$(PYTHON) scripts/zoo.py

clean:
	rm -rf build out

setup:
	@scripts/setup
