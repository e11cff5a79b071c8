"""What operators have begun goes on when their browser goes away, and ends in order when the instance does.

A batch that is done stays done, and svc/actions records what came of it all the same: whoever comes back finds it among
what operators did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from svc.actions.orders import CannotBeDone
from svc.storage.errors import DatabaseUnavailable

log = structlog.get_logger()

AT_ONCE = 4
"""So many at the same time; each needs one of the page's two connections now and then."""

DEADLINE = 600.0
"""Seconds for one of them: enough for millions of dead updates."""

ANSWER_WITHIN = 20.0
"""Seconds after which the browser is told that it goes on. Longer than a change of leaders may take."""

_WHERE = 'its outcome will stand under "What operators did"'
GOES_ON = f"This takes longer. It goes on, also without this page: {_WHERE}."
TOO_MANY = f"{AT_ONCE} other actions are under way here: wait for one of them to end"
_STAYS = "what it had done by then stays done"
STOPPING = "this instance is being stopped: look whether it is done, and ask another one"
STOPPED = f"this instance is being stopped, and it with that: {_STAYS}"
TOO_LONG = f"it was stopped after {DEADLINE / 60:.0f} minutes: {_STAYS}, so do it again for the rest"

Work = Callable[[], Awaitable[str]]


@dataclass
class _Begun:
    """One of them. `end` is the sentence that says what was done, or what went wrong."""

    name: str
    end: str | Exception = field(default_factory=lambda: CannotBeDone(STOPPED))
    ended: trio.Event = field(default_factory=trio.Event)
    watched: bool = True


class UnderWay:
    """What is being done at the moment."""

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._number = 0

    async def run(self) -> None:
        """Let things be done until cancelled, which stops what is under way."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await trio.sleep_forever()
        finally:
            self._nursery = None

    async def do(self, name: str, work: Work) -> str:
        """Do `work` to its end, whatever becomes of whoever asks for it; its sentence, or GOES_ON if it takes longer.

        Raises what it raises, and CannotBeDone where it is not begun or is stopped.
        """
        if self._nursery is None:
            raise CannotBeDone(STOPPING)
        if self._number >= AT_ONCE:
            raise CannotBeDone(TOO_MANY)
        begun = _Begun(name)
        self._number += 1
        self._nursery.start_soon(self._to_its_end, begun, work)
        try:
            with trio.move_on_after(ANSWER_WITHIN):
                await begun.ended.wait()
        finally:
            begun.watched = begun.ended.is_set()
        if not begun.ended.is_set():
            return GOES_ON
        if isinstance(begun.end, Exception):
            raise begun.end
        return begun.end

    async def _to_its_end(self, begun: _Begun, work: Work) -> None:
        try:
            with trio.move_on_after(DEADLINE) as time:
                begun.end = await work()
            if time.cancelled_caught:
                begun.end = CannotBeDone(TOO_LONG)
        except Exception as error:  # for whoever has asked
            begun.end = error
            if not begun.watched and not isinstance(error, (CannotBeDone, DatabaseUnavailable)):
                log.exception("CHORE_FAILED", chore=f"OPS {begun.name}")
        finally:
            self._number -= 1
            begun.ended.set()
