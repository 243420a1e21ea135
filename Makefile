# `make quick` runs the main job, `make test` the tests; both make the environment if it is not there.
PYTHON ?= python3
VENV := .venv
RESULTS ?= results/local

.PHONY: quick test lint clean

quick: $(VENV)/.installed
	$(VENV)/bin/sgbench suite quick --results $(RESULTS)

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest -n auto

lint: $(VENV)/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/.installed: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint .ci/constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV)
