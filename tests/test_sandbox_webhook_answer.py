"""A Bot API method in the answer of a webhook is carried out: `WebhookActor::handle` of tdlib/telegram-bot-api."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import deque
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from sandbox.answers import ApiAnswer
from sandbox.app import Sandbox
from sandbox.clock import TrioWallClock
from sandbox.telegram import DEMO_TOKEN
from sandbox.webhook_answer import MAX_ANSWER, PostResult, named_call

USER = 7
JSON = ("Content-Type", "application/json; charset=utf-8")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", 'multipart/form-data; boundary="b"')
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x00\x00\x00\x01" * 2 + b"\x08\x02\x00\x00\x00"
SEND: dict[str, Any] = {"method": "SendMessage", "chat_id": USER, "text": "a & я"}


def as_json(**params: Any) -> PostResult:
    return PostResult(200, [JSON], body=json.dumps(params).encode())


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


class Bot:
    """A bot whose webhook gives these answers in turn, and then empty ones. It has heard from one user."""

    def __init__(self, *answers: PostResult) -> None:
        self._answers = deque(answers)
        self.sandbox = Sandbox(now=TrioWallClock(1_700_000_000))
        self.asked: list[str] = []

    async def post(self, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        self.asked.append(json.loads(body)["message"]["text"])
        await trio.lowlevel.checkpoint()
        return self._answers.popleft() if self._answers else PostResult(200)

    def call(self, method: str, **params: Any) -> ApiAnswer:
        return self.sandbox.telegram.call(DEMO_TOKEN, method, params)

    @property
    def texts(self) -> list[str]:
        """What it has sent."""
        return [message.text for message in self.sandbox.telegram.sent()]


async def hear(nursery: trio.Nursery, *answers: PostResult, texts: str = "a") -> Bot:
    """A bot that has been told these texts, a letter each, and has given these answers."""
    bot = Bot(*answers)
    await nursery.start(bot.sandbox.run_sender, bot.post)
    bot.call("setWebhook", url="http://localhost:9/hook")
    for text in texts:
        bot.sandbox.telegram.user_sends_text(USER, text)
    await trio.sleep(10)
    return bot


FORMS = {
    "json": as_json(**SEND),
    "form": PostResult(201, [FORM], body=b"method=sendMessage&chat_id=7&text=a+%26+%D1%8F"),
    "multipart": PostResult(
        200,
        [MULTIPART],
        body=part("method", b"sendMessage") + part("chat_id", b"7") + part("text", "a & я".encode()) + b"--b--\r\n",
    ),
    "gzip": PostResult(200, [JSON, ("content-encoding", "gzip")], body=gzip.compress(json.dumps(SEND).encode())),
    "deflate": PostResult(200, [JSON, ("Content-Encoding", "deflate")], body=zlib.compress(json.dumps(SEND).encode())),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_method_is_carried_out_however_it_is_written(
    autojump_clock: MockClock, nursery: trio.Nursery, form: str
) -> None:
    bot = await hear(nursery, FORMS[form])
    assert bot.texts == ["a & я"]
    (call,) = bot.sandbox.telegram.call_log.find("sendMessage", status=200)
    assert {name: str(value) for name, value in call.params.items()} == {"chat_id": "7", "text": "a & я"}


async def test_a_file_may_come_in_it(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    file = part("photo", PNG, '; filename="cat.png"\r\nContent-Type: image/png')
    body = part("method", b"sendPhoto") + part("chat_id", b"7") + file + b"--b--\r\n"
    bot = await hear(nursery, PostResult(200, [MULTIPART], body=body))
    assert [message.method for message in bot.sandbox.telegram.sent()] == ["sendPhoto"]


async def test_its_refusal_is_nobodys_business(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """The update counts as taken, whatever becomes of the call, which is in the call log."""
    bot = await hear(nursery, as_json(**SEND | {"chat_id": 8}), as_json(method="makeCoffee"), texts="abc")
    assert bot.asked == ["a", "b", "c"]
    assert bot.texts == []
    assert bot.sandbox.telegram.bot().last_error_message == ""
    calls = [(call.method, call.status) for call in bot.sandbox.telegram.call_log if call.method != "setWebhook"]
    assert calls == [("sendMessage", 403), ("makeCoffee", 404)]


@pytest.mark.parametrize("kind", ["cut_before", "flood"])
async def test_faults_apply_to_it(autojump_clock: MockClock, nursery: trio.Nursery, kind: str) -> None:
    bot = await hear(nursery, PostResult(200), as_json(**SEND), texts="a")
    bot.sandbox.faults.order(kind, method="sendMessage")
    bot.sandbox.telegram.user_sends_text(USER, "b")
    await trio.sleep(10)
    assert bot.texts == []
    assert [call.fault for call in bot.sandbox.telegram.call_log.find("sendMessage")] == [kind]


@pytest.mark.parametrize("method", ["setWebhook", "deleteWebhook", "close", "logOut", "getMe", "getUpdates", ""])
async def test_these_methods_are_never_called_from_there(
    autojump_clock: MockClock, nursery: trio.Nursery, method: str
) -> None:
    bot = await hear(nursery, as_json(method=method, url="http://localhost:9/other"))
    assert [call.method for call in bot.sandbox.telegram.call_log] == ["setWebhook"]
    assert bot.sandbox.telegram.bot().webhook is not None


@pytest.mark.parametrize(
    "answer",
    [
        PostResult(500, [JSON], body=json.dumps(SEND).encode()),
        PostResult(200, [("Content-Type", "text/html")], body=json.dumps(SEND).encode()),
        PostResult(200, [JSON], body=b'{"method": '),
        PostResult(200, [JSON], body=b'["sendMessage"]'),
        PostResult(200, [JSON], body=b""),
        PostResult(200, [], body=b"ok"),
    ],
)
def test_other_answers_name_no_method(answer: PostResult) -> None:
    assert named_call(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        PostResult(200, [("Content-Type", "multipart/form-data")], body=b"x"),
        PostResult(200, [JSON, ("Content-Encoding", "br")], body=b"x"),
        PostResult(200, [JSON, ("Content-Encoding", "gzip")], body=b"no gzip"),
        PostResult(200, [JSON, ("Content-Encoding", "gzip")], body=gzip.compress(b" " * (MAX_ANSWER + 1))),
    ],
)
async def test_an_answer_that_cannot_be_read_is_a_failure(
    autojump_clock: MockClock, nursery: trio.Nursery, answer: PostResult
) -> None:
    """As if the connection had failed: the update comes again."""
    bot = await hear(nursery, answer)
    assert bot.asked == ["a", "a"]
    assert bot.sandbox.telegram.bot().last_error_message


async def test_an_answer_that_gets_lost_calls_nothing(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    bot = await hear(nursery, PostResult(200), as_json(**SEND), as_json(**SEND), texts="a")
    bot.sandbox.sender.lose_answers()
    bot.sandbox.telegram.user_sends_text(USER, "b")
    await trio.sleep(10)
    assert bot.asked == ["a", "b", "b"]
    assert len(bot.texts) == 1


async def test_a_call_that_takes_long_holds_up_no_update(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Nobody waits for it, and it is carried out though the webhook is gone by then."""
    bot = await hear(nursery, PostResult(200), as_json(**SEND), texts="a")
    bot.sandbox.faults.order("slow", method="sendMessage", delay=60)
    for text in "bc":
        bot.sandbox.telegram.user_sends_text(USER, text)
    await trio.sleep(1)
    assert bot.asked == ["a", "b", "c"]
    bot.call("deleteWebhook")
    await trio.sleep(100)
    assert bot.texts == ["a & я"]
