"""Files that people have sent: two requests, honest errors, and the token in none of them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from telegram_client.client import BotApi
from telegram_client.errors import NotSent, Refused, TelegramError
from telegram_client.files import MOST_BYTES, BotFiles, told_file
from tests.peers import ScriptedServer

TOKEN = "123456:ABC-def_1234567890abcdefghij"
CONTENT = bytes(range(256)) * 500


def answer(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def got(**file: Any) -> bytes:
    """An answer to getFile."""
    result = {"file_id": "f", "file_unique_id": "u", **file}
    return answer(json.dumps({"ok": True, "result": result}).encode())


@asynccontextmanager
async def files_on(*answers: bytes) -> AsyncIterator[tuple[BotFiles, ScriptedServer]]:
    """The files of a bot whose Bot API gives these answers."""
    server = ScriptedServer(*answers)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        async with BotApi(TOKEN, root=server.url) as api:
            yield BotFiles(TOKEN, api, root=server.url), server
        nursery.cancel_scope.cancel()


async def read(files: BotFiles) -> bytes:
    with trio.fail_after(5):
        async with files.open_download("f") as download:
            content = b"".join([chunk async for chunk in download.content])
            assert download.size == len(content)
            return content


async def test_a_file_is_read() -> None:
    """getFile tells the path; the content comes from under the token's own address, with a name and a size."""
    async with files_on(got(file_path="photos/file_7.jpg", file_size=len(CONTENT)), answer(CONTENT)) as (files, server):
        async with files.open_download("f") as download:
            assert (download.name, download.size) == ("file_7.jpg", len(CONTENT))
            assert b"".join([chunk async for chunk in download.content]) == CONTENT
        assert server.requests[0].startswith(f"POST /bot{TOKEN}/getFile ".encode())
        assert server.requests[1].startswith(f"GET /file/bot{TOKEN}/photos/file_7.jpg ".encode())


async def test_whoever_reads_it_may_stop_half_way_or_fail() -> None:
    """What is raised in the block comes out as it is."""
    ways = got(file_path="x", file_size=len(CONTENT)), answer(CONTENT)
    async with files_on(*ways, *ways) as (files, _):
        async with files.open_download("f") as download:
            assert await anext(download.content)
        with pytest.raises(ZeroDivisionError):
            async with files.open_download("f"):
                raise ZeroDivisionError


GONE = answer(b'{"ok":false,"error_code":400,"description":"Bad Request: file is too big"}', "400 Bad Request")


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ([GONE], Refused, "file is too big"),
        ([got()], Refused, "it tells no path"),
        ([got(file_path="/var/lib/file")], Refused, "on its own disk"),
        ([got(file_path="x", file_size=MOST_BYTES + 1)], Refused, "larger than 20 MB"),
        ([got(file_path="x"), answer(b"", length=MOST_BYTES + 1)], Refused, "larger than 20 MB"),
        ([got(file_path="x"), answer(b"gone", "404 Not Found")], Refused, "not given out"),
        ([got(file_path="x"), answer(b"", "502 Bad Gateway")], NotSent, "not given out"),
        ([got(file_path="x"), answer(b"", "429 Too Many Requests")], NotSent, "not given out"),
        ([got(file_path="x"), b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"], NotSent, "does not tell its size"),
        ([got(file_path="x"), answer(b"abc", length=10)], NotSent, "RemoteProtocolError"),
        ([got(file_path="x"), b""], NotSent, "RemoteProtocolError"),
    ],
)
async def test_what_cannot_be_read_is_refused_or_may_be_tried_again(
    answers: list[bytes], kind: type[TelegramError], words: str
) -> None:
    """The error says which, and neither it nor what led to it shows the token."""
    async with files_on(*answers, b"") as (files, _):
        with pytest.raises(kind, match=re.escape(words)) as caught:
            await read(files)
        error: BaseException | None = caught.value
        while error is not None:
            assert TOKEN not in repr(error) + str(error)
            error = error.__cause__ or error.__context__
        assert TOKEN not in repr(files)


SIZES = [{"file_id": "s", "width": 90, "height": 60}, {"file_id": "l", "width": 900, "height": 600}]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"photo": SIZES}, ("photo", "l")),
        ({"photo": SIZES[::-1]}, ("photo", "l")),
        ({"video": {"file_id": "v"}}, ("video", "v")),
        ({"animation": {"file_id": "a"}, "document": {"file_id": "d"}}, ("video", "a")),
        ({"audio": {"file_id": "a"}}, ("audio", "a")),
        ({"voice": {"file_id": "a"}}, ("audio", "a")),
        ({"document": {"file_id": "d"}}, ("document", "d")),
        ({"text": "hi"}, None),
        ({"photo": []}, None),
        ({"photo": ["x"], "video": 5}, None),
        ({"document": {"file_id": 5}}, None),
        (True, None),
    ],
)
def test_a_message_tells_its_file(message: Any, told: tuple[str, str] | None) -> None:
    """Of a photo the largest size; an animation is a video, a voice is audio; other answers tell nothing."""
    assert told_file(message) == told
