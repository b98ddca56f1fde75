# Two commands do everything: `make demo` and `make test`. All work happens in .venv.

PYTHON ?= python3
BIN := .venv/bin
# Empty means that compiled modules are kept, which the hundreds of processes of a test run would otherwise each make.
export PYTHONDONTWRITEBYTECODE =
CHECKED := function_app.py functions shared cli local tests

.PHONY: help setup lock demo start test quick recordings check bench bench-sweep clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup:  ## Install everything into .venv
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON); install Python 3.11 to 3.13, or name one: make PYTHON=…"; exit 1; }
	@$(PYTHON) local/set_up.py

lock:  ## Compile requirements.txt, which Azure installs, from requirements.in
	@test -x $(BIN)/uv || $(MAKE) setup
	@$(BIN)/uv --no-config pip compile requirements.in --output-file requirements.txt --quiet --upgrade \
		--python-version 3.13 --python-platform x86_64-manylinux_2_28 --only-binary :all: \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

demo: setup  ## Run the tutorial from end to end on this machine
	@$(BIN)/python -m local.demo

start: setup  ## Keep the local stack up until Ctrl-C (with `func start` where the Core Tools are installed)
	@$(BIN)/geocatalog local up --core-tools

test: setup check  ## Run every check and test; a quarter of an hour on two cores
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15

quick: setup check  ## Run the checks, the unit tests and the property tests on a storage account in memory; about two minutes
	@$(BIN)/pytest tests/unit tests/memory tests/properties --storage memory -n 2 --dist loadfile --no-loadscope-reorder

recordings: setup  ## Run the recorded scenarios of the real Functions host at their full length, 15 minutes
	@RECORDINGS_RECEIVE_VISIBILITY=600 $(BIN)/pytest tests/recordings -n 2 --dist loadfile --timeout 3600

check: setup  ## Lint, format, types, dead code, dependencies, imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/vulture
	@$(BIN)/deptry .
	@$(BIN)/lint-imports --no-cache

bench: setup  ## Measure the app against its alternatives, 35 minutes; writes docs/benchmarks.md
	@$(BIN)/python -m bench

bench-sweep: setup  ## Measure how many messages one instance should work on at once
	@$(BIN)/python -m bench sweep

clean:  ## Remove what set-up and runs have made
	rm -rf .venv .local build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
