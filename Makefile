# Targets that need the environment make it if it is not there. `make help` lists them all.
PYTHON ?= python3
VENV := .venv
RESULTS ?= results/local

.PHONY: quick setup test lint bench clean help

quick: $(VENV)/.installed ## Make the main suite's runs, print the comparison, draw the figures.
	$(VENV)/bin/sgbench suite quick --results $(RESULTS)

setup: $(VENV)/.installed ## Make the environment, all versions pinned.

test: $(VENV)/.installed ## Run the tests on all cores.
	$(VENV)/bin/python -m pytest -n auto

lint: $(VENV)/.installed ## Check style, format and types.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.installed ## Time an update of every trainer, all contestants, whole commands.
	$(VENV)/bin/python -m pytest tests/benchmarks --benchmark-enable
	$(VENV)/bin/python -m tests.benchmarks.turns --out $(RESULTS)/speed
	$(VENV)/bin/python -m tests.benchmarks.commands --out $(RESULTS)/speed

$(VENV)/.installed: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint .ci/constraints.txt --editable ".[test]"
	touch $@

clean: ## Remove the environment.
	rm -rf $(VENV)

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
