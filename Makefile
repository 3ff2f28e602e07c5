PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test bench chaos storm check format requirements pictures clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.installed: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages (a minute or two, once)…"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# MODEL=… on the command line alone: in the environment it is CrewAI's word for its default model.
LOCAL_MODEL := $(if $(filter command,$(firstword $(origin MODEL))),$(MODEL))

run: $(VENV)/.installed ## open the practice workspace with the bot and a crew in it; MODEL=smollm2: with a small model
	$(if $(LOCAL_MODEL),$(BIN)/python -m crew_runner.models.local '$(LOCAL_MODEL)' -- )$(BIN)/python -m bot practice

test: $(VENV)/.installed ## run the test suite
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.installed ## measure start, acks, phases, slots and storage (five minutes)
	$(BIN)/python -m tests.bench

chaos: $(VENV)/.installed ## kill the bot at random moments, thirty times in each of four ways
	$(BIN)/python -m tests.chaos

storm: $(VENV)/.installed ## run 200 executions of all kinds while a worker dies every five seconds
	$(BIN)/python -m tests.storm

check: $(VENV)/.installed ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

requirements: $(VENV)/.installed ## compile requirements.in into requirements.txt
	$(BIN)/pip install --quiet uv==0.13.*
	$(BIN)/uv pip compile requirements.in --output-file requirements.txt --python-version 3.11 \
		--no-emit-index-url --custom-compile-command 'make requirements'

pictures: $(VENV)/.installed ## take the README's pictures anew
	PICTURES_FOLDER=docs/pictures $(BIN)/python -m pytest -q tests/e2e

clean: ## remove what was built
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build
