"""What the client makes of an answer: a result, a refusal, flood control, or doubt."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from telegram_client.answers import LONGEST_RETRY_AFTER, MAX_ANSWER
from telegram_client.client import BotApi
from telegram_client.errors import InDoubt, NotSent, Refused
from tests.faked_client import MESSAGE, TOKEN, FakedClient, outcome, refusal
from tests.transports import Answer, answering


@pytest.mark.parametrize("result", [True, None, 5, "text", [], {"message_id": 1}, {"text": "😀", "x": {"y": [1.5]}}])
async def test_a_result_is_returned(result: Any) -> None:
    """200 and ok: the decoded result, whatever it is."""
    async with FakedClient(answering(200, {"ok": True, "result": result, "description": "Webhook was set"})).api as api:
        assert await api.call("sendMessage", MESSAGE) == result


async def test_a_result_with_half_an_emoji_is_a_result() -> None:
    """A delivered message whose text was cut within an emoji is not in doubt: it would be sent twice."""
    body = rb'{"ok":true,"result":{"message_id":1,"chat":{"first_name":"\ud83d"}}}'
    async with FakedClient(answering(200, body)).api as api:
        assert (await api.call("sendMessage", MESSAGE))["message_id"] == 1


DELIVERED = [
    b'{"ok":true,"result":{"message_id":1},"description":null}',
    b'{"ok":true,"result":{"message_id":1},"description":7}',
    b'{"ok":true,"result":{"message_id":1},"description":{"text":"fine"},"parameters":null,"error_code":null}',
    b'{"ok":true,"result":{"message_id":1},"parameters":"none","warnings":[]}',
    b'{"ok":true,"result":{"message_id":1,"text":"\xff"}}',
    b'\xef\xbb\xbf{"ok":true,"result":{"message_id":1}}',
]


@pytest.mark.parametrize("body", DELIVERED)
async def test_what_was_delivered_stays_delivered(body: bytes) -> None:
    """Fields beside the result that are null or of an odd type leave no doubt: the message would be sent twice."""
    async with FakedClient(answering(200, body)).api as api:
        assert (await api.call("sendMessage", MESSAGE))["message_id"] == 1


@pytest.mark.parametrize("description", [None, 5, ["no"]])
async def test_a_refusal_without_words_is_a_refusal(description: object) -> None:
    """ok is false: it is as certain as one that says why."""
    error = await outcome(answering(403, {"ok": False, "description": description}))
    assert (type(error), error.description) == (Refused, "")


async def test_a_call_is_a_post_of_json() -> None:
    """What goes out: the method in the address, the parameters as JSON, and none without parameters."""
    client = FakedClient(answering(200, {"ok": True, "result": 1}))
    async with client.api as api:
        await api.call("sendMessage", {"chat_id": 5, "text": "Привет 😀"})
        await api.call("getMe")
    sent, asked = client.transports[0].requests
    assert (sent.method, str(sent.url)) == ("POST", f"https://api.example/bot{TOKEN}/sendMessage")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept-encoding"] == "identity"
    assert json.loads(sent.content) == {"chat_id": 5, "text": "Привет 😀"}
    assert (str(asked.url), asked.content) == (f"https://api.example/bot{TOKEN}/getMe", b"{}")


async def test_an_edit_that_changes_nothing_is_done() -> None:
    """ "message is not modified" is success: the message is as it should be."""
    description = (
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
        "same as a current content and reply markup of the message"
    )
    async with FakedClient(refusal(400, description)).api as api:
        assert await api.call("editMessageText", MESSAGE) is True


REFUSALS = [
    (401, "Unauthorized"),
    (404, "Not Found"),
    (404, "Not Found: method not found"),
    (400, "Bad Request: message to edit not found"),
    (400, "Bad Request: message to delete not found"),
    (400, "Bad Request: chat not found"),
    (403, "Forbidden: bot can't initiate conversation with a user"),
    (403, "Forbidden: bot was blocked by the user"),
    (403, "Forbidden: user is deactivated"),
    (403, "Forbidden: bot was kicked from the group chat"),
    (403, "Forbidden: bot was kicked from the supergroup chat"),
    (400, "Bad Request: query is too old and response timeout expired or query ID is invalid"),
    (400, "Bad Request: message text is empty"),
    (400, "Bad Request: message is too long"),
    (400, "Bad Request: BUTTON_DATA_INVALID"),
    (409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first"),
    (409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"),
    (413, "Request Entity Too Large"),
]


@pytest.mark.parametrize(("status", "description"), REFUSALS)
async def test_a_refusal_is_certain(status: int, description: str) -> None:
    """Telegram's own 4xx: nothing was done, with all that it said."""
    error = await outcome(refusal(status, description))
    assert type(error) is Refused
    assert (error.method, error.chat_id, error.status, error.description) == ("sendMessage", 5, status, description)
    assert (error.retry_after, error.migrate_to_chat_id) == (None, None)
    assert str(error) == f"sendMessage chat_id=5: {status} {description}"


async def test_a_group_that_moved_says_where_to() -> None:
    """migrate_to_chat_id is handed on."""
    moved = refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001234567890)
    error = await outcome(moved)
    assert (type(error), error.migrate_to_chat_id) == (Refused, -1001234567890)


FLOODS: list[tuple[Answer, float | None]] = [
    (refusal(429, "Too Many Requests: retry after 7", retry_after=7), 7),
    (refusal(429, "Too Many Requests: retry after 7"), None),
    (answering(429, {"ok": False, "description": "slow down"}, {"Retry-After": "9"}), 9),
    (answering(429, {"ok": False, "parameters": {"retry_after": 7}}, {"Retry-After": "9"}), 7),
    (answering(429, {"ok": False, "parameters": {"retry_after": "soon"}}, {"Retry-After": "9"}), 9),
    (answering(429, {"ok": False, "parameters": {"retry_after": "7"}}), 7),
    (answering(429, {"ok": False, "parameters": {"retry_after": 0.5}}), 0.5),
    (answering(429, {"ok": False, "parameters": {"retry_after": -5}}), None),
    (answering(429, {"ok": False, "parameters": {"retry_after": 0}}), None),
    (answering(429, {"ok": False, "parameters": {"retry_after": [7]}}), None),
    (answering(429, {"ok": False, "parameters": [7]}), None),
    # A malformed answer must not silence a chat for ever.
    (answering(429, {"ok": False, "parameters": {"retry_after": 10**400}}), None),
    (answering(429, b'{"ok":false,"parameters":{"retry_after":Infinity}}'), LONGEST_RETRY_AFTER),
    (answering(429, b'{"ok":false,"parameters":{"retry_after":NaN}}'), None),
    (answering(429, b"", {"Retry-After": "9" * 400}), LONGEST_RETRY_AFTER),
    (answering(429, b"", {"Retry-After": "90000"}), LONGEST_RETRY_AFTER),
    (answering(429, b"<html>slow down</html>", {"Retry-After": "3"}), 3),
    (answering(429, b"<html>slow down</html>", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), None),
    (answering(429, b"", {"Retry-After": "-1"}), None),
    (lambda _: httpx.Response(429, headers=[(b"Retry-After", b"\xb2")]), None),
    (answering(429, b""), None),
]


@pytest.mark.parametrize(("answer", "wait"), FLOODS)
async def test_flood_control_has_sent_nothing(answer: Answer, wait: float | None) -> None:
    """429, Telegram's or a proxy's: not sent, and how long to wait where somebody says so."""
    error = await outcome(answer)
    assert (type(error), error.status, error.retry_after) == (NotSent, 429, wait)
    assert (error.method, error.chat_id) == ("sendMessage", 5)


async def test_a_refusal_with_parameters_that_make_no_sense_is_one() -> None:
    """What Telegram said is certain, whatever else it said."""
    senseless: tuple[Any, ...] = (7, [], {"retry_after": {}}, {"migrate_to_chat_id": "there"})
    for parameters in senseless:
        error = await outcome(answering(403, {"ok": False, "description": "Forbidden", "parameters": parameters}))
        assert (type(error), error.description, error.migrate_to_chat_id) == (Refused, "Forbidden", None)


UNSURE: list[Answer] = [
    refusal(500, "Internal Server Error: restart"),
    refusal(502, "Bad Gateway"),
    answering(502, b"<html><title>502 Bad Gateway</title></html>"),
    answering(503, b""),
    answering(504, {"ok": True, "result": True}),
    answering(200, b""),
    answering(200, b"<html>welcome to our proxy</html>"),
    answering(200, b'{"ok":true,"result":'),
    answering(200, b"\xff\xfe"),
    answering(200, []),
    answering(200, "text"),
    answering(200, None),
    answering(200, {}),
    answering(200, {"result": {"message_id": 1}}),
    answering(200, {"ok": "yes", "result": 1}),
    answering(200, {"ok": False, "description": "no"}),
    answering(200, b"[" * 100_000),
    answering(200, b'{"ok":true,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    answering(204, b""),
    answering(302, b"", {"Location": "https://elsewhere.example/"}),
    answering(400, b"<html>a proxy's own idea</html>"),
    answering(400, {"ok": True, "result": True}),
]


@pytest.mark.parametrize("answer", UNSURE)
async def test_an_answer_that_is_not_telegrams_is_in_doubt(answer: Answer) -> None:
    """5xx, and whatever is not Telegram's JSON: nobody can know whether the call has had its effect."""
    error = await outcome(answer)
    assert type(error) is InDoubt
    assert (error.method, error.chat_id) == ("sendMessage", 5)
    assert error.status is not None


async def test_a_compressed_answer_is_an_answer() -> None:
    """None was asked for, but a proxy may do it all the same; cut off or too large when unpacked, it is in doubt."""
    packed = gzip.compress(b'{"ok":true,"result":{"message_id":1}}')
    async with FakedClient(answering(200, packed)).api as api:
        assert await api.call("sendMessage", MESSAGE) == {"message_id": 1}
    for body in (packed[:-12], packed[:4], gzip.compress(b'{"ok":true,"result":"' + b" " * MAX_ANSWER + b'"}')):
        assert type(await outcome(answering(200, body))) is InDoubt


async def test_an_answer_of_ten_megabytes_is_in_doubt() -> None:
    """Well-formed as it may be."""
    error = await outcome(answering(200, {"ok": True, "result": "x" * 10_000_000}))
    assert (type(error), error.status) == (InDoubt, None)


async def test_a_retry_after_of_a_refusal_is_no_flood() -> None:
    """Only 429 is flood control: a 400 stays refused, whatever its parameters."""
    error = await outcome(refusal(400, "Bad Request", retry_after=3))
    assert (type(error), error.retry_after) == (Refused, None)


async def test_an_answer_too_large_is_in_doubt() -> None:
    """What is larger than any of Telegram's answers is not read to its end."""
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1024 * 1024
                yield bytes(1024 * 1024)

    error = await outcome(lambda _: httpx.Response(200, stream=Endless()))
    assert type(error) is InDoubt
    assert MAX_ANSWER < read <= MAX_ANSWER + 1024 * 1024


async def test_an_answer_cut_off_is_in_doubt() -> None:
    """A connection that ends within the answer."""

    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b'{"ok":true,'
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    error = await outcome(lambda _: httpx.Response(200, stream=Cut()))
    assert (type(error), error.status) == (InDoubt, None)


async def test_only_a_number_is_a_chat() -> None:
    """A channel's name, or no parameters at all, leave chat_id open."""
    for params in ({"chat_id": "@channel"}, {"text": "x"}, {}, None):
        error = await outcome(refusal(400, "Bad Request"), "getChat", params)
        assert error.chat_id is None
        assert str(error) == "getChat: 400 Bad Request"


async def test_what_is_no_json_is_the_callers_mistake() -> None:
    """Parameters that cannot be encoded raise TypeError before anything is opened, and the client works on."""
    client = FakedClient(answering(200, {"ok": True, "result": 1}))
    async with client.api as api:
        with pytest.raises(TypeError) as caught:
            await api.call("sendMessage", {"text": object()})
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert client.transports == []
        assert await api.call("getMe") == 1


def test_the_client_tells_no_token() -> None:
    """Nor does its repr."""
    assert TOKEN not in repr(BotApi(TOKEN))
