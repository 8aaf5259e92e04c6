# From a fresh clone: `make lab` opens the lessons, `make test` checks the package.
# Both build the environment in .venv first, from plain python3, and again when pyproject.toml changes.
#
#   make lab LAB_ARGS="--no-browser --port 9999"    any option of `jupyter lab`
#   make lab LESSON=lessons/03_removing_weights.ipynb
#   make test TEST_ARGS="tests/nn -x"               any option of pytest
#   make test-all                                   also the other lessons, long walks and fresh processes
#   make computers                                  the claims of the lessons, as other processors would round them
#   make strength                                   random networks, files, moves and interrupts by the thousand
#   make mutants                                    which changes of pruning's central files the tests notice (half an hour)
#   make mutants MUTANTS="minnet.pruning.scope*"    of one file; then `.venv/bin/mutmut browse`, or `show` and a name
#   make handouts                                   a page for each explorer, that needs no Jupyter, in handouts/

PYTHON ?= python3
VENV   ?= .venv
LESSON ?= $(firstword $(sort $(wildcard lessons/*.ipynb)))

PY   := $(VENV)/bin/python
# JupyterLab refuses to run as root (the user of most containers) unless it is told that this is meant.
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Sliders answer up to 40 ms sooner; minnet/jupyter_nodelay.py says why.
PROMPT := --ServerApp.kernel_websocket_connection_class=minnet.jupyter_nodelay.Prompt

.PHONY: help lab test test-all computers strength mutants lint bench handouts clean

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile
	@echo 'Targets: lab  test  test-all  computers  strength  mutants  lint  bench  handouts  clean'

lab: $(VENV)/lab.stamp
	$(PY) -m jupyterlab $(ROOT) $(PROMPT) --LabApp.default_url='/lab/tree/$(LESSON)' $(LAB_ARGS)

test: $(VENV)/test.stamp
	$(PY) -m pytest -n 2 $(TEST_ARGS)

test-all: $(VENV)/test.stamp
	$(PY) -m pytest -n 2 -m "" $(TEST_ARGS)

computers: $(VENV)/test.stamp
	OPENBLAS_NUM_THREADS=1 $(PY) -m tests.computers

strength: $(VENV)/test.stamp
	MINNET_STRENGTH=100 $(PY) -m pytest -n 2 -m "" -rP tests/properties tests/nn/test_determinism.py $(TEST_ARGS)

mutants: $(VENV)/mutants.stamp
	rm -rf mutants
	OPENBLAS_NUM_THREADS=1 $(VENV)/bin/mutmut run --max-children 2 $(if $(MUTANTS),'$(MUTANTS)')
	@$(VENV)/bin/mutmut results --all true | awk '!/not checked/ { file = $$1; sub(/\.[^.]*$$/, "", file); \
		all[file]++; missed[file] += /: (survived|no tests)$$/ } END { for (file in all) printf \
		"%-28s %4d mutants, %3d survive: %.1f %% killed\n", file, all[file], missed[file], 100 - 100 * missed[file] / all[file] }'

lint: $(VENV)/test.stamp
	$(PY) -m ruff check .

bench: $(VENV)/test.stamp
	for script in benchmarks/*.py; do echo "== $$script"; PYTHONPATH=. $(PY) "$$script" || exit 1; done

handouts: $(VENV)/lab.stamp
	$(PY) -m minnet.handouts lessons handouts

clean:
	rm -rf $(VENV) build dist mutants *.egg-info .pytest_cache .ruff_cache .hypothesis
	find minnet tests benchmarks lessons -name __pycache__ -prune -exec rm -rf {} +

# A stamp is the file that says: this part of the environment is complete and not older than pyproject.toml.
$(VENV)/lab.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/lab.stamp
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

$(VENV)/mutants.stamp: $(VENV)/test.stamp
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[mutants]'
	touch $@
