"""Work that goes on whatever error it ends with."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import structlog
import trio

from svc.waiting import Backoff

log = structlog.get_logger()

# What has gone well for so long is not failing over and over.
WENT_WELL_AFTER = 60.0


async def keep_up(name: str, work: Callable[[], Awaitable[None]], rng: random.Random) -> None:
    """Do `work`; whenever it fails, say so with the traceback and begin it anew after a pause of 1 to 30 seconds.

    Returns when it returns. `name` is for the log.
    """
    backoff = Backoff(1.0, 30.0, rng)
    while True:
        began = trio.current_time()
        try:
            await work()
        except Exception:
            if trio.current_time() - began > WENT_WELL_AFTER:
                backoff.reset()
            pause = backoff.next()
            log.exception("CHORE_FAILED", chore=name, again_in=round(pause, 1))
        else:
            return
        await trio.sleep(pause)
