# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/silica
SECONDS ?= 600
CORPUS ?= fuzz

.PHONY: demo test lint fuzz bench-md setup clean

# The main job on real input: fit a silica potential to the ab initio liquid and write the report.
# A demo that was interrupted goes on where it stopped; `make clean` starts it anew.
demo: $(VENV)/.base
	@if [ -e $(OUT)/store.sqlite ]; then \
	  $(BIN)/glasspot fit examples/silica/fit.toml --out $(OUT) --resume; \
	else \
	  $(BIN)/glasspot fit examples/silica/fit.toml --out $(OUT); \
	fi
	@echo "Open $(OUT)/report/index.html in a browser."

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# Coverage-guided fuzzing of every parser, SECONDS of all together; what is found is kept in CORPUS. See docs/fuzzing.md.
fuzz: $(VENV)/.fuzz
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/guided.py all --seconds $(SECONDS) --corpus $(CORPUS)

# The native engine against LAMMPS: half an hour on a machine with nothing else to do; see benchmarks/README.md.
bench-md: $(VENV)/.base
	$(BIN)/python benchmarks/md.py --json benchmarks/md.json
	$(BIN)/python benchmarks/md.py --growth --limit --json benchmarks/md.json

setup: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Each stamp stands for one set of installed packages; constraints.txt fixes their versions.
# The MD engine is compiled here for the potentials of the demo; what else is needed is compiled when it is first used.
$(VENV)/.base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	$(BIN)/python -m glasspot.evaluate.engines BKS ML
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[test]"
	@touch $@ $(VENV)/.base

$(VENV)/.fuzz: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[fuzz]"
	@touch $@ $(VENV)/.base $(VENV)/.test

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.base $(VENV)/.test

clean:
	rm -rf $(OUT)
