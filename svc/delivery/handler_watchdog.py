"""A handler that does not return: it is named, and then the process ends.

A handler is called by the event loop and not waited for: while it runs, nothing else does. HTTP is not answered and no
heartbeat is sent, so after a lease's time another instance leads, and only a thread can still act here. It counts its
own looks, not the time: a process that was stopped in between has not waited for its handler.

C code that does not let go of the interpreter's lock, a regular expression for one, keeps that thread waiting as well.
For this the kernel has a timer for the processor time that a call takes, whose signal ends the process.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePath

import structlog

from svc.shutdown import end_process_now

log = structlog.get_logger()

LOOK_EVERY = 0.25
NAME_AFTER = 1.0
FRAMES = 8
# Processor time on top of `end_after`, so that where the thread can act, it does.
KERNEL_LATER = 1.0


class _Call:
    """The block calls a handler; `looks` is how often it was seen."""

    __slots__ = ("_watchdog", "looks", "update_id")

    def __init__(self, watchdog: HandlerWatchdog, update_id: int) -> None:
        self._watchdog = watchdog
        self.update_id = update_id
        self.looks = 0

    def __enter__(self) -> None:
        self._watchdog.begins(self)

    def __exit__(self, *_: object) -> None:
        self._watchdog.begins(None)


class HandlerWatchdog:
    """Watches one thread's handlers: after a second one is named in the log, after `end_after` seconds `end` is called.

    `end` ends the process with the exit code that it is given.
    """

    def __init__(self, end_after: float, *, end: Callable[[int], None] = end_process_now) -> None:
        self._end_after = end_after
        self._end = end
        self._call: _Call | None = None
        self._thread_id = 0

    def calling(self, update_id: int) -> AbstractContextManager[None]:
        """The block calls the handler for this update."""
        return _Call(self, update_id)

    def begins(self, call: _Call | None) -> None:
        """Watch this call from now on; with None it has ended."""
        self._call = call
        signal.setitimer(signal.ITIMER_VIRTUAL, 0 if call is None else self._end_after + KERNEL_LATER)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the handlers that this thread calls within the block."""
        self._thread_id = threading.get_ident()
        # The signal's own effect is to end the process; before that, where it was is written to stderr.
        faulthandler.register(signal.SIGVTALRM, file=sys.__stderr__ or sys.stderr, all_threads=False, chain=True)
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_EVERY):
                self.look()

        # A daemon: it must not keep a process alive that ends for another reason.
        thread = threading.Thread(target=watch, name="handler watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def look(self) -> None:
        """Look once, a quarter of a second after the last time."""
        call = self._call
        if call is None:
            return
        call.looks += 1
        seconds = call.looks * LOOK_EVERY
        ends = seconds >= self._end_after
        if not ends and seconds != NAME_AFTER:
            return
        log.critical("HANDLER_STUCK", update_id=call.update_id, seconds=seconds, stack=self._stack(), ends=ends)
        if ends:
            self._end(1)

    def _stack(self) -> str:
        """Where the handler is, the innermost function last."""
        frame = sys._current_frames().get(self._thread_id)
        stack = traceback.extract_stack(frame)[-FRAMES:] if frame is not None else []
        return " > ".join(f"{PurePath(each.filename).name}:{each.lineno} {each.name}" for each in stack)
