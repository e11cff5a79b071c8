"""The Bot API as a client meets it: one request in, one reply out, with the faults that were ordered.

The socket server and the in-process transport both go through here, so they behave alike.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import unquote

import trio

from sandbox.answers import NOT_FOUND, OTHER_POLLER, ApiAnswer, MethodFailed, Refusal, flood, ok
from sandbox.faults import Fault, FaultKind, Faults
from sandbox.fetching import Fetch, fetched_for
from sandbox.late import LateCalls
from sandbox.params import Params, Upload, read_params
from sandbox.state import BotState
from sandbox.telegram import Telegram
from sandbox.updates import Poll, begin_poll, take_updates

CONFLICT_PAUSE = 3.0
"""Seconds after a 409 to getUpdates within which the next one comes late, and by which."""
HANG = 600.0
"""Seconds after which even a hanging call ends, by a closed connection."""

HTML_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
)


_WITH_EFFECT = {FaultKind.CUT_AFTER, FaultKind.ERROR_AFTER, FaultKind.SLOW, FaultKind.SLOW_AFTER, FaultKind.LATE}


class ConnectionCut(Exception):
    """The client gets no answer: its connection is to be closed."""


@dataclass(frozen=True, slots=True)
class _ApiCall:
    """A call whose request has wholly come, at this Unix time, with the files behind its URLs."""

    token: str
    method: str
    params: Mapping[str, Any]
    arrived_at: float
    fetched: Mapping[str, Upload] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response; `headers` without Content-Length."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes


@dataclass(frozen=True, slots=True)
class HttpStream:
    """An HTTP response that has no end of its own: its parts are sent as they come, until the client leaves."""

    status: int
    headers: list[tuple[str, str]]
    parts: AsyncGenerator[bytes, None]


class Api:
    """`/bot<TOKEN>/<method>` and `/file/bot<TOKEN>/<path>` over a Telegram and its faults."""

    def __init__(self, telegram: Telegram, faults: Faults, late: LateCalls, fetch: Fetch) -> None:
        self._telegram = telegram
        self._faults = faults
        self._late = late
        self._fetch = fetch
        self._polls_waiting = trio.lowlevel.ParkingLot()
        telegram.watch(lambda bot: self._polls_waiting.unpark_all())

    async def handle(self, target: str, content_type: str, body: bytes) -> HttpResponse:
        """Perform one request; `target` is the path with the query. Raises ConnectionCut.

        May wait: for updates (a long poll), for a file behind a URL, or because a fault says so. Who is cancelled while
        a file is fetched has changed nothing.
        """
        path, _, query = target.partition("?")
        if path.startswith("/file/"):
            return self._download(unquote(path))
        token, slash, method = unquote(path).removeprefix("/bot").partition("/")
        if not slash or not path.startswith("/bot") or "/" in method.rstrip("/"):
            return _reply(NOT_FOUND.answer())
        try:
            params = read_params(query, content_type, body)
        except MethodFailed as refused:
            return _reply(refused.refusal.answer())
        return await self._perform(_ApiCall(token, method.rstrip("/"), params, self._telegram.now()))

    async def carry_out_unasked(self, token: str, method: str, params: Mapping[str, Any]) -> None:
        """Perform a method for nobody who waits for the answer: one that a webhook's answer names. Raises nothing."""
        with suppress(ConnectionCut):
            await self._perform(_ApiCall(token, method, params, self._telegram.now()))

    def _download(self, path: str) -> HttpResponse:
        """A file by the path that getFile has told."""
        token, _, file_path = path.removeprefix("/file/bot").partition("/")
        file = self._telegram.files.at_path(file_path) if token in self._telegram.bots else None
        if file is None or not path.startswith("/file/bot"):
            return _reply(NOT_FOUND.answer())
        return HttpResponse(200, [("Content-Type", "application/octet-stream")], file.content)

    async def _perform(self, call: _ApiCall) -> HttpResponse:
        fault = self._faults.take(call.method, call.params) if call.token in self._telegram.bots else None
        if fault is None or fault.kind in _WITH_EFFECT:
            call = replace(call, fetched=await fetched_for(call.method, call.params, self._fetch))
        if fault is None:
            return _reply(await self._call(call))
        if fault.kind in _WITH_EFFECT:
            return await self._perform_badly(call, fault)
        reply = _instead(fault)
        self._record(call, reply.status if reply else 0, fault.kind)
        if reply is None:
            if fault.kind is FaultKind.HANG:
                await trio.sleep(HANG)
            raise ConnectionCut
        return reply

    async def _perform_badly(self, call: _ApiCall, fault: Fault) -> HttpResponse:
        if fault.kind in (FaultKind.SLOW, FaultKind.LATE):
            await self._hold_up(call, fault)
        reply = _reply(await self._call(call, fault.kind))
        if fault.kind is FaultKind.CUT_AFTER:
            raise ConnectionCut
        if fault.kind is FaultKind.ERROR_AFTER:
            return _reply(Refusal(fault.status, fault.description).answer())
        if fault.kind is FaultKind.SLOW_AFTER:
            await trio.sleep(fault.delay)
        return reply

    async def _hold_up(self, call: _ApiCall, fault: Fault) -> None:
        """Wait until it is time to carry out the call; if nobody waits for it any more, that is done all the same."""
        due = trio.current_time() + fault.delay
        carry_out = partial(self._carry_out, call, fault.kind)
        if fault.kind is FaultKind.LATE:
            self._late.put(due, carry_out)
            raise ConnectionCut
        try:
            await trio.sleep_until(due)
        except trio.Cancelled:
            self._late.put(due, carry_out)
            raise

    async def _call(self, call: _ApiCall, fault: str | None = None) -> ApiAnswer:
        bot = self._telegram.bots.get(call.token)
        if call.method.lower() != "getupdates" or bot is None:
            return self._carry_out(call, fault)
        answer = await self._poll(bot, call.params)
        self._record(call, answer.status, fault)
        return answer

    def _carry_out(self, call: _ApiCall, fault: str | None) -> ApiAnswer:
        return self._telegram.call(
            call.token, call.method, call.params, fault=fault, arrived_at=call.arrived_at, fetched=call.fetched
        )

    def _record(self, call: _ApiCall, status: int, fault: str | None) -> None:
        self._telegram.record(call.token, call.method, call.params, status, fault=fault, arrived_at=call.arrived_at)

    async def _poll(self, bot: BotState, params: Mapping[str, Any]) -> ApiAnswer:
        """getUpdates: ends with updates, with its timeout, or with 409 for a webhook or a newer poll that waits."""
        try:
            poll = begin_poll(bot, Params(params), self._telegram.now())
            updates = take_updates(bot, poll, self._telegram.now())
            return ok(updates if updates or not poll.timeout else await self._wait_for_updates(bot, poll))
        except MethodFailed as conflict:
            await self._hold_up_conflict(bot)
            return conflict.refusal.answer()

    async def _wait_for_updates(self, bot: BotState, poll: Poll) -> list[dict[str, Any]]:
        """What comes within the poll's timeout. A poll of this bot that waits already ends; raises MethodFailed."""
        bot.polls += 1
        bot.poll_refusal = OTHER_POLLER
        mine = bot.polls
        self._telegram.notify(bot)
        # What a negative offset says to forget is gone; what comes from now on is wanted.
        poll = replace(poll, offset=max(poll.offset, 0))
        updates: list[dict[str, Any]] = []
        with trio.move_on_after(poll.timeout):
            while not updates:
                await self._polls_waiting.park()
                if bot.polls != mine:
                    assert bot.poll_refusal is not None
                    raise MethodFailed(bot.poll_refusal)
                updates = take_updates(bot, poll, self._telegram.now())
        return updates

    async def _hold_up_conflict(self, bot: BotState) -> None:
        """Answer one 409 at once and the next ones late: two instances of a bot would else drive each other round."""
        if self._telegram.now() < bot.conflicts_from:
            await trio.sleep(CONFLICT_PAUSE)
        else:
            bot.conflicts_from = self._telegram.now() + CONFLICT_PAUSE


def _instead(fault: Fault) -> HttpResponse | None:
    """What is answered in place of the method's own answer; None: nothing."""
    if fault.kind is FaultKind.FLOOD:
        return _reply(flood(fault.retry_after).answer())
    if fault.kind is FaultKind.ERROR:
        return _reply(Refusal(fault.status, fault.description).answer())
    if fault.kind is FaultKind.HTML:
        return HttpResponse(502, [("Content-Type", "text/html")], HTML_PAGE)
    return None


def _reply(answer: ApiAnswer) -> HttpResponse:
    content = json.dumps(answer.body, ensure_ascii=True, separators=(",", ":")).encode()
    return HttpResponse(answer.status, [("Content-Type", "application/json"), *answer.headers], content)
