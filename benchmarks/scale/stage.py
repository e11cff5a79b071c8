"""What a scene plays on: one side's code, its database, its instances, and the findings so far."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks.scale.instance import Instance, running_instance
from benchmarks.scale.others import Others
from benchmarks.scale.plan import Plan
from benchmarks.scale.rows import Finding, Findings
from benchmarks.scale.timings import READING_BACK, Timings
from benchmarks.scale.usage import usage
from benchmarks.sides import SideFailed
from benchmarks.updates import Numbers
from fleet.process import Checkout, service_environment
from sandbox.postgres import EmbeddedPostgres, PostgresFailed
from svc.observability.errors import leaves

MIGRATE_DEADLINE = 60.0
FAILURES = (SideFailed, PostgresFailed, asyncpg.PostgresError, OSError, subprocess.SubprocessError)  # TimeoutError too


@dataclass
class Stage:
    """One side. A scene begins with a database of its own, which is gone at its end: see `fresh_database`."""

    name: str
    checkout: Checkout
    plan: Plan
    server: EmbeddedPostgres
    folder: Path
    findings: Findings = field(default_factory=Findings)
    database_url: str = ""
    _others: Others | None = None
    _numbers: Numbers = field(default_factory=Numbers)
    _count: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[None]:
        """A database with this side's schema, for the time of the block. Blocks the loop: nothing else goes on."""
        self.server.execute(f"CREATE DATABASE {name}")
        self.database_url = self.server.url_of(name)
        # A new load's ids begin anew.
        self._numbers = Numbers()
        try:
            self._migrate()
            yield
        finally:
            self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def others(self) -> Others:
        """Users who write to the instances of this stage from here on."""
        self._others = Others(self._numbers)
        return self._others

    @asynccontextmanager
    async def instance(self, state: str = "ACTIVE", **settings: str) -> AsyncIterator[Instance]:
        """An instance with these `settings` that has reached `state`; raises SideFailed if it does not within 30 s."""
        stem = self.folder / f"{self.name}-{next(self._count)}"
        async with running_instance(
            self.checkout, self.database_url, stem, self._load_menu, state, **settings
        ) as instance:
            yield instance

    @asynccontextmanager
    async def step(self, words: str, keys: tuple[str, ...], deadline: float) -> AsyncIterator[None]:
        """One step of a scene, which measures the rows `keys`. If it fails, they say why, and the scene goes on."""
        say(f"{self.name}: {words}")
        reason, before = "", usage()
        try:
            async with asyncio.timeout(deadline):
                yield
        except* FAILURES as group:
            failure = leaves(group)[0]
            reason = str(failure) or f"not done within {deadline:.0f} s"
            # Of an instance that failed, its last words come last.
            say("  failed: " + "\n    ".join(dict.fromkeys((reason.splitlines()[0], reason.splitlines()[-1]))))
        self.findings.foreign[words] = before.foreign_until(usage())
        for key in keys:
            self.findings.rows.setdefault(key, Finding(None, reason.partition("\n")[0] or "not measured"))

    def found(self, key: str, value: float | None, note: str = "", *, most: float | None = None) -> None:
        """What a row came to."""
        self.findings.rows[key] = Finding(value, note, most)
        say(f"  {key} {'not measured' if value is None else f'{value:,.2f}'} {note}")

    def found_reading(self, key: str, timings: Timings) -> None:
        """The p99 of the slowest of the methods that read back; a failed call is a time-out, and counts with it."""
        failed = sum(timings.failed[name] for name in READING_BACK)
        calls = sum(timings.calls(name) for name in READING_BACK)
        note = f"{failed} of {calls} calls failed" if failed else ""
        self.found(key, timings.slowest(READING_BACK, 0.99), note)

    def _migrate(self) -> None:
        done = subprocess.run(
            [self.checkout.python, "-m", "svc", "migrate"],
            cwd=self.checkout.folder,
            env=service_environment(self.database_url, "http://127.0.0.1:9", 8080),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=MIGRATE_DEADLINE,
        )
        if done.returncode:
            raise SideFailed(f"svc migrate ended with {done.returncode}: {done.stderr.strip()[-300:]}")

    def _load_menu(self, chat: int) -> None:
        if self._others is not None:
            self._others.menu_sent(chat)


def say(words: str) -> None:
    """Tell whoever waits how far it is."""
    print(words, file=sys.stderr, flush=True)
