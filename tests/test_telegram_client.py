"""The client: what it makes of every answer and every failure, and that no error tells the token."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import httpcore
import httpx
import pytest
import trio
import trio.testing

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN
from svc.settings.environment import SettingsError, load_settings
from telegram_client.answers import LONGEST_RETRY_AFTER, MAX_ANSWER
from telegram_client.client import CONNECT_TIMEOUT, WRITE_TIMEOUT, BotApi
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from telegram_client.proxy import find_proxy

TOKEN = "123456:ABC-def_1234567890abcdefghij"
MESSAGE = {"chat_id": 5, "text": "hi"}
Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Wire(httpx.AsyncBaseTransport):
    """A connection that answers as it is told, and remembers. A `deaf` one takes nothing of the request's body."""

    def __init__(self, answer: Answer, *, deaf: bool = False) -> None:
        self._answer = answer
        self._deaf = deaf
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert not self.closed, "used after it was closed"
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        if not self._deaf:
            await request.aread()
        answer = self._answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


class Line:
    """A client over wires, all of which it has opened are in `wires`."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.wires: list[Wire] = []
        self._answer = answer
        self.api = BotApi(TOKEN, root="https://api.example", open_transport=self._open, **options)

    def _open(self) -> Wire:
        wire = Wire(self._answer)
        self.wires.append(wire)
        return wire


def says(status: int, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer everything with this; bytes as they are, other things as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content, headers=headers)


def refusal(status: int, description: str, **parameters: int) -> Answer:
    """Telegram's own refusal."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return says(status, body | ({"parameters": parameters} if parameters else {}))


def fails(error: type[Exception]) -> Answer:
    """Fail as httpx does: the text and the request hold the address."""

    def answer(request: httpx.Request) -> httpx.Response:
        if issubclass(error, httpx.RequestError):
            raise error(f"cannot reach {request.url}", request=request)
        raise error(f"cannot reach {request.url}")

    return answer


async def outcome(
    answer: Answer, method: str = "sendMessage", params: Mapping[str, Any] | None = MESSAGE
) -> TelegramError:
    """The error that a call ends in."""
    async with Line(answer).api as api:
        with pytest.raises(TelegramError) as caught:
            await api.call(method, params)
    tells_no_token(caught.value)
    return caught.value


def tells_no_token(error: BaseException) -> None:
    """Nothing that a log could make of `error` holds the token."""
    todo: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while todo:
        each = todo.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        for text in (str(each), repr(each), repr(each.args), repr(vars(each)), *map(str, each.args)):
            assert TOKEN not in text
        assert not isinstance(each, httpx.HTTPError)
        todo += [each.__cause__, each.__context__]
    for text in traceback.format_exception(error):
        assert TOKEN not in text


@pytest.mark.parametrize("result", [True, None, 5, "text", [], {"message_id": 1}, {"text": "😀", "x": {"y": [1.5]}}])
async def test_a_result_is_returned(result: Any) -> None:
    """200 and ok: the decoded result, whatever it is."""
    async with Line(says(200, {"ok": True, "result": result, "description": "Webhook was set"})).api as api:
        assert await api.call("sendMessage", MESSAGE) == result


async def test_a_result_with_half_an_emoji_is_a_result() -> None:
    """A delivered message whose text was cut within an emoji is not in doubt: it would be sent twice."""
    body = rb'{"ok":true,"result":{"message_id":1,"chat":{"first_name":"\ud83d"}}}'
    async with Line(says(200, body)).api as api:
        assert (await api.call("sendMessage", MESSAGE))["message_id"] == 1


async def test_a_call_is_a_post_of_json() -> None:
    """What goes out: the method in the address, the parameters as JSON, and none without parameters."""
    line = Line(says(200, {"ok": True, "result": 1}))
    async with line.api as api:
        await api.call("sendMessage", {"chat_id": 5, "text": "Привет 😀"})
        await api.call("getMe")
    sent, asked = line.wires[0].requests
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
    async with Line(refusal(400, description)).api as api:
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
    (says(429, {"ok": False, "description": "slow down"}, {"Retry-After": "9"}), 9),
    (says(429, {"ok": False, "parameters": {"retry_after": 7}}, {"Retry-After": "9"}), 7),
    (says(429, {"ok": False, "parameters": {"retry_after": "soon"}}, {"Retry-After": "9"}), 9),
    (says(429, {"ok": False, "parameters": {"retry_after": "7"}}), 7),
    (says(429, {"ok": False, "parameters": {"retry_after": 0.5}}), 0.5),
    (says(429, {"ok": False, "parameters": {"retry_after": -5}}), None),
    (says(429, {"ok": False, "parameters": {"retry_after": 0}}), None),
    (says(429, {"ok": False, "parameters": {"retry_after": [7]}}), None),
    (says(429, {"ok": False, "parameters": [7]}), None),
    # Nobody is to be silenced for ever by a slip.
    (says(429, {"ok": False, "parameters": {"retry_after": 10**400}}), None),
    (says(429, b'{"ok":false,"parameters":{"retry_after":Infinity}}'), LONGEST_RETRY_AFTER),
    (says(429, b'{"ok":false,"parameters":{"retry_after":NaN}}'), None),
    (says(429, b"", {"Retry-After": "9" * 400}), LONGEST_RETRY_AFTER),
    (says(429, b"", {"Retry-After": "90000"}), LONGEST_RETRY_AFTER),
    (says(429, b"<html>slow down</html>", {"Retry-After": "3"}), 3),
    (says(429, b"<html>slow down</html>", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), None),
    (says(429, b"", {"Retry-After": "-1"}), None),
    (lambda _: httpx.Response(429, headers=[(b"Retry-After", b"\xb2")]), None),
    (says(429, b""), None),
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
        error = await outcome(says(403, {"ok": False, "description": "Forbidden", "parameters": parameters}))
        assert (type(error), error.description, error.migrate_to_chat_id) == (Refused, "Forbidden", None)


UNSURE: list[Answer] = [
    refusal(500, "Internal Server Error: restart"),
    refusal(502, "Bad Gateway"),
    says(502, b"<html><title>502 Bad Gateway</title></html>"),
    says(503, b""),
    says(504, {"ok": True, "result": True}),
    says(200, b""),
    says(200, b"<html>welcome to our proxy</html>"),
    says(200, b'{"ok":true,"result":'),
    says(200, b"\xff\xfe"),
    says(200, []),
    says(200, "text"),
    says(200, None),
    says(200, {}),
    says(200, {"result": {"message_id": 1}}),
    says(200, {"ok": "yes", "result": 1}),
    says(200, {"ok": False, "description": "no"}),
    says(200, b"[" * 100_000),
    says(200, b'{"ok":true,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    says(204, b""),
    says(302, b"", {"Location": "https://elsewhere.example/"}),
    says(400, b"<html>a proxy's own idea</html>"),
    says(400, {"ok": True, "result": True}),
]


@pytest.mark.parametrize("answer", UNSURE)
async def test_what_nobody_can_know_is_in_doubt(answer: Answer) -> None:
    """5xx, and whatever is not Telegram's JSON: the call may have had its effect."""
    error = await outcome(answer)
    assert type(error) is InDoubt
    assert (error.method, error.chat_id) == ("sendMessage", 5)
    assert error.status is not None


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.UnsupportedProtocol, NotSent),
        (httpx.ReadTimeout, InDoubt),
        (httpx.WriteTimeout, InDoubt),
        (httpx.ReadError, InDoubt),
        (httpx.WriteError, InDoubt),
        (httpx.CloseError, InDoubt),
        (httpx.RemoteProtocolError, InDoubt),
        (httpx.LocalProtocolError, InDoubt),
        (httpx.ProxyError, NotSent),
        (httpx.DecodingError, InDoubt),
    ],
)
async def test_a_failed_connection_says_how_sure_it_is(failure: type[Exception], kind: type[TelegramError]) -> None:
    """Before the request can have left: not sent. After that: in doubt. Its wire is closed and not used again."""
    line = Line(fails(failure))
    async with line.api as api:
        for _ in range(2):
            with pytest.raises(TelegramError) as caught:
                await api.call("sendMessage", MESSAGE)
            tells_no_token(caught.value)
            assert type(caught.value) is kind
            assert (caught.value.method, caught.value.chat_id) == ("sendMessage", 5)
            assert (caught.value.status, caught.value.retry_after) == (None, None)
            assert caught.value.description == failure.__name__
    assert [(len(wire.requests), wire.closed) for wire in line.wires] == [(1, True), (1, True)]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError])
async def test_what_fails_before_the_request_was_taken_is_not_sent(failure: type[Exception]) -> None:
    """Whatever the failure's name: as long as nobody has asked for the whole body, nobody can act on it."""
    async with BotApi(TOKEN, open_transport=lambda: Wire(fails(failure), deaf=True)) as api:
        with pytest.raises(NotSent, match=failure.__name__) as caught:
            await api.call("sendMessage", MESSAGE)
    tells_no_token(caught.value)


async def test_who_looks_at_the_body_has_it() -> None:
    """A transport that takes `request.content` rather than the stream may have acted on it too."""

    async def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content) == MESSAGE
        raise httpx.ReadError("gone")

    async with BotApi(TOKEN, open_transport=lambda: Wire(answer, deaf=True)) as api:
        with pytest.raises(InDoubt, match="ReadError"):
            await api.call("sendMessage", MESSAGE)


def on_the_wire(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
REFUSED = on_the_wire(413, b'{"ok":false,"description":"too long"}')
Step = bytes | Exception | None


class Socket(httpcore.AsyncNetworkStream):
    """A socket under httpcore: its writes (the head, then the body) and reads go as told, one step each."""

    def __init__(self, writes: list[Step], reads: list[Step], tls: Step) -> None:
        self._script = writes, reads, tls
        self.timeouts: list[float | None] = []

    def open(self) -> Socket:
        """Begin at the beginning."""
        self._writes, self._reads, self._tls = list(self._script[0]), list(self._script[1]), self._script[2]
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        return await self._step(self._reads)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.timeouts.append(timeout)
        await self._step(self._writes)

    async def start_tls(self, *_: Any, **__: Any) -> Socket:
        await self._step([self._tls])
        return self

    async def _step(self, steps: list[Step]) -> bytes:
        await trio.lowlevel.checkpoint()
        step = steps.pop(0) if steps else None
        if isinstance(step, Exception):
            raise step
        return step or b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    def get_extra_info(self, info: str) -> Any:
        return None


class Net(httpcore.AsyncNetworkBackend):
    """A network whose only socket is given, or that cannot be reached."""

    def __init__(self, connects: Socket | Exception) -> None:
        self._connects = connects

    async def connect_tcp(self, *_: Any, timeout: float | None = None, **__: Any) -> Socket:
        assert timeout == CONNECT_TIMEOUT
        await trio.lowlevel.checkpoint()
        if isinstance(self._connects, Exception):
            raise self._connects
        return self._connects.open()


def over(connects: Socket | Exception) -> BotApi:
    """A client over httpx's own transport and a network of ours."""

    def open_transport() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=False)
        transport._pool = httpcore.AsyncConnectionPool(network_backend=Net(connects))
        return transport

    return BotApi(TOKEN, root="https://api.example", open_transport=open_transport)


def socket(*, writes: list[Step] = [], reads: list[Step] = [], tls: Step = None) -> Socket:  # noqa: B006 (not changed)
    return Socket(writes, reads, tls)


WIRE_FAULTS: list[tuple[Socket | Exception, type[TelegramError], str]] = [
    (httpcore.ConnectError("refused"), NotSent, "ConnectError"),
    (httpcore.ConnectTimeout(), NotSent, "ConnectTimeout"),
    (socket(tls=httpcore.ConnectError("bad certificate")), NotSent, "ConnectError"),
    (socket(tls=httpcore.ConnectTimeout()), NotSent, "ConnectTimeout"),
    # the head
    (socket(writes=[httpcore.WriteError()], reads=[httpcore.ReadError()]), NotSent, "ReadError"),
    (socket(writes=[httpcore.WriteError()]), NotSent, "RemoteProtocolError"),
    (socket(writes=[httpcore.WriteTimeout()]), NotSent, "WriteTimeout"),
    # the body
    (socket(writes=[None, httpcore.WriteError()], reads=[httpcore.ReadError()]), NotSent, "ReadError"),
    (socket(writes=[None, httpcore.WriteError()]), NotSent, "RemoteProtocolError"),
    (socket(writes=[None, httpcore.WriteTimeout()]), NotSent, "WriteTimeout"),
    (socket(writes=[None, httpcore.WriteError()], reads=[REFUSED]), Refused, "too long"),
    # an answer before all of the request has left: nobody has acted on a part
    (socket(writes=[None, httpcore.WriteError()], reads=[on_the_wire(413, b"<html>")]), Refused, "413"),
    (socket(writes=[None, httpcore.WriteError()], reads=[on_the_wire(502, b"<html>")]), NotSent, "502"),
    (socket(writes=[None, httpcore.WriteError()], reads=[on_the_wire(408, b"<html>")]), NotSent, "408"),
    (socket(writes=[None, httpcore.WriteError()], reads=[on_the_wire(500, b'{"ok":false}')]), NotSent, "500"),
    # the answer
    (socket(reads=[httpcore.ReadError()]), InDoubt, "ReadError"),
    (socket(reads=[httpcore.ReadTimeout()]), InDoubt, "ReadTimeout"),
    (socket(reads=[b""]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[b"SSH-2.0-OpenSSH_9.6\r\n"]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[b"HTTP/1.1 200 OK\r\nCont"]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[HEAD + b'{"ok":true,', b""]), InDoubt, "RemoteProtocolError"),
    (socket(reads=[HEAD + b'{"ok":true,', httpcore.ReadError()]), InDoubt, "ReadError"),
]


@pytest.mark.parametrize(("connects", "kind", "description"), WIRE_FAULTS)
async def test_a_fault_of_the_wire_is_told_by_how_far_the_request_got(
    connects: Socket | Exception, kind: type[TelegramError], description: str
) -> None:
    """Under httpx's own transport: until the body's last write has returned it is not sent, after that in doubt."""
    async with over(connects) as api:
        with pytest.raises(TelegramError, match=description) as caught:
            await api.call("sendMessage", MESSAGE)
    assert type(caught.value) is kind
    tells_no_token(caught.value)


async def test_every_wait_has_its_time() -> None:
    """A piece of the request is taken within ten seconds; the answer has as long as the call, a minute for a poll."""
    wire = socket(reads=[on_the_wire(200, b'{"ok":true,"result":1}')])
    async with over(wire) as api:
        assert await api.call("getUpdates", timeout=60) == 1
    assert wire.timeouts[-1] == 60
    assert set(wire.timeouts[:-1]) == {WRITE_TIMEOUT}


async def test_what_comes_behind_a_broken_answer_is_not_the_next_calls() -> None:
    """An answer that was cut by its own Content-Length is in doubt; the rest of it is thrown away with its wire."""
    broken = on_the_wire(200, b'{"ok":true,"res')
    behind = on_the_wire(403, b'{"ok":false,"description":"stale"}')
    right = on_the_wire(200, b'{"ok":true,"result":1}')
    sockets = iter([socket(reads=[broken + behind]), socket(reads=[right])])

    def open_transport() -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=False)
        transport._pool = httpcore.AsyncConnectionPool(network_backend=Net(next(sockets)))
        return transport

    async with BotApi(TOKEN, root="https://api.example", open_transport=open_transport) as api:
        with pytest.raises(InDoubt, match="not JSON"):
            await api.call("sendMessage", MESSAGE)
        assert await api.call("sendMessage", MESSAGE) == 1


async def test_a_compressed_answer_is_an_answer() -> None:
    """None was asked for, but a proxy may do it all the same; cut off or too large when unpacked, it is in doubt."""
    packed = gzip.compress(b'{"ok":true,"result":{"message_id":1}}')
    async with Line(says(200, packed)).api as api:
        assert await api.call("sendMessage", MESSAGE) == {"message_id": 1}
    for body in (packed[:-12], packed[:4], gzip.compress(b'{"ok":true,"result":"' + b" " * MAX_ANSWER + b'"}')):
        assert type(await outcome(says(200, body))) is InDoubt


async def test_an_answer_of_ten_megabytes_is_in_doubt() -> None:
    """Well-formed as it may be."""
    error = await outcome(says(200, {"ok": True, "result": "x" * 10_000_000}))
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
    line = Line(says(200, {"ok": True, "result": 1}))
    async with line.api as api:
        with pytest.raises(TypeError) as caught:
            await api.call("sendMessage", {"text": object()})
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert line.wires == []
        assert await api.call("getMe") == 1


def test_the_client_tells_no_token() -> None:
    """Nor does its repr."""
    assert TOKEN not in repr(BotApi(TOKEN))


# Deadlines


async def slow(_request: httpx.Request, seconds: float) -> httpx.Response:
    await trio.sleep(seconds)
    return httpx.Response(200, content=b'{"ok":true,"result":1}')


async def test_a_call_has_a_total_deadline(autojump_clock: trio.testing.MockClock) -> None:
    """10 s in all, then in doubt, though the transport knows no timeouts."""
    line = Line(lambda request: slow(request, 3600))
    async with line.api as api:
        with pytest.raises(InDoubt, match="no answer in time") as caught:
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)
    assert caught.value.chat_id == 5
    tells_no_token(caught.value)
    assert line.wires[0].closed


async def test_a_call_may_have_a_deadline_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    """`timeout` replaces it for one call: a long poll waits longer."""
    async with Line(lambda request: slow(request, 50)).api as api:
        assert await api.call("getUpdates", timeout=60) == 1
        with pytest.raises(InDoubt):
            await api.call("getMe", timeout=2)
    assert trio.current_time() == pytest.approx(52.0)


async def test_a_deadline_while_connecting_is_not_sent(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing was taken of the request when the time was over."""
    async with BotApi(TOKEN, open_transport=lambda: Wire(lambda request: slow(request, 3600), deaf=True)) as api:
        with pytest.raises(NotSent, match="no answer in time"):
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)


async def test_an_answer_that_drips_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    """The deadline is for the whole answer, not for each piece of it."""

    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.sleep(1)
                yield b" "

    async with Line(lambda _: httpx.Response(200, stream=Drip())).api as api:
        with pytest.raises(InDoubt):
            await api.call("sendMessage", MESSAGE)
    assert trio.current_time() == pytest.approx(10.0)


async def test_who_waited_in_vain_for_a_connection_has_sent_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """The deadline includes the wait for one's turn: over, the call is certainly not sent."""
    line = Line(lambda request: slow(request, 8), connections=1)
    async with line.api as api, trio.open_nursery() as nursery:
        nursery.start_soon(partial(api.call, timeout=100), "first")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotSent, match="no answer in time"):
            await api.call("second", MESSAGE, timeout=5)
    assert len(line.wires) == 1
    assert [request.url.path.rpartition("/")[2] for request in line.wires[0].requests] == ["first"]


# Connections


async def test_connections_are_bounded(autojump_clock: trio.testing.MockClock) -> None:
    """More callers than connections wait their turn; all are served."""
    at_once = most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await slow(request, 1)
        finally:
            at_once -= 1

    line = Line(answer, connections=4)
    async with line.api as api, trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(api.call, "getMe")
    assert (most, len(line.wires)) == (4, 4)
    assert trio.current_time() == pytest.approx(3.0)
    assert all(wire.closed for wire in line.wires)


async def test_one_after_the_other_use_one_connection() -> None:
    """A connection is used again, also after a refusal; the end of the client closes it."""
    answers = [refusal(403, "Forbidden"), refusal(500, "oops"), says(200, {"ok": True, "result": 1})]

    def answer(request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        return answers.pop(0)(request)

    line = Line(answer)
    async with line.api as api:
        for kind in (Refused, InDoubt):
            with pytest.raises(kind):
                await api.call("sendMessage", MESSAGE)
        assert await api.call("sendMessage", MESSAGE) == 1
        assert not line.wires[0].closed
    assert [(len(wire.requests), wire.closed) for wire in line.wires] == [(3, True)]


async def test_a_cancelled_calls_connection_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled half-way, nobody knows what a connection will say next: it is closed and not used again."""
    line = Line(lambda request: slow(request, 5))
    async with line.api as api:
        with trio.move_on_after(1) as scope:
            await api.call("sendMessage", MESSAGE)
        assert scope.cancelled_caught
        assert [wire.closed for wire in line.wires] == [True]
        assert await api.call("sendMessage", MESSAGE) == 1
    assert [len(wire.requests) for wire in line.wires] == [1, 1]


async def test_many_cancelled_calls_leave_the_client_usable(autojump_clock: trio.testing.MockClock) -> None:
    """No turn and no connection is lost to cancelled calls, those that waited for one included."""
    line = Line(lambda request: slow(request, 5), connections=2)
    async with line.api as api:
        for _ in range(5):
            with trio.move_on_after(1):
                async with trio.open_nursery() as nursery:
                    for _ in range(6):
                        nursery.start_soon(api.call, "sendMessage", MESSAGE)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(api.call, "sendMessage", MESSAGE)
    assert all(wire.closed for wire in line.wires)
    assert trio.current_time() == pytest.approx(10.0)


async def test_a_connection_that_cannot_be_closed_holds_nobody_up(autojump_clock: trio.testing.MockClock) -> None:
    """Closing is given a second."""

    class Stuck(Wire):
        async def aclose(self) -> None:
            await trio.sleep_forever()

    api = BotApi(TOKEN, open_transport=lambda: Stuck(says(200, {"ok": True, "result": 1})))
    async with api:
        assert await api.call("getMe") == 1
    assert trio.current_time() == pytest.approx(1.0)


# The sandbox, in this process and over a socket


async def test_the_sandbox_and_the_client_understand_each_other() -> None:
    """A call through the sandbox's transport takes effect there and returns its result."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    async with BotApi(DEMO_TOKEN, open_transport=sandbox.transport) as api:
        sent = await api.call("sendMessage", MESSAGE)
        with pytest.raises(Refused, match="can't initiate conversation"):
            await api.call("sendMessage", {"chat_id": 6, "text": "hi"})
        with pytest.raises(Refused, match="message is too long"):
            await api.call("sendMessage", {"chat_id": 5, "text": "x" * 4097})
        edit = {"chat_id": 5, "message_id": sent["message_id"], "text": "hi"}
        assert await api.call("editMessageText", edit) is True
    assert [message["text"] for message in sandbox.telegram.messages(5)] == ["/start", "hi"]


@pytest.mark.parametrize(
    ("fault", "kind", "arrives"),
    [
        ("flood", NotSent, False),
        ("error", InDoubt, False),
        ("html", InDoubt, False),
        ("cut_before", InDoubt, False),
        ("cut_after", InDoubt, True),
        ("slow_after", InDoubt, True),
        ("hang", InDoubt, False),
    ],
)
async def test_every_fault_of_the_sandbox_is_told(
    autojump_clock: trio.testing.MockClock, fault: str, kind: type[TelegramError], arrives: bool
) -> None:
    """Whether or not the message arrived, the client says no more than it can know; the next call works."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    sandbox.faults.order(fault, delay=60.0, retry_after=7)
    async with BotApi(DEMO_TOKEN, open_transport=sandbox.transport) as api:
        with pytest.raises(TelegramError) as caught:
            await api.call("sendMessage", MESSAGE)
        assert type(caught.value) is kind
        assert caught.value.retry_after == (7 if fault == "flood" else None)
        assert len(sandbox.telegram.messages(5)) == (2 if arrives else 1)
        await api.call("sendMessage", MESSAGE)


class Relay:
    """Counts the connections to a server on this machine, and hands everything on."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.accepted = 0
        self.port = 0

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1"))
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    async def _connection(self, client: trio.SocketStream) -> None:
        self.accepted += 1
        async with await trio.open_tcp_stream("127.0.0.1", self._target) as server, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, client, server, nursery.cancel_scope)
            nursery.start_soon(self._pump, server, client, nursery.cancel_scope)

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in source:
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


async def test_calls_over_a_socket_share_a_connection(nursery: trio.Nursery) -> None:
    """Twenty calls one after the other open one connection; four at once, four, which are used again."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    url = await nursery.start(sandbox.run)
    relay = Relay(int(url.rpartition(":")[2]))
    await nursery.start(relay.serve)
    with trio.fail_after(20):
        async with BotApi(DEMO_TOKEN, root=f"http://127.0.0.1:{relay.port}", connections=4) as api:
            for _ in range(20):
                await api.call("sendMessage", MESSAGE)
            assert relay.accepted == 1
            for _ in range(3):
                async with trio.open_nursery() as calls:
                    for _ in range(4):
                        calls.start_soon(api.call, "sendMessage", MESSAGE)
            assert relay.accepted == 4
    assert len(sandbox.telegram.messages(5)) == 1 + 20 + 12
    nursery.cancel_scope.cancel()


async def test_a_call_cancelled_on_a_socket_leaves_the_client_usable(nursery: trio.Nursery) -> None:
    """httpx's own pool wedges under cancellation; here the connection goes and the next call opens another."""
    sandbox = Sandbox()
    sandbox.faults.order("hang", count=3)
    url = await nursery.start(sandbox.run)
    with trio.fail_after(20):
        async with BotApi(DEMO_TOKEN, root=url, connections=1) as api:
            for _ in range(3):
                with trio.move_on_after(0.05) as scope:
                    await api.call("getMe")
                assert scope.cancelled_caught
            assert (await api.call("getMe"))["is_bot"] is True
    nursery.cancel_scope.cancel()


async def test_nobody_listening_is_not_sent() -> None:
    """A refused connection, for real."""
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with BotApi(TOKEN, root=root) as api:
            with trio.fail_after(20), pytest.raises(NotSent, match="ConnectError") as caught:
                await api.call("sendMessage", MESSAGE)
    tells_no_token(caught.value)


async def test_a_server_that_hangs_up_is_in_doubt(nursery: trio.Nursery) -> None:
    """A connection closed once the request was read, for real."""

    async def hang_up(stream: trio.SocketStream) -> None:
        async with stream:
            received = b""
            while not received.endswith(b"}"):
                received += await stream.receive_some(65536)

    listeners = await nursery.start(partial(trio.serve_tcp, hang_up, 0, host="127.0.0.1"))
    root = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with BotApi(TOKEN, root=root) as api:
        with trio.fail_after(20), pytest.raises(InDoubt) as caught:
            await api.call("sendMessage", MESSAGE)
    tells_no_token(caught.value)
    nursery.cancel_scope.cancel()


async def test_a_server_without_tls_is_not_sent(nursery: trio.Nursery) -> None:
    """A handshake that fails, for real: nothing of the request has left."""
    sandbox = Sandbox()
    url = await nursery.start(sandbox.run)
    async with BotApi(TOKEN, root=url.replace("http://", "https://")) as api:
        with trio.fail_after(20), pytest.raises(NotSent, match="ConnectError") as caught:
            await api.call("sendMessage", MESSAGE)
    tells_no_token(caught.value)
    nursery.cancel_scope.cancel()


# Proxies

PASSWORD = "proxy-pass-word"
PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the proxies of the environment; it has none at first."""
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def set_proxies(**proxies: str) -> None:
        for name, value in proxies.items():
            monkeypatch.setenv(name.upper(), value)

    return set_proxies


class Proxy:
    """A proxy that answers every request itself, with what it is told, and remembers the heads."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.address = ""

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1"))
            self.address = f"user:{PASSWORD}@127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            received = b""
            while b"\r\n\r\n" not in received:
                received += await stream.receive_some(65536)
            self.heads.append(received.partition(b"\r\n\r\n")[0])
            await stream.send_all(self._answer)


ANSWER = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 22\r\n\r\n{"ok":true,"result":1}'


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
async def test_a_proxy_of_the_environment_is_used(
    nursery: trio.Nursery, environ: Callable[..., None], name: str
) -> None:
    """The call goes through it, with its credentials; an address without a scheme is http's."""
    proxy = Proxy(ANSWER)
    await nursery.start(proxy.serve)
    environ(**{name: proxy.address if name == "http_proxy" else f"http://{proxy.address}"})
    async with BotApi(TOKEN, root="http://api.example") as api:
        with trio.fail_after(20):
            assert await api.call("sendMessage", MESSAGE) == 1
    head = proxy.heads[0]
    assert head.startswith(f"POST http://api.example/bot{TOKEN}/sendMessage HTTP/1.1".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(f"user:{PASSWORD}".encode()) in head
    assert b"Host: api.example\r\n" in head
    nursery.cancel_scope.cancel()


async def test_a_proxy_that_refuses_the_tunnel_is_not_sent(nursery: trio.Nursery, environ: Callable[..., None]) -> None:
    """It sees the host's name only, and the call has not begun."""
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    await nursery.start(proxy.serve)
    environ(https_proxy=f"http://{proxy.address}", http_proxy="http://unused.example")
    async with BotApi(TOKEN) as api:
        with trio.fail_after(20), pytest.raises(NotSent, match="ProxyError") as caught:
            await api.call("sendMessage", MESSAGE)
    assert proxy.heads[0].startswith(b"CONNECT api.telegram.org:443 HTTP/1.1")
    assert TOKEN.encode() not in proxy.heads[0]
    tells_no_token(caught.value)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("root", "no_proxy", "proxied"),
    [
        ("https://api.telegram.org", "", True),
        ("https://api.telegram.org", "telegram.org", False),
        ("https://api.telegram.org", "*", False),
        ("https://api.telegram.org", "example.org", True),
        ("http://127.0.0.1:8081", "", False),
        ("http://localhost:8081", "", False),
        ("http://[::1]:8081", "", False),
        ("http://10.0.0.5:8081", "", True),
    ],
)
def test_no_proxy_and_this_machine_are_reached_directly(
    environ: Callable[..., None], root: str, no_proxy: str, proxied: bool
) -> None:
    """NO_PROXY counts, and a server on this machine is never asked for elsewhere."""
    environ(all_proxy="http://proxy.example:3128", no_proxy=no_proxy)
    assert (find_proxy(root) is not None) is proxied


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (f"ftp://user:{PASSWORD}@proxy.example", "proxy is not"),
        (f"http://user:{PASSWORD}@proxy.example:port", "proxy is not"),
        (f"socks5://user:{PASSWORD}@proxy.example", "one more package"),
        ("http://", "proxy is not"),
        ("http://:3128", "proxy is not"),
        ("http://a b", "proxy is not"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_at_the_start(
    environ: Callable[..., None], monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    """In a sentence that does not show it, by the client and with the settings."""
    environ(all_proxy=address)
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ValueError, match=why) as caught:
        BotApi(TOKEN)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SettingsError, match=why) as faults:
        load_settings({"BOT_TOKEN": TOKEN}, dotenv=None, required=("BOT_TOKEN",))
    assert len(faults.value.faults) == 1
    assert PASSWORD not in str(faults.value)


def test_a_proxys_password_is_in_no_repr(environ: Callable[..., None]) -> None:
    """Not the client's, nor that of the proxy it holds."""
    environ(all_proxy=f"http://user:{PASSWORD}@proxy.example")
    assert PASSWORD not in repr(BotApi(TOKEN))
    assert PASSWORD not in repr(find_proxy("https://api.telegram.org"))
