# Everything happens in .venv; nothing else on the machine is touched.
# Needs: Python 3.11 or newer with venv and pip. Another one than python3: make demo PYTHON=python3.13

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Stamps: when the newest install is older than pyproject.toml, it is made again.
INSTALLED := .venv/.installed
DEVELOP := .venv/.installed-dev

.PHONY: help install demo test chaos fuzz bench growth lint types format clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

install: $(DEVELOP) ## Make .venv with newsfold and everything the tests need

demo: $(INSTALLED) ## Fold examples/ into stories, in a new database, and print them
	@dir=$$(mktemp -d) && export NEWSFOLD_DATABASE_URL="sqlite:///$$dir/newsfold.db" && \
	$(BIN)/newsfold ingest examples && \
	$(BIN)/newsfold stories --members && \
	printf '\nLook closer (story 1, say):\n  NEWSFOLD_DATABASE_URL=%s %s/newsfold story 1\n' \
	    "$$NEWSFOLD_DATABASE_URL" '$(BIN)'

test: $(DEVELOP) ## Run the tests, on a PostgreSQL and a Redis that they start themselves (ARGS='-k inbox -x')
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal $(ARGS)

chaos: $(DEVELOP) ## Pull every plug for ten minutes, then count: 10,000 files, workers, Redis, PostgreSQL (ARGS='--seed 2')
	$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(DEVELOP) ## Fuzz every parser and what is made of texts, a minute each (SECONDS=60)
	$(BIN)/python -m tests.fuzz $(or $(SECONDS),60)

bench: $(DEVELOP) ## Measure newsfold and its peers at the same work, an hour of it (ARGS='--articles 5000 --rounds 1')
	$(BIN)/python -m benchmarks.bench $(ARGS)

growth: $(DEVELOP) ## Ingest up to a million articles and measure on the way, for hours; goes on where it stopped
	$(BIN)/python -m benchmarks.growth $(ARGS)

lint: $(DEVELOP) ## Check style (ruff)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEVELOP) ## Check types (mypy, strict)
	$(BIN)/mypy

format: $(DEVELOP) ## Put the code in shape (ruff)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove .venv and caches
	rm -rf .venv .venv-bench .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# pip 25.1 brought dependency groups; the one that comes with Python 3.11 also overlooks some extras.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "newsfold needs Python 3.11 or newer; $(PYTHON) is not. Name another: make PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable .
	@# Numba compiles at the first use, ten seconds of it; here rather than in the first run somebody waits for.
	@dir=$$(mktemp -d) && NEWSFOLD_DATABASE_URL="sqlite:///$$dir/first.db" \
	    $(BIN)/newsfold ingest examples/northern-wire examples/tidewater-post >/dev/null && rm -r "$$dir"
	@touch $@

$(DEVELOP): $(INSTALLED)
	$(PIP) install --group dev
	@touch $@
