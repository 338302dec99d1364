# Two commands: `make demo` (a school day, to look at) and `make test` (everything, on a fresh machine).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test audit clean
.DEFAULT_GOAL := demo

# `make demo REGISTERS=path/to/registers.csv` runs the day on your own export (docs/registers-csv.md)
demo: $(VENV)/ready
	@$(BIN)/cme demo $(if $(REGISTERS),--registers "$(REGISTERS)")

test: $(VENV)/ready-to-test
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

$(VENV)/python: constraints.txt
	@echo "Making $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "CME Flows needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/ready: $(VENV)/python pyproject.toml constraints.txt
	@echo "Installing the pinned packages (a minute or two, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@$(BIN)/python tests/browser/chromium.py
	@$(BIN)/python tests/sources/mariadb.py
	@$(BIN)/python tests/mail/debian.py
	@touch $@

# known weaknesses of the pinned packages; needs the network (an advisory database), so it is no part of `make test` (docs/security.md)
audit: $(VENV)/ready-to-test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	@$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --vulnerability-service osv

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info
