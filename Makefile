# Two commands are all a newcomer needs:  make demo  and  make test.
# Both make .venv, install what they need and fetch the landmark models once.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Where pip finds a CPU build of torch (PyTorch's install page names the index); empty: pip's own sources.
TORCH_INDEX ?=
GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -c GPU)

.PHONY: demo test quick lint assets clean

demo: $(VENV)/.installed assets
	$(BIN)/python run_hfb.py predict --output outputs/demo

test: lint assets
	$(BIN)/python -m pytest

# The part of the tests that answers in a few minutes.
quick: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

assets: $(VENV)/.installed
	$(BIN)/python -m hfb.assets fetch

$(VENV)/.installed: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
ifeq ($(filter-out 0,$(GPU)),)
	@# No GPU here: prefer the CPU build, which is ten times smaller.
	$(BIN)/pip install --quiet "torch==2.13.0+cpu" $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) 2>/dev/null \
	  || $(BIN)/pip install --quiet "torch>=2.6" $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
else
	$(BIN)/pip install --quiet "torch>=2.6"
endif
	$(BIN)/pip install --quiet -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
