"""The end of the process: by a signal in order, or at once where something cannot be ended otherwise."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import trio


async def drain_on_signal(
    drain: Callable[[str], None], *, deadline: float, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Call `drain` with the signal's name at the first SIGTERM or SIGINT; a second one ends the process at once.

    So does the `deadline`, in seconds from the first one.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            drain(signal.Signals(number).name)
            break
    end_process_after(deadline)


def end_process_after(seconds: float) -> None:
    """The last resort, on a thread of its own: a starved or hung event loop cannot keep the process alive."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def end_process_now(code: int) -> None:
    """End without waiting for tasks that cannot be cancelled."""
    os._exit(code)
