# Everything a contributor does, by name. Needed on the machine: Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYNCED := $(VENV)/.synced
INSTALLED := $(VENV)/.installed
FRONTEND := scoop_jupyter/static/panel.js
NODE_MODULES := labextension/node_modules/.package-lock.json

# Kernels and tools started by path must find each other, and not the machine's.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install frontend run lab test check format browser executor-tests jupyterhub psij cluster bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv from the lock file, with this checkout in it

frontend: $(FRONTEND) ## build the widget and the JupyterLab extension from labextension/

run: install ## execute the quick start in a real kernel and print what its cells print
	$(BIN)/python scripts/run_notebook.py notebooks/quickstart.ipynb

lab: install ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks

test: install browser executor-tests jupyterhub psij cluster check ## all checks, then all tests
	npm --prefix labextension test
	scripts/tests.sh

check: install ## linters and types, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	npm --prefix labextension run check

format: install ## let ruff and eslint fix and format what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm --prefix labextension run format

browser: ## make sure that the browser tests have a Chromium
	scripts/browser.sh

executor-tests: install ## make sure that Python's own tests of executors are there
	scripts/executor_tests.sh $(BIN)/python

jupyterhub: install ## make sure that the tests of JupyterHub have one
	scripts/jupyterhub.sh

psij: install ## make sure that the tests of PSI/J have it
	scripts/psij.sh $(BIN)/python

cluster: ## make sure that the tests on several hosts have what these are made of
	scripts/cluster.sh

bench: install ## run the benchmarks
	$(BIN)/python -m benchmarks

lock: install ## resolve the dependencies anew and write the lock files
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile deploy/jupyterhub/requirements.in pyproject.toml --constraint requirements.lock \
		--universal --python-version 3.11 --upgrade --generate-hashes --no-header --quiet \
		--output-file deploy/jupyterhub/requirements.lock
	echo psij-python | $(BIN)/uv pip compile - --universal --python-version 3.11 --upgrade --generate-hashes --no-header \
		--no-annotate --quiet --output-file scripts/psij.lock
	cd deploy/jupyterhub && npm update --package-lock-only --silent

clean: ## remove .venv, caches and build products
	rm -rf "$$(readlink build/jupyterhub)"
	rm -rf $(VENV) dist build labextension/dist labextension/lib labextension/node_modules scoop_jupyter/static
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip fetches only uv, at the version and with the hashes of the lock; uv does the rest many times faster.
# Modules are compiled here, once, rather than in the first seconds of the first kernel. npm comes with the lock, too.
$(SYNCED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is older than Python 3.11; name another with PYTHON=..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^[a-z]/ { uv = /^uv==/ } uv' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --python $(BIN)/python --quiet --require-hashes --compile-bytecode requirements.lock
	@touch $@

$(NODE_MODULES): labextension/package.json labextension/package-lock.json | $(SYNCED)
	npm --prefix labextension ci --loglevel=error
	@touch $@

$(FRONTEND): $(NODE_MODULES) labextension/tsconfig.json $(shell find labextension/src labextension/style labextension/schema -type f)
	npm --prefix labextension run --silent build
	@touch $@

# `sync` has made .venv equal to the lock, so the package itself comes last. With it, JupyterLab gets a copy of the
# extension; the front end has just been built.
$(INSTALLED): $(SYNCED) $(FRONTEND) pyproject.toml
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 \
		$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@
