# Two commands do everything: `make search` and `make test`.

PYTHON ?= python3
SPACE ?= search_spaces/beta.yaml
ARGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

# One thread per process: two threads on two busy cores cost many times the CPU.
export OMP_NUM_THREADS ?= 1

.PHONY: help install search test test-all check format benchmarks clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## make .venv and install the package with all that it needs

# Not again until the declared packages change.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,cluster,mlflow]'
	@touch $@

search: $(STAMP)  ## search SPACE (search_spaces/beta.yaml), further options in ARGS
	$(BIN)/python -m tabvae_ray.search --space $(SPACE) $(ARGS)

test: $(STAMP)  ## the fast tests
	$(BIN)/python -m pytest -q -m "not slow" tests

test-all: $(STAMP)  ## all tests: clusters, object stores and browsers too
	$(BIN)/python -m pytest -q tests

check: $(STAMP)  ## formatting, lint, types and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(STAMP)  ## time what claims to be fast; prints tables
	$(BIN)/python -m benchmarks

clean:  ## remove .venv and caches, but no searches
	rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
