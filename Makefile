PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test compat bench bench-peers bench-growth chaos storm seeded fuzz fuzz-api check format requirements web pictures clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# uv installs ten times as fast as pip. If it is missing, pip installs it into the environment:
# Python's own pip if there is one, because setting up another in the environment takes seconds.
UV = $(shell command -v uv || echo $(BIN)/uv)
BRING_UV = install --quiet --disable-pip-version-check 'uv==0.13.*'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python $(BRING_UV); \
	else $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip $(BRING_UV); fi

# The product's packages, and the command `countersign`, which runs the code of this checkout.
$(VENV)/.product: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned packages (once)…"
	@$(UV) pip install --quiet --python $(BIN)/python -r requirements.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# The same, and the development tools.
$(VENV)/.installed: requirements-dev.txt $(VENV)/.product
	@echo "Installing the development tools (once)…"
	$(UV) pip install --quiet --python $(BIN)/python -r requirements-dev.txt
	@touch $@

# MODEL=… counts only on the command line: in the environment it is CrewAI's default model.
LOCAL_MODEL := $(if $(filter command,$(firstword $(origin MODEL))),$(MODEL))

run: $(VENV)/.product ## open the practice workspace with the bot and a crew in it; MODEL=smollm2 adds a small model
	$(if $(LOCAL_MODEL),$(BIN)/python -m crew_runner.models.local '$(LOCAL_MODEL)' -- )$(BIN)/countersign practice

# Keep pytest's compiled test files for the next run, regardless of the environment.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.installed ## run the test suite
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed ## measure start, acks, phases, slots and storage and event streams (eight minutes)
	$(BIN)/python -m tests.bench

compat: $(VENV)/.installed ## run crews under every supported version of CrewAI, and print a table (an hour)
	$(BIN)/python -m tests.compat

# The peers need packages of their own, so they get their own environment, with ours in it.
PEERS := .venv-peers
$(PEERS)/.installed: requirements-dev.txt tests/peers/requirements.txt $(VENV)/.installed
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "Installing the peers' packages beside ours (once)…"
	$(UV) pip install --quiet --python $(PEERS)/bin/python \
		-r requirements-dev.txt -r tests/peers/requirements.txt
	@touch $@

bench-peers: $(PEERS)/.installed ## compare pauses and decisions with LangGraph, CrewAI, DBOS and Celery
	$(PEERS)/bin/python -m tests.peers

bench-growth: $(VENV)/.installed ## measure what grows with a million executions (an hour or two)
	$(BIN)/python -m tests.growth

chaos: $(VENV)/.installed ## give the bot every kind of trouble, from kills to clocks that jump (an hour)
	$(BIN)/python -m tests.trouble

seeded: $(VENV)/.installed ## seed bugs one by one and check that the suite catches each (an hour)
	$(BIN)/python -m tests.seeded

fuzz: $(VENV)/.installed ## show 20,000 random texts and check that each is whole (an hour); SEED=1 is the first
	$(BIN)/python -m tests.slack.markdown.fuzz --count 20000 --seed $(or $(SEED),1)

fuzz-api: $(VENV)/.installed ## send 100,000 malformed requests to the API (ten minutes); SEED=1 is the first
	FUZZ_EXAMPLES=200 FUZZ_COUNT=100000 FUZZ_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q -o timeout=0 tests/api/fuzz

storm: $(VENV)/.installed ## run 200 executions of all kinds while a worker dies every five seconds
	$(BIN)/python -m tests.trouble --kind storm --size 200

check: $(VENV)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

COMPILE = $(UV) pip compile --quiet pyproject.toml --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make requirements' --extra postgres

requirements: $(VENV)/.product ## pin the dependencies of pyproject.toml; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) $(UPGRADE) --output-file requirements.txt
	$(COMPILE) $(UPGRADE) --extra dev --constraints requirements.txt --output-file requirements-dev.txt

web: ## build the board in bot/api/board from clients/board; needs npm
	cd clients/board && npm ci --ignore-scripts --no-audit --no-fund && npm run build

pictures: $(VENV)/.installed ## take the README's pictures again
	PICTURES_FOLDER=docs/pictures $(BIN)/python -m pytest -q tests/e2e tests/clients

clean: ## remove what was built
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache build dist
