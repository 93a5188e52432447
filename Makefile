# Two commands are enough: `make demo` writes a report, `make test` runs every test.
PYTHON ?= python3
BIN := .venv/bin
PLUGINS := $(wildcard plugins/*)
SOURCES := $(wildcard pyproject.toml constraints.txt plugins/*/pyproject.toml)

.PHONY: demo test lint bench dist matrix tables docs docs-serve constraints clean

demo: .venv/.ready
	$(BIN)/trainer run information/instructions/company-metrics.md -p TICKER=AAPL --to html

test: .venv/.ready
	$(BIN)/python -m pytest -n auto

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src examples $(wildcard plugins/*/src)

bench: .venv/.ready
	$(BIN)/python benchmarks

# Every distribution as it is published, into dist/: the wheel is built from the source distribution.
dist: .venv/.ready
	$(BIN)/python scripts/dist.py
	$(BIN)/python -m twine check --strict dist/*

# The wheels in dist/, in fresh environments: the core alone, with each plugin, and with its extras.
matrix: dist
	$(BIN)/python scripts/matrix.py $(MATRIX)

# What is written from the code and the pyprojects: the README's table, the core's catalog, docs/reference.
tables: .venv/.ready
	$(BIN)/python scripts/tables.py
	$(BIN)/python scripts/reference.py

# The documentation as a site, in .site/html; `make docs-serve` shows it while it is written.
docs: .venv/.ready
	$(BIN)/python scripts/website.py

docs-serve: .venv/.ready
	$(BIN)/python scripts/website.py --serve

# Newer versions of everything: look at the change before committing it.
constraints: .venv/.ready
	$(BIN)/uv pip install --python $(BIN)/python --quiet --upgrade $(PLUGINS:%=-e %) -e . --group dev
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable | grep -v -e '^uv==' -e '://' > constraints.txt

.venv/.ready: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit("trainer needs Python 3.11 or newer: make PYTHON=python3.12 demo" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --python $(BIN)/python --quiet --constraint constraints.txt $(PLUGINS:%=-e %) -e . --group dev
	touch $@

clean:
	rm -rf .venv dist output .site .trainer
