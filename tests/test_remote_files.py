"""Files that lie elsewhere: fetched to disk in bounds, and gone with the block."""

from __future__ import annotations

import resource

import httpx
import pytest
import trio
import trio.testing

from svc.delivery.remote_files import (
    FETCH_DEADLINE,
    MOST_REDIRECTS,
    NotFetched,
    RemoteFiles,
    has_remote_file,
    moves_file,
)
from svc.handler.reply import Call, RemoteFile
from telegram_client.uploads import InputFile
from tests.peers import ScriptedServer
from tests.transports import FakeTransport

CONTENT = bytes(range(256)) * 1000


def call_with(url: str, most: int = 2**20) -> Call:
    return Call("sendPhoto", {"chat_id": 7, "photo": RemoteFile(url, "cat.png", most)})


def content_of(call: Call) -> bytes:
    file = call.params["photo"]
    assert isinstance(file, InputFile)
    assert file.name == "cat.png"
    with file.open() as opened:
        return opened.read()


async def fetch(url: str, *answers: bytes, most: int = 2**20) -> bytes:
    """What is fetched from `url` on a server that gives these answers; `{}` in it is the server's address."""
    server = ScriptedServer(*answers)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve)
            failure: NotFetched | None = None
            try:
                async with RemoteFiles().fetched(call_with(url.format(server.url), most), 8.0) as call:
                    assert call.params["chat_id"] == 7
                    content = content_of(call)
                    assert content_of(call) == content, "it can be sent again"
            except NotFetched as error:
                failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return content


def answer(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def to(location: str) -> bytes:
    return answer(b"", "302 Found", f"Location: {location}")


async def test_a_file_is_fetched() -> None:
    """With its size told or not, and over a few redirects."""
    assert await fetch("{}/cat.png?sig=1", answer(CONTENT)) == CONTENT
    assert await fetch("{}/cat.png", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CONTENT) == CONTENT
    assert await fetch("{}/cat.png", *[to("/cat2.png")] * MOST_REDIRECTS, answer(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([answer(b"", "404 Not Found")], "answers 404"),
        ([answer(b"x", length=2**20 + 1)], "it has 1048577 bytes, more than"),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (2**20 + 1)], "more than 1048576 bytes"),
        ([answer(b"", length=0)], "only 0 bytes"),
        ([answer(b"x", length=5)], "RemoteProtocolError"),
        ([b""], "RemoteProtocolError"),
        ([to("/x")] * (MOST_REDIRECTS + 1), "redirected too often"),
        ([to("file:///etc/passwd")], "not http or https"),
        ([to("http://169.254.169.254/latest")], "in a private network"),
        ([answer(b"", "302 Found")], "redirected too often"),
    ],
)
async def test_one_that_cannot_be_had_says_why(answers: list[bytes], words: str) -> None:
    """And not where it is: an address may be a secret of its own."""
    with pytest.raises(NotFetched, match=words) as caught:
        await fetch("{}/cat.png", *answers * 4)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "/etc/passwd", "", "http://", "http://10.0.0.1/x", "http://[::ffff:x/"]
)
async def test_only_web_addresses_are_asked(url: str) -> None:
    """Nothing on this machine's disk, and no number of a private network."""
    with pytest.raises(NotFetched):
        async with RemoteFiles().fetched(call_with(url), 30.0):
            pass


@pytest.mark.parametrize(("within", "takes"), [(1000.0, FETCH_DEADLINE), (7.0, 7.0)])
async def test_a_slow_server_is_not_waited_for(
    autojump_clock: trio.testing.MockClock, within: float, takes: float
) -> None:
    """A minute at most, and never longer than the attempt has."""

    async def silent(_: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    began = trio.current_time()
    with pytest.raises(NotFetched, match="not fetched in time"):
        async with RemoteFiles(lambda _: FakeTransport(silent)).fetched(call_with("https://x.example/y"), within):
            pass
    assert trio.current_time() - began == pytest.approx(takes)


def test_what_has_to_be_fetched_is_known() -> None:
    """An address that Telegram takes, and a file on disk, are ready as they are."""
    assert has_remote_file(Call("sendPhoto", {"chat_id": 7, "photo": RemoteFile("https://x.example/y", "y")}))
    for ready in ("hi", "https://x.example/y.png", InputFile("y.png")):
        assert not has_remote_file(Call("sendPhoto", {"chat_id": 7, "photo": ready}))


@pytest.mark.parametrize(
    ("params", "takes_long"),
    [
        ({"photo": "https://x.example/y.png"}, True),
        ({"photo": RemoteFile("https://x.example/y", "y")}, True),
        ({"photo": "AgACAgIAAxk"}, False),
        ({"media": {"type": "photo", "media": "http://x.example/y"}}, True),
        ({"media": {"type": "photo", "media": "AgACAgIAAxk"}}, False),
        ({"text": "https://x.example/y.png"}, False),
    ],
)
def test_which_calls_take_as_long_as_a_file(params: dict[str, object], takes_long: bool) -> None:
    """Those that upload one, and those for which Telegram fetches one."""
    assert moves_file(Call("sendPhoto", params)) is takes_long


async def test_a_file_that_the_disk_does_not_take_is_not_sent_in_part() -> None:
    """What could be written of it is no file: the call is not made with that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) - 100, hard))
    try:
        with pytest.raises(NotFetched, match="disk"):
            await fetch("{}/cat.png", answer(CONTENT))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
