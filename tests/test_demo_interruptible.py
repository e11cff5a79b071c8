"""Work with servers in a thread: whoever is cancelled need not wait until it would be done by itself."""

from __future__ import annotations

import signal
import subprocess
import threading

import pytest
import trio

from demo.interruptible import Running
from sandbox.postgres import NOBODY, PostgresFailed

pytestmark = pytest.mark.processes


class Server:
    """What runs for an hour, twice over, unless it is ended."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.up = threading.Event()
        self.codes: list[int] = []

    def serve(self) -> None:
        """Fails when it is ended from outside, as work with servers does."""
        try:
            self._run()
            self._run()
        finally:
            self._run()  # as one that cleans up with a program of its own
        raise PostgresFailed("it was ended")

    def _run(self) -> None:
        process = subprocess.Popen(["sleep", "3600"])
        self.running.started(process.pid, signal.SIGQUIT)
        self.up.set()
        self.codes.append(process.wait())
        self.running.ended(process.pid)


async def test_cancelled() -> None:
    """What the work has started is ended, and what it still starts as well; that it has failed is nobody's fault. What
    ran before goes on: others may need it for their end.
    """
    server = Server(Running(NOBODY))
    before = await trio.lowlevel.open_process(["sleep", "3600"])
    server.running.started(before.pid, signal.SIGQUIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.running.work, server.serve)
        await trio.to_thread.run_sync(server.up.wait)
        nursery.cancel_scope.cancel()
    assert server.codes == [-signal.SIGQUIT] * 3
    assert before.poll() is None
    server.running.give_up()
    assert await before.wait() == -signal.SIGQUIT


async def test_done() -> None:
    """The result, or what it raises, as it is."""

    def fail() -> None:
        raise PostgresFailed("by itself")

    running = Running(NOBODY)
    assert await running.work(lambda: 7) == 7
    with pytest.raises(PostgresFailed, match="by itself"):
        await running.work(fail)
