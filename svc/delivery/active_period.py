"""What the ACTIVE event opens onto: everything that the tasks of one term need, the object that can send among it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import trio

from statemachine import ActiveEvent
from svc.delivery.deciding import Deciding, Decision
from svc.delivery.first_window import FirstWindow
from svc.delivery.late_duplicates import Resent
from svc.delivery.prober import Prober
from svc.delivery.remote_files import RemoteFiles
from svc.delivery.sending_pause import SendingPause
from svc.delivery.uppers import Uppers
from svc.leadership.lease import Lease
from svc.observability.metrics import Metrics
from svc.queue.chat_queue import ChatQueue
from svc.settings.environment import Fallback
from svc.storage.inbox import Attempt, Begun, Inbox, Term
from telegram_client.files import Files
from telegram_client.flood import FloodControl, Turn
from telegram_client.message_ids import MessageIds
from telegram_client.sender import Sender


class Opened(NamedTuple):
    """An attempt, what was decided, the turn of its first call, and once it is so, that it has `begun`."""

    decision: Decision
    attempt: Attempt
    turn: Turn | None
    begun: Begun | None = None


@dataclass(frozen=True, eq=False)
class ActivePeriod:
    """One term's means to act. It is made anew for each term, so that nothing of an old one can be used again."""

    term: Term
    lease: Lease
    sender: Sender
    files: Files
    """Reads what people have sent."""
    remote_files: RemoteFiles
    """Fetches what is uploaded from elsewhere."""
    file_places: trio.CapacityLimiter
    """How many attempts that move files are under way at once."""
    inbox: Inbox
    queue: ChatQueue
    first_window: FirstWindow
    """What the reading back begins with."""
    deciding: Deciding
    looks: bool
    """Whether a send in doubt is looked for."""
    in_doubt: Fallback
    """What becomes of one where that cannot tell, or is not done."""
    metrics: Metrics
    rng: random.Random
    flood: FloodControl
    pause: SendingPause
    message_ids: MessageIds
    prober: Prober
    resent: Resent = field(default_factory=Resent)
    uppers: Uppers = field(default_factory=Uppers)
    tokens: set[int] = field(default_factory=set)
    """The attempts that a worker holds now, and those below."""
    opened: dict[int, Opened] = field(default_factory=dict)
    """By update id, the attempts that began with the storing and have not come to a worker yet."""
    unsure: dict[int, tuple[Attempt, Decision]] = field(default_factory=dict)
    """By update id, the attempts of which the database has not said whether they have begun."""

    def close(self) -> None:
        """Let nothing new begin; what is in flight is finished."""
        self.queue.close()


async def in_each_period(active: ActiveEvent[ActivePeriod], work: Callable[[ActivePeriod], Awaitable[None]]) -> None:
    """Stand at the ACTIVE event; do `work` once in every period, as long as its lease lasts; until cancelled."""
    period: ActivePeriod | None = None
    while True:
        period = await active.wait(after=period)
        with period.lease.scope():
            await work(period)
