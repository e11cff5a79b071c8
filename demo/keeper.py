"""A process that ends what the demo has started and removes its folder, should the demo itself be killed.

It is told over a pipe of every process that is started and of every one that has ended. When the pipe closes and the
demo has not said that it is done, the demo is gone: what still runs is killed, and the folder removed. It has a session
of its own, which neither a closed terminal nor a signal to the demo's process group reaches.

A process that was started a moment before the demo was killed may not have been told: all that the demo starts has MARK
in its environment, by which it is found where there is a /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.children import MARK, Child, born, end_all, remove
from sandbox.postgres_programs import let_pass

_CLOSING = 5.0


@dataclass(slots=True)
class Told:
    """What the demo has told: the processes that run, by id, and whether it is done."""

    children: dict[int, Child] = field(default_factory=dict)
    done: bool = False

    def take(self, line: str) -> None:
        """One line of the pipe, as the functions below make it. Raises ValueError for any other."""
        match line.split():
            case ["started", pid, born, end_by]:
                self.children[int(pid)] = Child(int(pid), int(born), signal.Signals(int(end_by)))
            case ["ended", pid]:
                self.children.pop(int(pid), None)
            case ["done"]:
                self.done = True
            case _:
                raise ValueError(f"not a line of the keeper's pipe: {line!r}")


def started_line(child: Child) -> str:
    """Tells that a process was started."""
    return f"started {child.pid} {child.born} {int(child.end_by)}\n"


def ended_line(pid: int) -> str:
    """Tells that a process has ended and was waited for."""
    return f"ended {pid}\n"


DONE_LINE = "done\n"
"""Tells that nothing is left."""
READY = b"ready\n"
"""What the keeper says when no signal but SIGKILL ends it any more."""


class KeeperFailed(Exception):
    """The keeper did not start; what it said is on stderr."""


class Keeper:
    """The demo's side. Made before anything else is started; `close` at the very end, when nothing is left.

    `folder` is made if it is missing, and should be: then there is no moment at which it can be left behind. From then
    on this process' environment has MARK, which what it starts inherits; whoever gives a process another environment
    adds `environment` to it. All methods may be called from any thread. Raises KeeperFailed if it does not start.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {MARK: str(folder)}
        # From `/`, so that it holds no folder open that somebody may want to remove or unmount.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "demo.keeper", str(folder)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            if said.read(len(READY)) != READY:
                raise KeeperFailed(f"the process that cleans up after a kill did not start: {self._process.wait()}")
        os.environ.update(self.environment)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        let_pass(folder)

    @property
    def pid(self) -> int:
        """The process id of the keeper itself."""
        return self._process.pid

    def started(self, pid: int, end_by: signal.Signals = signal.SIGKILL) -> None:
        """A process was started. If the demo is killed, it gets this signal, and SIGKILL if it does not end by it."""
        self._tell(started_line(Child(pid, born(pid), end_by)))

    def ended(self, pid: int) -> None:
        """A process has ended and was waited for."""
        self._tell(ended_line(pid))

    def close(self) -> None:
        """Everything is over and removed: the keeper ends as well."""
        os.environ.pop(MARK, None)
        self._tell(DONE_LINE)
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_CLOSING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A keeper that was killed keeps nothing more, and the demo goes on: it ends what it has started itself.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())


def _let_go_of_the_terminal() -> None:
    """Whoever reads what the demo prints waits for the last process that could still print."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def main(folder: str) -> None:
    """Listen until the pipe closes, then do what is left to do."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, READY)
    _let_go_of_the_terminal()
    told = Told()
    for line in sys.stdin:
        told.take(line)
    if not told.done:
        end_all(list(told.children.values()), folder)
        remove(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1])
