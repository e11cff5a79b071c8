"""Whether this instance gets through to the Bot API, by the latest calls that it has made.

In ACTIVE these are the calls of the workers and whatever else is called. Where nothing has got through for a moment,
and always in PASSIVE, getMe is asked: it settles whether the way is closed, or only what was called over it failed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import trio

from svc.observability.errors import describe
from svc.waiting import jittered
from telegram_client.errors import Refused, TelegramError

ASK_EVERY = 5.0
# In seconds. While something gets through that often nothing is asked.
QUIET = 2.5

_FLOOD = 429
_UNKNOWN_BOT = (401, 404)


def gets_through(error: TelegramError | None) -> bool:
    """Whether a call that ended so, None in a result, has been answered by a Telegram that knows the bot.

    401 and 404 are the answers to a token or an address that is wrong. A 5xx, a page of HTML, half an answer: whatever
    that came from, no work can be done over it.
    """
    if error is None:
        return True
    if error.status in _UNKNOWN_BOT:
        return False
    return isinstance(error, Refused) or error.status == _FLOOD


class Reach:
    """What an instance knows of its way to the Bot API. Times are on Trio's clock.

    `ok`: whether the latest call got through, None while it is not known; `error`: why it did not; `known_at`: when it
    ended. `through_at`: when last one got through. `failing_since`: when the first call began that did not, if none has
    got through that began later.
    """

    def __init__(self) -> None:
        self.ok: bool | None = None
        self.error: str | None = None
        self.known_at = -math.inf
        self.through_at = -math.inf
        self.failing_since: float | None = None

    @property
    def as_number(self) -> float:
        """1 if it gets through, 0 if not, NaN while that is not known."""
        return math.nan if self.ok is None else float(self.ok)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """The block makes one call; how it ends is noted. Cancelled, it tells nothing."""
        began = trio.current_time()
        try:
            yield
        except TelegramError as error:
            self.note(error, began)
            raise
        else:
            self.note(None, began)

    def note(self, error: TelegramError | None, began: float) -> None:
        """A call that began at `began` has ended in this error, or in a result."""
        now = trio.current_time()
        if gets_through(error):
            self.ok, self.error, self.known_at = True, None, now
            self.through_at, self.failing_since = now, None
        elif began >= self.through_at:
            # One that began earlier tells of a way that has been found open since.
            self.ok, self.error, self.known_at = False, describe(error) if error else None, now
            self.failing_since = began if self.failing_since is None else min(began, self.failing_since)


async def keep_asking(reach: Reach, get_me: Callable[[], Awaitable[object]], rng: random.Random) -> None:
    """Ask getMe where nothing has got through for QUIET seconds, every ASK_EVERY seconds at most; until cancelled.

    The answer is noted in `reach` by whatever `get_me` calls.
    """
    while True:
        while (quiet_at := reach.through_at + QUIET) > trio.current_time():  # noqa: ASYNC110 (a time moves, no event)
            await trio.sleep_until(quiet_at)
        with suppress(TelegramError):
            await get_me()
        await trio.sleep(jittered(ASK_EVERY, rng))
