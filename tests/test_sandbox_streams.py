"""The streams of the control surface: what a page is sent, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import trio
from trio.testing import MockClock

from sandbox.api import HttpResponse, HttpStream
from sandbox.app import Sandbox
from sandbox.control.streams import CALLS_AT_ONCE, KEEP_ALIVE, LOOK_EVERY, MAX_STREAMS
from sandbox.http_server import HttpRequest
from sandbox.telegram import DEMO_TOKEN


async def open_stream(sandbox: Sandbox, target: str) -> AsyncGenerator[bytes, None]:
    """Its parts, after the first, which says how soon to come back."""
    answer = await sandbox.handle(HttpRequest("GET", target, "", b""))
    assert isinstance(answer, HttpStream)
    assert ("Content-Type", "text/event-stream") in answer.headers
    assert (await anext(answer.parts)).startswith(b"retry: ")
    return answer.parts


def read(part: bytes) -> tuple[str, object]:
    """The name and the data of an event."""
    event, data, *rest = part.decode().split("\n")
    assert rest == ["", ""]
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_a_change_is_sent_as_soon_as_it_is_noticed_and_nothing_else(autojump_clock: MockClock) -> None:
    sandbox = Sandbox()
    async with aclosing(await open_stream(sandbox, "/stream/1001")) as parts:
        names = [read(await anext(parts))[0] for _ in range(2)]
        assert names == ["chat", "people"]
        started = trio.current_time()
        sandbox.telegram.user_sends_text(1001, "hi")
        name, chat = read(await anext(parts))
        assert name == "chat"
        assert isinstance(chat, dict)
        assert [message["text"] for message in chat["messages"]] == ["hi"]
        assert trio.current_time() - started <= LOOK_EVERY + 0.001
        assert await anext(parts) == b": keep-alive\n\n"
        assert trio.current_time() - started >= KEEP_ALIVE


async def test_people_are_told_of_what_comes_to_others(autojump_clock: MockClock) -> None:
    sandbox = Sandbox()
    async with aclosing(await open_stream(sandbox, "/stream/1001")) as parts:
        for _ in range(2):
            await anext(parts)
        sandbox.telegram.user_sends_text(1002, "hi")
        sent = sandbox.telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": 1002, "text": "hi"}).body["result"]
        name, people = read(await anext(parts))
        assert name == "people"
        assert isinstance(people, list)
        assert [person["bot_message_ids"] for person in people] == [[], [sent["message_id"]]]


async def test_calls_are_sent_once_each_and_never_too_many_together(autojump_clock: MockClock) -> None:
    sandbox = Sandbox()
    for _ in range(CALLS_AT_ONCE + 5):
        sandbox.telegram.call(DEMO_TOKEN, "getMe", {})
    async with aclosing(await open_stream(sandbox, "/stream/calls")) as parts:
        _, calls = read(await anext(parts))
        assert isinstance(calls, list)
        assert len(calls) == CALLS_AT_ONCE
        sandbox.telegram.call(DEMO_TOKEN, "sendMessage", {"chat_id": 5, "text": "x" * 5000})
        _, calls = read(await anext(parts))
        assert isinstance(calls, list)
        assert [(call["method"], call["chat_id"], call["status"]) for call in calls] == [("sendMessage", "5", 403)]
        assert len(calls[0]["params"]["text"]) < 2100


async def test_there_are_only_so_many_streams(autojump_clock: MockClock) -> None:
    """Who leaves makes room."""
    sandbox = Sandbox()
    streams = [await open_stream(sandbox, "/stream/1001") for _ in range(MAX_STREAMS)]
    answer = await sandbox.handle(HttpRequest("GET", "/stream/1001", "", b""))
    assert isinstance(answer, HttpResponse)
    assert answer.status == 503
    for stream in streams:
        await stream.aclose()
    await (await open_stream(sandbox, "/stream/1001")).aclose()


@pytest.mark.parametrize("target", ["/stream/x", "/stream/"])
async def test_a_stream_of_nobody_is_not_found(target: str) -> None:
    answer = await Sandbox().handle(HttpRequest("GET", target, "", b""))
    assert isinstance(answer, HttpResponse)
    assert answer.status == 404
