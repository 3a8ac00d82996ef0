# make study   the environment, then the default study to its report
# make test    the environment, then every check
# make rehearse   all studies on generated data, two steps a run, to their reports (40 minutes)
# make lab     the environment, then JupyterLab on the notebooks
# make keep    the outputs of the notebooks that keep them, anew
# make live    explore.ipynb in a real JupyterLab (part of make test; needs Chromium and chromedriver)

PYTHON ?= python3
BIN := .venv/bin
LOSSLAB := $(BIN)/losslab
NBVAL := --nbval-current-env --nbval-cell-timeout 300 -n 2 --dist loadscope

# Their outputs stand in the repository, without pictures, and are compared text for text.
KEPT := notebooks/published.ipynb
STRIPPED := $(filter-out $(KEPT),$(wildcard notebooks/*.ipynb))

# The studies that come with losslab: the papers' protocols and its own. Two are rehearsed side by side, the longest first,
# so that none is left to run alone at the end.
LONGEST := levelset2019 vanbeers2018 camvid
STUDIES := $(LONGEST) $(filter-out $(LONGEST),$(basename $(notdir $(wildcard src/losslab/studies/*.yaml))))
LOGS := runs/rehearsal/logs

.PHONY: rehearse study test lint lab keep live env

study: env
	$(LOSSLAB) study default

test: env lint
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbval-lax $(NBVAL) $(STRIPPED)
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with notebooks/sanitize.cfg $(NBVAL) $(KEPT)

rehearse: env
	mkdir -p $(LOGS)
	printf '%s\n' $(STUDIES) | xargs -P 2 -I {} sh -c '$(LOSSLAB) study {} --rehearse --threads 1 \
		> $(LOGS)/{}.txt 2>&1; status=$$?; tail -n 1 $(LOGS)/{}.txt; exit $$status'

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --project pyproject.toml
	$(BIN)/nbstripout --verify $(STRIPPED)
	$(BIN)/nbstripout --verify --keep-count $(KEPT)
	$(BIN)/codespell
	$(BIN)/python -m tests.large_files

lab: env
	$(BIN)/jupyter lab notebooks

keep: env
	$(BIN)/python -m tests.kept_notebooks $(KEPT)

live: env
	$(BIN)/python -m pytest tests/notebooks_live

env: .venv/complete

.venv/complete: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("losslab needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[crf]' \
		|| echo "The dense CRF is left out: it needs a C++ compiler. Later: $(BIN)/pip install -e '.[crf]'"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps pysodmetrics \
		|| echo "The tests against PySODMetrics are left out."
	touch $@
