"""What a handler is told besides the update (`Known`), put together for one update of one term."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec
import trio

from svc.delivery.chat_states import ChatStates
from svc.delivery.database_away import or_later
from svc.delivery.identity import Identity
from svc.handler.job import Job
from svc.handler.known import MOST_JOBS, Creating, Known
from svc.storage.inbox import ChatState, Received
from svc.storage.jobs import Jobs
from svc.storage.orders import Orders
from telegram_client.updates import Update

JOBS_AGAIN_AFTER = 0.2
WAIT_FOR_NAME = 5.0
"""Seconds that a command which names a bot waits for this one's name to be known."""

_decode_state = msgspec.json.Decoder(dict).decode


@dataclass(frozen=True, eq=False)
class Knowing:
    """Where it comes from. `now` is the time of day as Unix time; `states` are those that this term has written;
    `orders` are those of operators, as this instance knows them.
    """

    jobs: Jobs
    creating: Creating
    identity: Identity
    now: Callable[[], float]
    states: ChatStates = field(default_factory=ChatStates)
    orders: Callable[[], Orders] = Orders

    def state_of(self, received: Received) -> ChatState:
        """The chat's state by which the update is decided."""
        return self.states.latest(received.chat_id, received.state)

    def without_jobs(self, received: Received, state: ChatState) -> Known:
        """All that is known without asking anybody."""
        return self.of_chat(state, age=max(0.0, trio.current_time() - received.arrived))

    def of_chat(self, state: ChatState, age: float = 0.0) -> Known:
        """What is known where it is about no update."""
        return Known(
            me=self.identity.me, state=_decode_state(state.json), now=self.now(), age=age, creating=self._creating_now()
        )

    def knows_name_for(self, update: Update) -> bool:
        """Whether the bot's name is known, or the update's meaning does not depend on it."""
        return self.identity.me is not None or not _names_a_bot(update)

    async def name_known(self, update: Update) -> bool:
        """The same, after a moment's wait for the name."""
        if self.knows_name_for(update):
            return True
        return await self.identity.known(WAIT_FOR_NAME) is not None

    async def jobs_of(self, chat_id: int) -> tuple[Job, ...]:
        """The chat's latest jobs, the newest first; waits while the database is away."""
        while True:
            jobs = await or_later(partial(self.jobs.jobs_of, chat_id, MOST_JOBS))
            if jobs is not None:
                return tuple(jobs)
            await trio.sleep(JOBS_AGAIN_AFTER)

    def _creating_now(self) -> Creating:
        """What may be created, less what is paused."""
        paused = frozenset((pause.scope, pause.name) for pause in self.orders().pauses)
        return replace(self.creating, paused=paused) if paused else self.creating


def _names_a_bot(update: Update) -> bool:
    """Whether a command is addressed to a bot by its name (/start@some_bot)."""
    message = update.message or update.edited_message
    texts = (message.text, message.caption) if message is not None else ()
    return any(word.startswith("/") and "@" in word for text in texts if text for word in text.split())
