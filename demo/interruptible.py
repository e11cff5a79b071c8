"""Work with servers that is done in a thread, and is over soon after whoever waits for it is cancelled."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TypeVar

import trio

from sandbox.postgres import PostgresFailed, Watcher

_Result = TypeVar("_Result")


class Running:
    """The processes that run, as a watcher knows them, who can end them all; another watcher is told of each as well.

    Its methods are called in several threads.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._pids: set[int] = set()
        self._before: frozenset[int] = frozenset()
        self._given_up = False
        self._lock = Lock()

    def started(self, pid: int, end_by: signal.Signals) -> None:
        """Keep it in mind; if all is given up, end it."""
        self._watcher.started(pid, end_by)
        with self._lock:
            self._pids.add(pid)
            if self._given_up:
                os.kill(pid, signal.SIGQUIT)

    def ended(self, pid: int) -> None:
        """Forget it."""
        with self._lock:
            self._pids.discard(pid)
        self._watcher.ended(pid)

    def give_up(self) -> None:
        """End what runs and what is yet to be started, at once: the data may be lost."""
        self._end_all_but(frozenset())

    def _end_all_but(self, spared: frozenset[int]) -> None:
        with self._lock:
            self._given_up = True
            for pid in self._pids - spared:
                with suppress(ProcessLookupError):  # it has ended and is just being forgotten
                    os.kill(pid, signal.SIGQUIT)

    async def work(self, work: Callable[[], _Result]) -> _Result:
        """Do it in a thread, nothing else at the same time. Whoever is cancelled ends what it has started, of which it
        fails, and waits no longer for it than that takes; nothing can be started then. Raises PostgresFailed.
        """
        self._before = frozenset(self._pids)
        results: list[_Result] = []
        failure: PostgresFailed | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._give_up_if_cancelled, lambda: not (results or failure))
            try:
                results.append(await trio.to_thread.run_sync(work))
            except PostgresFailed as error:
                failure = error
            nursery.cancel_scope.cancel(reason="the work is done")
        if failure is not None:
            raise failure
        return results[0]

    async def _give_up_if_cancelled(self, goes_on: Callable[[], bool]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            if goes_on():
                self._end_all_but(self._before)
