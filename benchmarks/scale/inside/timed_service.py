"""`svc run` with a stopwatch: how long each method of the inbox and each of its statements takes, as the service waits
for it.

It runs as a module of its own by the Python of the measured checkout, so it imports nothing but that one's `svc`. It
knows no method by name: whatever the inbox offers is timed. Times are counted in steps of two percent, so that the
memory this takes stays the same however long it runs.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import os
import pkgutil
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

import asyncpg

import svc.storage
from svc.operations.cli import main
from svc.storage.postgres_inbox import PostgresInbox

WRITE_EVERY = 0.2
STEPS = 50
"""A time of t ms is counted as round(STEPS * ln t)."""
ENDLESS = ("run", "flush")

Method = Callable[..., Awaitable[Any]]


class Stopwatch:
    """Counts times by name. A call that failed counts too, and is named apart; one that was cancelled does not."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._failed: Counter[str] = Counter()
        self._first: dict[str, float] = {}

    async def time(self, name: str, call: Awaitable[Any]) -> Any:
        """The result of `call`, which is timed as `name`."""
        self._first.setdefault(name, time.time())
        began = time.perf_counter()
        try:
            result = await call
        except Exception:
            self._failed[name] += 1
            self._count(name, began)
            raise
        self._count(name, began)
        return result

    def snapshot(self) -> dict[str, Any]:
        """What has been counted so far; each of the copies is made in one step, beside the thread that counts."""
        return {
            "at": time.time(),
            "counts": {name: counts.copy() for name, counts in self._counts.copy().items()},
            "failed": self._failed.copy(),
            "first": self._first.copy(),
        }

    def _count(self, name: str, began: float) -> None:
        taken = max(1e-3, 1000 * (time.perf_counter() - began))
        self._counts[name][round(STEPS * math.log(taken))] += 1


def time_methods(watch: Stopwatch) -> None:
    """Time every method of the inbox that is waited for."""
    for name, method in inspect.getmembers(PostgresInbox, inspect.iscoroutinefunction):
        if not name.startswith("_") and name not in ENDLESS:
            setattr(PostgresInbox, name, _timed(watch, method, f"inbox.{name}"))


def time_statements(watch: Stopwatch) -> None:
    """Time every statement, by the name of its text in the modules of SQL."""
    names = _statement_names()
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        setattr(asyncpg.Connection, name, _timed_statement(watch, getattr(asyncpg.Connection, name), names))


def write_snapshots(watch: Stopwatch, path: Path) -> None:
    """Write what has been counted to `path` for as long as the process lives; a reader never finds half of it."""
    unfinished = path.with_suffix(".new")
    while True:
        unfinished.write_text(json.dumps(watch.snapshot()))
        unfinished.replace(path)
        time.sleep(WRITE_EVERY)


def _timed(watch: Stopwatch, method: Method, name: str) -> Method:
    @wraps(method)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        return await watch.time(name, method(*args, **kwargs))

    return timed


def _timed_statement(watch: Stopwatch, method: Method, names: dict[str, str]) -> Method:
    @wraps(method)
    async def timed(connection: asyncpg.Connection[Any], sql: str, *args: Any, **kwargs: Any) -> Any:
        return await watch.time(names.get(sql, "sql.other"), method(connection, sql, *args, **kwargs))

    return timed


def _statement_names() -> dict[str, str]:
    names = {}
    for found in pkgutil.iter_modules(svc.storage.__path__):
        if found.name.endswith("_sql"):
            module = importlib.import_module(f"svc.storage.{found.name}")
            names.update({text: f"sql.{name}" for name, text in vars(module).items() if isinstance(text, str)})
    return names


if __name__ == "__main__":
    stopwatch = Stopwatch()
    time_methods(stopwatch)
    time_statements(stopwatch)
    writing = (stopwatch, Path(os.environ["TIMINGS"]))
    threading.Thread(target=write_snapshots, args=writing, daemon=True).start()
    sys.exit(main(["run"]))
