"""A real Postgres, alone or with a synchronous standby, which restarts, crashes, fails over and stands still."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet.postmaster import postmaster_of, signal_server
from fleet.waiting import DEADLINE
from sandbox.ports import free_port
from sandbox.postgres import NOBODY, EmbeddedPostgres, PostgresFailed, Watcher
from sandbox.postgres_programs import let_pass

# A standby whose primary was away asks for it again soon, not after the usual 5 s: commits wait for that.
# The usual 1 GB of WAL, twice, would be a lot for a folder for temporary files.
_SETTINGS = {"fsync": "off", "wal_retrieve_retry_interval": "200ms", "max_wal_size": "128MB", "min_wal_size": "32MB"}
_SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf();"
# Else every commit would wait for a standby that is not there.
_ALONE = "ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();"
_IN_STEP = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class PostgresCluster:
    """One or two servers in a folder of their own, which is made if missing.

    `primary` takes writes; what it commits, `standby` has, if there is one. The two ports in `ports` stay the
    same, whichever server takes writes. Every method blocks until it is done, and one of them runs at a time;
    PostgresFailed if a server does not do what it is told. `watcher` is told of the processes. `password` is that of
    the user `postgres`, who needs none if it is empty.
    """

    def __init__(self, folder: Path, *, with_standby: bool, watcher: Watcher = NOBODY, password: str = "") -> None:
        self.primary = EmbeddedPostgres(folder / "0", settings=_SETTINGS, watcher=watcher, password=password)
        self.standby: EmbeddedPostgres | None = None
        self._folder = folder
        self._servers = 1
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        let_pass(folder)
        try:
            self.primary.start()
            self.ports = [self.primary.port]
            if with_standby:
                self.ports.append(free_port())
                self.add_standby(self.ports[1])
        except BaseException:  # an interrupt as well: nobody has this object yet who could stop it
            self.stop()
            raise

    def restart(self) -> None:
        """Stop the primary in order, and start it."""
        self.primary.stop()
        self.primary.start()

    def crash(self) -> None:
        """End the primary as a crash does, and start it: it recovers."""
        self.primary.kill()
        self.primary.start()

    def fail_over(self) -> None:
        """The primary is gone and the standby takes over; a new standby follows at the old address."""
        self.add_standby(self.promote())

    def promote(self) -> int:
        """The primary is gone, and the standby takes over, for now without a standby of its own. The old one's port."""
        old, promoted = self.primary, self.standby
        assert promoted is not None
        old.kill()
        promoted.promote()
        self.primary, self.standby = promoted, None
        shutil.rmtree(old.data)
        return old.port

    def add_standby(self, port: int) -> None:
        """Give the primary a standby at this port; from then on it commits nothing that the standby does not have."""
        self._servers += 1
        standby = self.primary.replica(self._folder / str(self._servers - 1))
        standby.port = port
        try:
            standby.start()
            self.primary.execute(_SYNCHRONOUS)
            _wait_until_in_step(self.primary, standby)
        except BaseException:  # nobody else would stop it
            standby.stop()
            with suppress(PostgresFailed):
                self.primary.execute(_ALONE)
            raise
        self.standby = standby

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the primary's processes for as long as the block lasts; they lose nothing."""
        pid = postmaster_of(self.primary.data)
        assert pid is not None
        try:
            signal_server(pid, signal.SIGSTOP)
            yield
        finally:
            signal_server(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop all servers."""
        for server in self._all():
            server.stop()

    def _all(self) -> list[EmbeddedPostgres]:
        return [self.primary, *([self.standby] if self.standby else [])]


@contextmanager
def postgres_cluster(*, with_standby: bool, watcher: Watcher = NOBODY) -> Iterator[PostgresCluster]:
    """A primary, with a synchronous standby or alone, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="svc-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = PostgresCluster(Path(folder), with_standby=with_standby, watcher=watcher)
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def postgres_pair() -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres]]:
    """A primary and its standby, stopped and removed at the end; PostgresFailed if the standby does not follow."""
    with postgres_cluster(with_standby=True) as cluster:
        assert cluster.standby is not None
        yield cluster.primary, cluster.standby


def _wait_until_in_step(primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> None:
    give_up = time.monotonic() + DEADLINE
    while primary.execute(_IN_STEP) != "1":
        if not standby.running:
            raise PostgresFailed("the standby has ended")
        if time.monotonic() > give_up:
            raise PostgresFailed(f"the standby has not caught up within {DEADLINE:.0f} s")
        time.sleep(0.05)
