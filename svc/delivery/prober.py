"""Makes probes: each in its turn, and none any more once one was not refused."""

from __future__ import annotations

from typing import NamedTuple

import structlog
import trio

from svc.delivery.refusals import may_be_the_bots
from svc.delivery.retry_policy import FLOOD
from svc.delivery.sending_pause import SendingPause
from svc.observability.errors import describe
from telegram_client.errors import NotSent, TelegramError
from telegram_client.flood import FloodControl
from telegram_client.probes import PROBE, Told, probe_params, told_by
from telegram_client.sender import Sender

log = structlog.get_logger()

PROBE_TIMEOUT = 3.0
EDITED = "a probe was not refused: nothing is looked for any more by this process"
NOT_GROWING = "a message got an id below one that was there before it: nothing is looked for any more by this process"

PAUSED = "an operator has paused all sending"


class Answer(NamedTuple):
    """What a probe has told, and the words that it was told in."""

    told: Told
    text: str


class Prober:
    """Probes for one process. `stopped`: why none is made any more, since something is not as it was read.

    Until one has been refused as it should be they are made one at a time: should they edit, then one message.
    """

    def __init__(self, flood: FloodControl, pause: SendingPause) -> None:
        self.stopped: str | None = None
        self._flood = flood
        self._pause = pause
        self._refused = False
        self._one_at_a_time = trio.Lock()

    @property
    def has_room(self) -> bool:
        """Whether a probe could leave now."""
        return self._flood.has_room_for_probes()

    @property
    def per_second(self) -> float:
        """How many probes may leave in a second, infinity without a limit."""
        return self._flood.limits.probes_per_second

    def paused(self, chat_id: int) -> float:
        """Seconds for which nothing may be asked about this chat."""
        return self._flood.paused(chat_id)

    def check_id(self, chat_id: int, message_id: int, watermark: int | None) -> None:
        """A message was sent with this id, before which `watermark` was known: ids grow, or nothing can be found."""
        if watermark is not None and message_id <= watermark and self.stopped is None:
            self.stopped = NOT_GROWING
            log.error("IDS_NOT_GROWING", chat_id=chat_id, message_id=message_id, watermark=watermark)

    async def probe(self, sender: Sender, chat_id: int, message_id: int) -> Answer:
        """Probe one message in its turn, however long that takes to come."""
        await self._flood.acquire_probe(chat_id)
        if self._refused:
            return await self._ask(sender, chat_id, message_id)
        async with self._one_at_a_time:
            return await self._ask(sender, chat_id, message_id)

    async def _ask(self, sender: Sender, chat_id: int, message_id: int) -> Answer:
        if self.stopped is not None:
            return Answer(Told.EDITED, self.stopped)
        if self._pause.ordered is not None:
            # A look that has begun brings nothing then: what it knows would be old when the pause ends.
            return Answer(Told.NOTHING, PAUSED)
        try:
            await sender.call(PROBE, probe_params(chat_id, message_id), timeout=PROBE_TIMEOUT)
        except TelegramError as error:
            self._heed(error, chat_id)
            told = told_by(error)
            self._refused = self._refused or told is Told.OURS
            return Answer(told, describe(error))
        self.stopped = EDITED
        log.error("PROBE_EDITED", chat_id=chat_id, message_id=message_id)
        return Answer(Told.EDITED, EDITED)

    def _heed(self, error: TelegramError, chat_id: int) -> None:
        """What the answer asks of all calls, whoever made this one."""
        if isinstance(error, NotSent) and error.status == FLOOD:
            self._flood.pause(error.retry_after, chat_id)
        elif may_be_the_bots(error):
            self._pause.suspect()
