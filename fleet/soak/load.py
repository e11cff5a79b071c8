"""The load: messages on a fixed schedule, whatever the service does, each delivered until it is taken in.

Times count from the moment at which a message was due. One that had to wait because nobody took it in, or because all
connections were busy, is late by that as well.
"""

from __future__ import annotations

import random
import time

import trio

from fleet.soak.delivery import Delivery
from fleet.soak.ledger import Ledger
from fleet.soak.people import Kind, Message, People, answered_number, body_of
from fleet.soak.plan import Plan
from fleet.soak.telegram import Telegram

MOST_OPEN = 50_000
"""Messages that wait for their answers. Who is further behind than that will not catch up: no more are written then."""


class Load:
    """People who write to a bot at `telegram`. `late` is how much later than due a message was written at most, in
    seconds: what the load itself adds to every time. `fell_behind` says why it ended before its time, if it did.
    """

    def __init__(self, plan: Plan, ledger: Ledger, delivery: Delivery) -> None:
        self.telegram = Telegram(self._answered)
        self.delivery = delivery
        self.late = 0.0
        self.fell_behind = ""
        self._plan = plan
        self._ledger = ledger
        self._people = People(random.Random(plan.seed))

    async def write(self, deliveries: trio.Nursery) -> None:
        """All messages, from now on; each is delivered in a task of `deliveries`."""
        began = trio.current_time()
        for number in range(round(self._plan.rate * self._plan.seconds)):
            due = began + number / self._plan.rate
            await trio.sleep_until(due)
            self.late = max(self.late, trio.current_time() - due)
            if len(self._ledger.open) >= MOST_OPEN:
                self.fell_behind = f"{MOST_OPEN:,} messages waited for their answers, so no more were written"
                return
            deliveries.start_soon(self._deliver, self._next(number, due))

    def _next(self, number: int, due: float) -> Message:
        kind, person = self._people.next(number)
        sent_id = 0 if kind is Kind.PRESS else self.telegram.writes(person.chat_id)
        message = Message(number, kind, person, due, sent_id)
        self._ledger.write(message)
        return message

    async def _deliver(self, message: Message) -> None:
        await self.delivery.deliver(body_of(message, time.time()))
        self._ledger.accept(message, trio.current_time())

    def _answered(self, chat_id: int, message_id: int, text: str) -> None:
        """Something took effect in a chat: whoever waited for it may write again."""
        number = answered_number(chat_id, text)
        message = self._ledger.answer(number, chat_id, text, trio.current_time())
        if message is not None:
            message.person.message_id = message_id
            self._people.may_write_again(message.person)
