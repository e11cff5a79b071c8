# One virtual environment, made from nothing: `make demo` and `make test` need only Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# flake8-async finds traps that ruff does not. Left out: a `timeout` parameter is the interface of asyncpg and of our
# client (109); rules that want names listed in a setting and look at one file only (114, 128); an implementation of
# an async interface need not wait (124); httpx is a fixed choice (127); the optional rules that want a checkpoint on
# every path (900, 910 to 913); in tests, waiting for what another process does (110).
ASYNC_IGNORED = ASYNC109,ASYNC114,ASYNC128,ASYNC124,ASYNC127,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913

.PHONY: demo test lint bench clean

demo: $(VENV)/.sandbox
	@exec $(BIN)/svc demo

test: lint
	$(BIN)/pytest -q

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/flake8 --select ASYNC --ignore $(ASYNC_IGNORED) \
		--per-file-ignores 'tests/*:ASYNC110,ASYNC401,fleet/*:ASYNC110' svc statemachine telegram_client sandbox fleet tests
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
