"""A program as a process of its own, which runs as the user of Postgres and is ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from fleet.process import inherited_environment
from sandbox.postgres_programs import server_user

END_DEADLINE = 10.0
"""Seconds after which a process that was asked to end is killed."""


class Program:
    """A command with its `environment`, which says what it does to the file `log`."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._command = [*as_server_user(), *command]
        self._environment = {**inherited_environment(), **(environment or {})}
        self._process: trio.Process | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it; it must not run yet."""
        assert not self.running
        with self.log.open("ab") as log:
            self._process = await trio.lowlevel.open_process(
                self._command,
                cwd=self.log.parent,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C on a terminal goes to the whole group: the owner decides when it ends.
                start_new_session=True,
            )

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    async def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it by this signal, and kill it if that does not help. Returns when it is gone."""
        if self._process is None:
            return
        self.send_signal(how)
        with trio.move_on_after(END_DEADLINE):
            await self._process.wait()
        self.send_signal(signal.SIGKILL)
        await self._process.wait()


def as_server_user() -> list[str]:
    """What stands before a command that must not run as root: nothing, where we are not root.

    The user may pass through every folder: Python, this project and the programs may lie in some that are closed to
    others.
    """
    user = server_user() if os.geteuid() == 0 else None
    if user is None:
        return []
    rights = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
    return ["setpriv", "--reuid", str(user.uid), "--regid", str(user.gid), "--clear-groups", *rights]
