# The one door to every task. `make` lists the recipes; each sets up what it needs.

PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13 python; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin
EXAMPLE := examples/first-look.pcapng
USERS_CACHE := $(SONDE_CACHE)
# Machine code is kept here between runs, whatever the home folder allows.
export SONDE_CACHE ?= $(CURDIR)/.cache

.DEFAULT_GOAL := help
.PHONY: help run test test-interpreted coverage lab lint format golden bench docs dissector clean

help:  ## List the recipes
	@echo "make RECIPE, where RECIPE is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/stamp: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Sonde needs Python 3.11 or later; none was found." >&2; exit 1; }
	@echo "Setting up .venv with $(PYTHON) (once; a minute or two)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "This Python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@# Where PYTHONDONTWRITEBYTECODE is set, as in many containers, each start would compile them anew.
	@$(BIN)/python -m compileall -q src
	@touch $@

# Where it is kept for who goes on with `.venv/bin/sonde read`: else that would compile once more.
run: export SONDE_CACHE := $(USERS_CACHE)
run: .venv/stamp  ## Read the example capture, show the summary and ask one question
	@rm -rf build/first-look.sonde
	$(BIN)/sonde read $(EXAMPLE) --output build/first-look.sonde
	$(BIN)/sonde query build/first-look.sonde 'select protocol, count(*) as flows from flows group by all order by all'

test: .venv/stamp  ## Run the tests, kernels compiled
	$(BIN)/python -m pytest

test-interpreted: .venv/stamp  ## Run the tests, kernels as plain Python
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -m 'not compiled'

coverage: .venv/stamp  ## Count which lines the tests run, kernels as plain Python (takes its time)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m coverage run -m pytest -m 'not compiled and not slow'
	$(BIN)/python -m coverage report

lab: .venv/stamp  ## Run the live tests on a wire of this machine's own (needs root and namespaces; says why where not)
	$(BIN)/python -m pytest tests/live

lint: .venv/stamp  ## Check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/stamp  ## Lay the sources out and mend what can be mended by rule
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: .venv/stamp  ## Write the expected records of whole runs anew; read the difference before committing
	$(BIN)/python -m pytest tests/golden --write-golden

bench: .venv/stamp  ## Measure beside other tools (needs minutes; those not installed are named)
	$(BIN)/python bench/run.py

docs: .venv/stamp  ## Write the generated references anew (docs/records.md, docs/cli.md, packaging/sonde.1)
	$(BIN)/python docs/generate.py

dissector: .venv/stamp  ## Begin a dissector from the template: make dissector NAME=echo
	@test -n "$(NAME)" || { echo "Say which: make dissector NAME=echo" >&2; exit 2; }
	$(BIN)/python docs/template.py $(NAME)

clean:  ## Remove what the recipes made
	rm -rf .venv .cache build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
