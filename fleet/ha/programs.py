"""Where etcd, PgBouncer and Patroni come from: what is installed, else a copy in a folder of our own.

etcd and PgBouncer are unpacked from Debian's packages, which installed would start servers; Patroni is put into a
virtual environment of its own. Nothing outside the folder changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DEADLINE = 180.0
"""Seconds that one download may take."""
PATRONI = ("patroni[etcd3]>=4.0,<5", "psycopg[binary]>=3.2,<4")
# Root's: a user's PATH leaves it out, and PgBouncer is there.
_ADMIN_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
_LIBRARIES = re.compile(r"Depends: (lib(?:c-?ares|event)[\w.-]*)")


class Missing(Exception):
    """A program cannot be had here; the message says which and why."""


@dataclass(frozen=True)
class Programs:
    """What is run. `libraries` are folders in which PgBouncer finds what Debian keeps in other packages."""

    etcd: Path
    pgbouncer: Path
    patroni: Path
    libraries: tuple[Path, ...] = ()


def find_programs(folder: Path) -> Programs:
    """The programs, those that are not installed from `folder`, where they are put once. Raises Missing."""
    if sys.platform != "linux":
        raise Missing("it takes Linux")
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise Missing("started by root it takes setpriv, since Postgres does not run as root")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    etcd, pgbouncer = _installed("etcd"), _installed("pgbouncer")
    patroni = _installed("patroni") or _patroni(folder / "patroni")
    if etcd and pgbouncer:
        return Programs(etcd, pgbouncer, patroni)
    debian = _unpacked(folder / "debian")
    return Programs(
        etcd or debian / "usr" / "bin" / "etcd",
        pgbouncer or debian / "usr" / "sbin" / "pgbouncer",
        patroni,
        tuple(sorted({path.parent for path in debian.rglob("*.so.*")})),
    )


def _installed(name: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_ADMIN_FOLDERS]))
    return Path(found) if found else None


def _unpacked(folder: Path) -> Path:
    """Debian's packages of etcd and PgBouncer, unpacked in `folder`."""
    if folder.exists():
        return folder
    partial = _emptied(folder.with_suffix(".part"))
    libraries = _LIBRARIES.findall(_done(("apt-cache", "depends", "pgbouncer"), partial))
    _done(("apt-get", "download", "-q", "etcd-server", "pgbouncer", *libraries), partial)
    for package in sorted(partial.glob("*.deb")):
        _done(("dpkg", "-x", package.name, "."), partial)
        package.unlink()
    return partial.rename(folder)


def _patroni(folder: Path) -> Path:
    """Patroni in a virtual environment in `folder`."""
    program, complete = folder / "bin" / "patroni", folder / "complete"
    if not complete.exists():
        _emptied(folder)
        _done((sys.executable, "-m", "venv", "."), folder)
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        _done((*pip, *PATRONI), folder)
        complete.touch()
    return program


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _done(command: Sequence[str], folder: Path) -> str:
    """Run a command in `folder`; what it printed. Raises Missing with its last words if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{command[0]} cannot be run: {error}") from None
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Missing(f"`{' '.join(command)}` failed: {words[-1] if words else f'exit code {done.returncode}'}")
    return done.stdout
