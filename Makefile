# Two commands on a fresh machine with python >= 3.11 and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
# The project itself, in place: its requirements are installed and checked by then.
PROJECT := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# For `make demo ONCE=1`: one call, the word error rates, and the end.
DEMO_FLAGS := $(if $(ONCE),--once)
FEW_FAILED := $(BIN)/python -c 'import json; exit(len(json.load(open(".pytest_cache/v/cache/lastfailed"))) > 5)'
AGAIN := echo "What failed is run once more, alone:" && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
# TypeScript's compiler reads the page's JSDoc; what it writes stays in the environment.
DENO := DENO_DIR=$(VENV)/deno DENO_NO_UPDATE_CHECK=1 $(BIN)/deno
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo check test prove coverage mutants lint format lock screenshots descriptions bench wheel image clean
.NOTPARALLEL:

help:  ## Show what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

demo: $(VENV)/demo  ## Try it: a recorded call, transcribed live (ONCE=1 ends after the call)
	@$(BIN)/partyline demo $(DEMO_FLAGS)

check: lint test prove  ## What the continuous integration runs: lint, test, prove

# Most tests wait for sockets and clocks, so more run at once than there are processors. What pytest
# makes of a module is kept, whatever the environment says: each process would do it again. In a
# fresh checkout one does it before the others, who would all do it at once. A machine that is busy
# with all of them may fail one that waits: a few that failed so are run once more, alone, and must
# pass; of many it is no accident.
test: $(VENV)/dev  ## Run the tests, with a sample of the proofs (under 8 minutes); some: make test T="FILE -k WORD"
	@$(if $(T),,[ -d tests/__pycache__ ] || \
		PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -qq >/dev/null || true)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(or $(T),--numprocesses 6 --dist loadscope) || \
		$(if $(T),exit,{ [ $$? -eq 1 ] && $(FEW_FAILED) && $(AGAIN); })

# What measures, or loads whole containers, has the machine to itself.
ALONE := tests/bench $(patsubst %,tests/system/test_%.py,desk disturbed hostile_http hostile_subscribers \
	life memory moves outages recogniser restarts roles scaling speech)

prove: $(VENV)/dev  ## Run the long proofs with their full counts (under 45 minutes)
	$(BIN)/python -m pytest --prove --numprocesses 2 --dist loadscope $(patsubst %,--ignore %,$(ALONE))
	$(BIN)/python -m pytest --prove $(ALONE)

coverage: $(VENV)/dev  ## Measure each pure module by its own tests: every line and branch of it
	$(BIN)/python -m pytest -q --prove tests/test_module_coverage.py

mutants: $(VENV)/dev  ## Plant each known defect in the mixer: a test must fail for every one
	$(BIN)/python -m pytest -q -s --prove tests/test_mutations.py

lint: $(VENV)/dev  ## Check format, lint rules, imports and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(DENO) check --quiet --config jsconfig.json clients/js/*.js handler/page/static/*.js handler/page/static/*/*.js
	$(DENO) check --quiet --config jsconfig.json tests/clients/*.js tests/clients/*.mjs tests/handler/page/*.js

format: $(VENV)/dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## Pin the newest versions, with hashes (needs uv)
	cd requirements && $(COMPILE) --upgrade production.in -o production.txt
	cd requirements && $(COMPILE) --upgrade demo.in -o demo.txt
	cd requirements && $(COMPILE) --upgrade tracing.in -o tracing.txt
	cd requirements && $(COMPILE) --upgrade dev.in -o dev.txt

screenshots: $(VENV)/dev  ## Take the screenshots of the page (needs Chromium)
	$(BIN)/python -m bench.screenshots

descriptions: $(VENV)/dev  ## Write docs/openapi.json and docs/asyncapi.json anew
	$(BIN)/python -m bench.descriptions

bench: $(VENV)/dev  ## Measure what a call costs, beside the tutorial's server; more: make bench B="--capacity 400"
	$(BIN)/python -m bench $(B)

wheel: $(VENV)/build  ## Build the wheel, into dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

image:  ## Build the image as it is released, into Docker
	docker build --build-arg PYTHON="$$(cat deploy/image/base)" --tag partyline .

clean:  ## Remove what was installed and built here
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Making an environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/build: $(VENV)/python requirements/build.txt
	@$(INSTALL) -r requirements/build.txt
	@touch $@

$(VENV)/demo: $(VENV)/build requirements/production.txt requirements/demo.txt pyproject.toml
	@echo "Installing what the demo needs (about 250 MB, once) …"
	@$(INSTALL) -r requirements/production.txt -r requirements/demo.txt
	@$(PROJECT)
	@touch $@

$(VENV)/dev: $(VENV)/demo requirements/tracing.txt requirements/dev.txt
	@echo "Installing what the tests need …"
	@$(INSTALL) -r requirements/tracing.txt -r requirements/dev.txt
	@touch $@
