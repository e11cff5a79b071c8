"""What a program leaves behind: its processes, and what lies in the folder for temporary files that it was given."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Space:
    """A folder for temporary files that one program of a test is given, in its environment as TMPDIR."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"TMPDIR": str(folder)}

    def processes(self) -> list[str]:
        """Processes that have this environment or a working folder in here, with their command lines."""
        return [f"{pid}: {_text(pid, 'cmdline')}" for pid in self._pids()]

    def files(self) -> list[str]:
        """What lies in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def clear(self) -> None:
        """Kill and remove all of it."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)

    def _pids(self) -> list[int]:
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._holds(path)]

    def _holds(self, process: Path) -> bool:
        # The processes of Postgres write their titles over their environment, and work in the folder of the data.
        with suppress(OSError):  # it has ended meanwhile
            where = f"TMPDIR={self.folder}".encode()
            return where in (process / "environ").read_bytes().split(b"\0") or (
                process / "cwd"
            ).readlink().is_relative_to(self.folder)
        return False


@contextmanager
def space() -> Iterator[Space]:
    """A folder that others may pass through, as /tmp is: root's Postgres runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="svc-test-", dir="/tmp"))
    folder.chmod(0o711)
    made = Space(folder)
    try:
        yield made
    finally:
        made.clear()


def _text(pid: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return "(ended)"
