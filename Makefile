# One virtual environment, made from nothing: `make demo` and `make test` need only Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
# The same with every dependency at its lower bound in pyproject.toml.
LOWEST ?= .venv-lowest
# What tests/test_echo_bots.py tries on the stand-in for Telegram, each framework only where it is installed. Where there
# is no network, finding that out must not take long.
ECHO_VENV = .venv-echo
ECHO_NODE = tests/echo_bots/node_modules
PIP_BRIEFLY = timeout 180 $(ECHO_VENV)/bin/python -m pip install -q --retries 1 --timeout 10 --disable-pip-version-check
NPM_BRIEFLY = timeout 180 npm install --loglevel error --no-package-lock --no-audit --no-fund --ignore-scripts \
	--fetch-retries 1 --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 2000 --fetch-timeout 10000
BIN = $(VENV)/bin
TESTS ?= tests
# What an update passes through until its answer is sent; `make coverage` measures these.
SEND_PATH = svc/intake svc/delivery svc/leadership svc/storage telegram_client statemachine
# flake8-async finds traps that ruff does not. Left out: a `timeout` parameter is the interface of asyncpg and of our
# client (109); rules that want names listed in a setting and look at one file only (114, 128); an implementation of
# an async interface need not wait (124); httpx is a fixed choice (127); the optional rules that want a checkpoint on
# every path (900, 910 to 913); in tests, waiting for what another process does (110).
ASYNC_IGNORED = ASYNC109,ASYNC114,ASYNC128,ASYNC124,ASYNC127,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913

# A process for each processor. worksteal: which tests are slow is not known beforehand (a file takes from a hundredth of a
# second to half a minute), so who is done takes over half of what another has left; loadfile and loadscope keep a file in
# one process and end with one at work. Tests share nothing between processes: each has its own Postgres, ports and folders.
SIDE_BY_SIDE = -n auto --dist worksteal

# Where the environment says otherwise, every process would compile every module anew, and pytest rewrite every test.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test test-fast test-long test-lowest echo-bots coverage torture soak pictures lint ruff flake8 mypy bench bench-scale clean ha many-bots fuzz

help:  ## what there is to make
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-12s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.sandbox  ## the whole system on this machine, and a page to break it on
	@exec $(BIN)/svc demo

test-fast: $(VENV)/.dev  ## tests without Postgres, processes and a browser, 50 simulated seeds; no lint
	SIMULATION_SEEDS=$${SIMULATION_SEEDS:-50} $(BIN)/pytest -q $(SIDE_BY_SIDE) \
		-m 'not postgres and not processes and not browser and not exhaustive' $(TESTS)

test: lint echo-bots  ## lint, then all tests, 500 simulated seeds (TESTS=tests/bot: those only)
	$(BIN)/pytest -q $(SIDE_BY_SIDE) $(TESTS)

test-long: $(VENV)/.dev  ## what takes an hour: 20,000 simulated seeds, larger searches, more examples
	$(BIN)/python -m tests.simulation --seeds 20000
	$(BIN)/python -m tests.model
	$(BIN)/python -m tests.model.jobs
	$(BIN)/pytest -q $(SIDE_BY_SIDE) -o timeout=3600 --hypothesis-profile long -m hypothesis $(TESTS)
	@echo "verdict: kept: no seed, state or example broke a law"

test-lowest: $(LOWEST)/.dev  ## the tests with every dependency at its lower bound
	$(LOWEST)/bin/pytest -q $(SIDE_BY_SIDE) $(TESTS)

echo-bots: $(ECHO_VENV)/.installed $(ECHO_NODE)/.installed  ## aiogram, python-telegram-bot and grammY, for their tests

coverage: $(VENV)/.dev  ## lines of the send path that no test without processes reaches
	SIMULATION_SEEDS=$${SIMULATION_SEEDS:-100} $(BIN)/pytest -q $(SIDE_BY_SIDE) -m 'not processes and not exhaustive' \
		$(addprefix --cov=,$(SEND_PATH)) --cov-branch --cov-report=term-missing:skip-covered $(TESTS)

torture: $(VENV)/.dev  ## real instances under faults from a seed (OPTIONS="--seconds 300 --seed 2"; --help)
	@exec $(BIN)/python -m fleet.torture $(OPTIONS)

soak: $(VENV)/.dev  ## twenty minutes of load with deploys and kills: is everything flat (OPTIONS="--minutes 5"; --help)
	@exec $(BIN)/python -m fleet.soak $(OPTIONS)

ha: $(VENV)/.dev  ## the service on three Postgres nodes under Patroni, which die and change places (OPTIONS; --help)
	@exec $(BIN)/python -m fleet.ha $(OPTIONS)

many-bots: $(VENV)/.dev  ## the leadership of a thousand bots: what it costs, one host lost (OPTIONS="--bots 100 --slower 1")
	@exec $(BIN)/python -m fleet.many_bots $(OPTIONS)

fuzz: $(VENV)/.dev  ## 20,000 bodies and every path against real instances (OPTIONS="--bodies 1000000 --seed 2"; --help)
	@exec $(BIN)/python -m fleet.fuzz $(OPTIONS)

pictures: $(VENV)/.dev  ## pictures of the demo for the documents, from a demo at work
	$(BIN)/python -m tests.pictures

lint: ruff flake8 mypy  ## ruff, flake8-async and mypy

ruff: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

flake8: $(VENV)/.dev
	$(BIN)/flake8 --select ASYNC --ignore $(ASYNC_IGNORED) \
		--per-file-ignores 'tests/*:ASYNC110,ASYNC401,fleet/*:ASYNC110' \
		svc statemachine providers telegram_client sandbox demo fleet examples tests

mypy: $(VENV)/.dev
	$(BIN)/mypy

bench:  ## the comparison with aiogram, python-telegram-bot and grammY (OPTIONS=--quick: a short one)
	$(MAKE) -C benchmarks bench

bench-scale:  ## figures on millions of rows, in a quarter of an hour (OPTIONS="--scale 0.1": a tenth of them)
	$(MAKE) -C benchmarks bench-scale

clean:  ## remove what these targets have made
	rm -rf $(VENV) $(LOWEST) $(ECHO_VENV) $(ECHO_NODE) benchmarks/.venv benchmarks/rivals/node_modules build *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.sandbox: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@ $(VENV)/.sandbox

$(LOWEST)/.dev: pyproject.toml tests/lowest_bounds.py
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) tests/lowest_bounds.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install -q -c $(LOWEST)/constraints.txt -e '.[dev]'
	@touch $@

# Without a stamp the next `make test` tries again. What is said is the first error of pip or npm.
$(ECHO_VENV)/.installed: tests/echo_bots/requirements.txt
	@why=$$( ($(PYTHON) -m venv $(ECHO_VENV) && $(PIP_BRIEFLY) -r $<) 2>&1) && touch $@ || \
		echo "not tested here: aiogram, python-telegram-bot ($$(echo "$$why" | grep -m1 ^ERROR))"

$(ECHO_NODE)/.installed: tests/echo_bots/package.json
	@why=$$( (cd $(<D) && $(NPM_BRIEFLY)) 2>&1) && touch $@ || \
		echo "not tested here: grammY ($$(echo "$$why" | grep -im1 -E 'error|not found'))"
