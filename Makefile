# Ten verbs. `make help` prints them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VECTORS ?= $(VEERY_VECTORS)
EXIT ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-slow lint format docs bench fuzz build clean
.DEFAULT_GOAL := help

help:  ## print the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(VENV)/core.done: requirements.lock pyproject.toml
	@echo "==> setting up $(VENV) from requirements.lock (once)"
	@$(PYTHON) -c 'import sys; sys.exit("Veery needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PIP) install -q --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.done: requirements-dev.lock $(VENV)/core.done
	@echo "==> adding the test and lint tools from requirements-dev.lock (once)"
	@$(PIP) install -q --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

demo: $(VENV)/core.done  ## a network of 16 nodes, Alice and Bob talking over it (EXIT=1: end after the exchange)
	@$(BIN)/veery lab demo $(if $(EXIT),--exit)

test: $(VENV)/dev.done  ## the test suite
	@$(BIN)/python -m pytest -n 2

test-slow: $(VENV)/dev.done  ## faults, kills and long property runs as well
	@$(BIN)/python -m pytest -n 2 -m slow

lint: $(VENV)/dev.done  ## format check, lint, types, house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy examples
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/dev.done  ## format the code and apply safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/dev.done  ## check that the documentation agrees with the code
	@$(BIN)/python -m pytest tests/docs

bench: $(VENV)/dev.done  ## every benchmark, each beside its reference (ARGS=--quick)
	@for b in benchmarks/*.py; do case $$b in */_*) ;; *) $(BIN)/python $$b $(ARGS) || exit 1;; esac; done

fuzz: $(VENV)/dev.done  ## a long run of the property tests
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 tests/property tests/conversations --timeout 3000

build: $(VENV)/dev.done  ## a wheel in dist/
	@$(PIP) wheel -q --no-deps --no-build-isolation -w dist .
	@ls dist

clean:  ## remove everything that was built
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis build
