# Everything here works on a fresh Debian or Ubuntu with Python 3.11 or later, its venv module, and make.
# All of it stays in .venv and in folders that git ignores; nothing needs root or an account.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCKED := $(PIP) --require-hashes --only-binary :all: -r
# Three at a time, also on two cores: many tests wait for processes that they start.
PYTEST := $(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder -q
HERE := not node and not real and not slow and not faults

.PHONY: help demo test lint format unit bench nightly faults docs features lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/.ready  ## start four simulated systems and the gateway, and print requests to paste
	@$(BIN)/klantbeeld demo $(ARGS)

test: .venv/.tested lint unit  ## check style, types and imports, and run the tests

lint: .venv/.tested  ## check style, types and imports
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

unit: .venv/.tested  ## run the tests that need Python alone; ARGS="-k word" picks some
	@echo "Groups that need more than Python (node, real) or minutes (slow) are run by .ci/run."
	@$(PYTEST) -m "$(HERE)" $(ARGS)

format: .venv/.tested  ## put the code into shape
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: .venv/.tested tests/benchmarks/run.py  ## measure, and compare with other gateways
	@$(BIN)/python tests/benchmarks/run.py $(ARGS)

nightly: .venv/.tested  ## compare three executors, and the wire with httpx, on 20,000 cases: some 12 minutes
	@KLANTBEELD_CASES=$${KLANTBEELD_CASES:-20000} $(PYTEST) --dist load tests/engine/test_properties.py \
		tests/sources/wire/test_same_answers.py -k block -rP $(ARGS)

faults: .venv/.tested  ## break sources and processes, and see what is promised still hold
	@$(BIN)/python tests/faults/run.py $(ARGS)

docs: .venv/.tested  ## write the generated pages anew
	@$(BIN)/python scripts/docs.py

features: .venv/.tested  ## run the acceptance tests and write docs/features.md from them
	@$(BIN)/python scripts/features.py

lock: .venv/.tested  ## write the lock files anew
	@UPGRADE=$(UPGRADE) scripts/lock

clean:  ## remove all that make has made
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What is installed is installed once: each stamp is younger than what it was made from.

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Klantbeeld needs Python 3.11 or later; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Install the venv module: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/.locked: deploy/requirements.lock deploy/requirements-build.lock | .venv/.made
	@echo "Installing what Klantbeeld needs into .venv (once)…"
	@$(LOCKED) deploy/requirements-build.lock
	@$(LOCKED) deploy/requirements.lock
	@touch $@

.venv/.ready: pyproject.toml .venv/.locked
	@$(PIP) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.venv/.tested: deploy/requirements-dev.lock .venv/.ready
	@echo "Installing what its tests need into .venv (once)…"
	@$(LOCKED) deploy/requirements-dev.lock
	@touch $@
