# Two commands do everything: `make search` and `make test`.

PYTHON ?= python3
SPACE ?= search_spaces/beta.yaml
ARGS ?=
# Processes that run tests at once.
WORKERS ?= 2
# Slow tests wait more than they compute.
SLOW_WORKERS ?= 4
BIN := .venv/bin
STAMP := .venv/.installed
EXTRAS := dev,docs,cluster,mlflow,fake
PIP_OPTIONS := --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS)
# A cluster or a reference search serves all tests of a file.
BY_FILE := --dist loadfile
LOWEST := .venv-lowest
MLFLOW := .venv-mlflow/bin/python
# Imports, tables, scores, records, one training and the rows of its export.
LOWEST_TESTS ?= tests/test_tabular_vae.py tests/table/test_encoding.py tests/results \
	tests/comparison/test_properties.py tests/space tests/generation/test_synthesizer.py

# One thread per process: two threads on two busy cores cost many times the CPU.
export OMP_NUM_THREADS ?= 1

.PHONY: help install search test test-slow test-all test-lowest check docs links lock format benchmarks clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## make .venv and install the package with all that it needs

# Not again until the declared packages or their versions change.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt --editable '.[$(EXTRAS)]'
	@touch $@

search: $(STAMP)  ## search SPACE (search_spaces/beta.yaml), further options in ARGS
	$(BIN)/python -m tabvae_ray.search --space $(SPACE) $(ARGS)

test: $(STAMP)  ## the fast tests
	$(PYTEST) -m "not slow" tests

test-slow: $(STAMP)  ## slow tests (clusters, object stores, a browser) that CI runs
	$(PYTEST) -n $(SLOW_WORKERS) $(BY_FILE) -m "slow and not nightly" tests

test-all: $(STAMP) $(MLFLOW)  ## all tests, also those of minutes that CI leaves out
	TEST_MUTATIONS=500 MLFLOW_SERVER_PYTHON=$(CURDIR)/$(MLFLOW) $(PYTEST) $(BY_FILE) tests

# The whole of MLflow, for a server to test against, wants an older pyarrow than the package does.
$(MLFLOW):
	$(PYTHON) -m venv .venv-mlflow
	$@ -m pip install $(PIP_OPTIONS) 'mlflow>=3'

# Of torch alone the release that pip chooses: its lower bound has no small CPU build on PyPI.
test-lowest:  ## a few fast tests with the lowest versions of the packages that pyproject.toml declares
	$(PYTHON) -m venv $(LOWEST)
	$(PYTHON) tests/lowest_versions.py torch >$(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install $(PIP_OPTIONS) --constraint $(LOWEST)/constraints.txt \
		--editable '.[cluster,fake]' pytest hypothesis PyYAML
	$(LOWEST)/bin/python -m pytest -q -m "not slow" $(LOWEST_TESTS)

lock:  ## pin the versions of a new environment in constraints.txt, which CI and Dockerfile use
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install $(PIP_OPTIONS) '.[$(EXTRAS)]'
	(echo '# The versions that CI tests; made by "make lock".'; .venv-lock/bin/python -m pip freeze \
		--exclude tabvae-ray | sed 's/+.*//') > constraints.txt
	rm -r .venv-lock

docs: $(STAMP)  ## the documentation, as pages in docs/_build; a warning is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build

links: $(STAMP)  ## follow every link of the documentation, over the network
	$(BIN)/sphinx-build -q -b linkcheck docs docs/_build/links

check: $(STAMP)  ## formatting, lint, types and the order of the packages
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
