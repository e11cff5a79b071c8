# One virtual environment, made from nothing: `make demo` and `make test` need only Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.sandbox
	@exec $(BIN)/svc demo

test: lint
	$(BIN)/pytest -q

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 svc statemachine telegram_client sandbox tests
	$(BIN)/mypy

bench:
	$(MAKE) -C benchmarks bench

clean:
	rm -rf $(VENV) benchmarks/.venv build *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.sandbox: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@ $(VENV)/.sandbox
