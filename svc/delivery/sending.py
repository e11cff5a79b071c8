"""The Bot API calls of an update that has been begun: in order, in the time there is, each in its turn.

What went wrong is returned, not raised. Each call is given the time that is left as its own deadline, so that the
client, which knows how much of the request was written, says whether a call was not sent or is in doubt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from svc.delivery.lookable import is_recognisable
from svc.delivery.refusals import comes_too_late
from svc.delivery.remote_files import NotFetched, RemoteFiles, has_remote_file, moves_file
from svc.delivery.retry_policy import FLOOD, may_repeat_at_once, outcome_of
from svc.handler.reply import Call
from svc.observability.errors import describe
from svc.storage.inbox import CallMade, SentFile
from svc.waiting import jittered
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.files import told_file
from telegram_client.flood import FloodControl, Turn
from telegram_client.limits import ChatId, counted_chat
from telegram_client.message_ids import MessageIds, told_message
from telegram_client.sender import Sender

CALL_TIMEOUT = 10.0
# For one that uploads a file, or has Telegram fetch one.
FILE_CALL_TIMEOUT = 60.0
# A connection that could not be made often can a moment later. What takes longer, or would have to wait longer than
# LONGEST_WAIT for its turn, goes back into the inbox.
AGAIN_AFTER = (0.1, 0.3, 0.9)
LONGEST_WAIT = 1.0


@dataclass(frozen=True)
class Failure:
    """Why an update could not be handled. `repeatable`: the call that failed may be made twice without harm;
    `moves_file`: it takes as long as a file does.
    """

    error: BaseException
    repeatable: bool = True
    moves_file: bool = False


class Delivery:
    """The calls for one update of the chat `chat_id`, for which there are `seconds` from now.

    `turn` is the one that was waited for before the update was begun; every further call to a chat, retries included,
    waits for a turn of its own. Each call is noted in `made`, its retries with it; the messages that answers tell of in
    `message_ids`. Remote files are fetched by `files`. `log` gives the logger that knows which attempt it is; it is
    called only where there is something to say.
    """

    def __init__(
        self,
        sender: Sender,
        flood: FloodControl,
        rng: random.Random,
        *,
        chat_id: int,
        seconds: float,
        made: list[CallMade],
        message_ids: MessageIds,
        files: RemoteFiles,
        log: Callable[[], structlog.stdlib.BoundLogger],
        turn: Turn | None = None,
    ) -> None:
        self._sender = sender
        self._flood = flood
        self._rng = rng
        self._chat_id = chat_id
        self._deadline = trio.current_time() + seconds
        self._turn = turn
        self._moved: tuple[Any, int] | None = None
        self._made = made
        self._message_ids = message_ids
        self._files = files
        self._log = log
        self._sent_id: int | None = None
        self._sent_file: SentFile | None = None

    async def make(self, calls: Sequence[Call]) -> Failure | None:
        """Make the calls, up to the first that fails."""
        for call in calls:
            started = trio.current_time()
            self._sent_id = self._sent_file = None
            failure = await self._make_with_files(call)
            error = failure.error if failure is not None else None
            ms = round((trio.current_time() - started) * 1000, 1)
            self._made.append(CallMade(call.method, outcome_of(error), ms, self._sent_id, self._sent_file))
            if failure is not None:
                return failure
        return None

    async def _make_with_files(self, call: Call) -> Failure | None:
        """Make one call, once the files that it uploads are here. One that cannot be had is the call's failure."""
        if not has_remote_file(call):
            return await self._make(call)
        try:
            async with self._files.fetched(call, self._time_left()) as ready:
                return await self._make(ready)
        except NotFetched as error:
            return Failure(error, call.repeatable)

    async def _make(self, call: Call) -> Failure | None:
        """Make one call, and a few times again where that does no harm."""
        call = self._readdressed(call)
        if not await self._take_turn(call, within=self._time_left()):
            return self._no_time(call)
        failure = await self._send(call)
        in_doubt: Failure | None = None
        for pause in AGAIN_AFTER:
            call = self._readdressed(call)
            if (
                failure is None
                or not may_repeat_at_once(failure.error, failure.repeatable)
                or not await self._wait_again(call, pause)
            ):
                break
            self._log().debug("CALL_AGAIN", method=call.method, error=describe(failure.error))
            if isinstance(failure.error, InDoubt):
                in_doubt = failure
            failure = await self._send(call)
        if in_doubt is not None and failure is not None and isinstance(failure.error, NotSent):
            # That the last try was not sent says nothing about the one in doubt, which may have had its effect.
            return in_doubt
        return failure

    async def _wait_again(self, call: Call, pause: float) -> bool:
        """Wait for another try of `call`; False if there is no time for it, or its turn does not come soon."""
        if pause >= self._time_left():
            return False
        await trio.sleep(jittered(pause, self._rng))
        return await self._take_turn(call, within=min(LONGEST_WAIT, self._time_left()))

    async def _take_turn(self, call: Call, *, within: float) -> bool:
        """Wait for the turn of `call`, if it needs one; False if it does not come within so many seconds."""
        if within <= 0:
            return False
        chat_id = counted_chat(call.method, call.params)
        if chat_id is None or self._use_turn(chat_id):
            await trio.lowlevel.checkpoint()
            return True
        if self._flood.delay(chat_id) >= within:
            return False
        with trio.move_on_after(within):
            await self._flood.acquire(chat_id)
            return True
        return False

    def _use_turn(self, chat_id: ChatId) -> bool:
        """Whether the turn that was waited for in advance is this chat's. It is good for one call."""
        if self._turn != Turn(chat_id):
            return False
        self._turn = None
        return True

    async def _send(self, call: Call) -> Failure | None:
        """Make the call, whose turn it is. A group that has become a supergroup is followed to its new id, once."""
        failure = await self._request(call)
        if failure is None or not self._has_moved(failure.error, call):
            return failure
        call = self._readdressed(call)
        in_time = await self._take_turn(call, within=self._time_left())
        return await self._request(call) if in_time else self._no_time(call)

    async def _request(self, call: Call) -> Failure | None:
        try:
            timeout = min(self._time_left(), FILE_CALL_TIMEOUT if moves_file(call) else CALL_TIMEOUT)
            result = await self._sender.call(call.method, call.params, timeout=timeout)
            self._note_message(call, result)
        except Refused as error:
            if not comes_too_late(error):
                return Failure(error, call.repeatable)
            self._log().info("REFUSED", method=call.method, error=describe(error))
        except Exception as error:
            if isinstance(error, NotSent) and error.status == FLOOD:
                self._flood.pause(error.retry_after, call.params.get("chat_id", self._chat_id))
            elif not isinstance(error, TelegramError):
                self._log().exception("HANDLER_FAILED", method=call.method)
            return Failure(error, call.repeatable, moves_file(call))
        return None

    def _note_message(self, call: Call, result: Any) -> None:
        """Note the message that an answer tells of; if it was sent to the update's chat, with the call as well."""
        message = told_message(result)
        if message is None:
            return
        chat_id, message_id = message
        if is_recognisable(call):
            self._message_ids.note_own(chat_id, message_id)
        else:
            self._message_ids.note(chat_id, message_id)
        if chat_id != self._chat_id:
            return
        if not call.repeatable:
            self._sent_id = message_id
        if (file := told_file(result)) is not None:
            self._sent_file = SentFile(*file)

    def _no_time(self, call: Call) -> Failure:
        return Failure(NotSent(call.method, "no time was left for it", chat_id=self._chat_id), call.repeatable)

    def _has_moved(self, error: BaseException, call: Call) -> bool:
        new = error.migrate_to_chat_id if isinstance(error, Refused) else None
        old = call.params.get("chat_id")
        if new is None or old is None or self._moved is not None:
            return False
        self._moved = old, new
        return True

    def _readdressed(self, call: Call) -> Call:
        if self._moved is None or call.params.get("chat_id") != self._moved[0]:
            return call
        return Call(call.method, {**call.params, "chat_id": self._moved[1]})

    def _time_left(self) -> float:
        return self._deadline - trio.current_time()
