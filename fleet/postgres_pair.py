"""A real Postgres primary with a synchronous standby: what the primary commits, the standby has."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.waiting import DEADLINE
from sandbox.postgres import EmbeddedPostgres, PostgresFailed, temporary_postgres

_SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf();"
_IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@contextmanager
def postgres_pair() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its standby, stopped and removed at the end; PostgresFailed if the standby does not follow."""
    with temporary_postgres({"fsync": "off"}) as primary, tempfile.TemporaryDirectory(prefix="svc-standby-") as folder:
        standby = primary.replica(Path(folder) / "server")
        try:
            standby.start()
            primary.execute(_SYNCHRONOUS)
            _wait_until_in_step(primary)
            yield primary, standby
        finally:
            standby.stop()


def _wait_until_in_step(primary: EmbeddedPostgres) -> None:
    give_up = time.monotonic() + DEADLINE
    while primary.execute(_IN_STEP) != "1":
        if time.monotonic() > give_up:
            raise PostgresFailed(f"the standby has not caught up within {DEADLINE:.0f} s")
        time.sleep(0.05)
