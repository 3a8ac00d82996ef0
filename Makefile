# make study   the environment, then the default study to its report
# make test    the environment, then every check
# make lab     the environment, then JupyterLab on the notebooks

PYTHON ?= python3
BIN := .venv/bin
LOSSLAB := $(BIN)/losslab

.PHONY: study test lint lab env

study: env
	$(LOSSLAB) study default

test: env lint
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout 300 -n 2 --dist loadscope notebooks

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/nbstripout --verify notebooks/*.ipynb
	$(BIN)/codespell
	$(BIN)/python -m tests.large_files

lab: env
	$(BIN)/jupyter lab notebooks

env: .venv/complete

.venv/complete: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("losslab needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[crf]' \
		|| echo "The dense CRF is left out: it needs a C++ compiler. Later: $(BIN)/pip install -e '.[crf]'"
	touch $@
