"""What a provider has made is looked at: what it is, how large, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
import trio
import trio.testing

from svc.handler.job import FileKind
from svc.jobs.results import CannotLook, Head, NotThere, open_result_servers, result_file

URL = "https://files.example/out/cat.png?signature=secret"


@pytest.mark.parametrize(
    ("url", "content_type", "kind", "name"),
    [
        ("https://x/a/cat.png", "image/png", "photo", "cat.png"),
        ("https://x/a/cat", "image/jpeg; charset=binary", "photo", "cat.jpg"),
        ("https://x/cat.png?x=1#y", "IMAGE/WEBP", "photo", "cat.webp"),
        ("https://x/clip.mp4", "video/mp4", "video", "clip.mp4"),
        ("https://x/clip.mp4", "binary/octet-stream", "video", "clip.mp4"),
        ("https://x/song.mp3", "", "audio", "song.mp3"),
        ("https://x/song", "audio/mp3", "audio", "song.mp3"),
        ("https://x/voice.wav", "audio/x-wav", "audio", "voice.wav"),
        ("https://x/loop.gif", "image/gif", "document", "loop.gif"),
        ("https://x/thing.glb", "application/octet-stream", "document", "thing.glb"),
        ("https://x/", "image/png", "photo", "result_1.png"),
        ("https://x/%D0%BA%D0%BE%D1%82%20%2F..%2F.png", "image/png", "photo", "png.png"),
        ("https://x/" + "a" * 300 + ".png", "image/png", "photo", "a" * 64 + ".png"),
    ],
)
def test_a_file_is_what_its_server_says_else_what_it_is_called(
    url: str, content_type: str, kind: FileKind, name: str
) -> None:
    """Kind and name follow from the type, and where the server does not know that, from the name."""
    file = result_file(url, Head(content_type, 5))
    assert (file.kind, file.name, file.url, file.size) == (kind, name, url, 5)


async def look(answer: Callable[[httpx.Request], httpx.Response]) -> tuple[Head, list[str]]:
    """What is found at URL, and the methods that were asked with."""
    methods: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        return answer(request)

    async with open_result_servers(lambda: httpx.MockTransport(handle)) as servers:
        return await servers.head(URL), methods


async def test_the_head_is_enough_where_it_is_answered() -> None:
    """Type and size, and nothing is fetched."""
    headers = {"content-type": "image/png", "content-length": "12345"}
    assert await look(lambda _: httpx.Response(200, headers=headers)) == (Head("image/png", 12345), ["HEAD"])


async def test_an_address_that_is_signed_for_get_is_asked_for_one_byte() -> None:
    """Many a server refuses HEAD: the answer to GET tells the same, whole or in part."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(403)
        assert request.headers["range"] == "bytes=0-0"
        return httpx.Response(
            206, headers={"content-type": "video/mp4", "content-range": "bytes 0-0/777"}, content=b"x"
        )

    assert await look(answer) == (Head("video/mp4", 777), ["HEAD", "GET"])


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_file_that_is_gone_is_told_from_a_server_that_fails(status: int) -> None:
    """Another address helps against the one, time against the other."""
    with pytest.raises(NotThere):
        await look(lambda _: httpx.Response(status))
    with pytest.raises(CannotLook):
        await look(lambda _: httpx.Response(503))


async def test_no_error_holds_the_address() -> None:
    """It may be signed; whatever the server and the library do."""

    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"cut while reading {request.url}", request=request)

    with pytest.raises(CannotLook) as caught:
        await look(cut)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    async with open_result_servers(lambda: httpx.MockTransport(cut)) as servers:
        for other in ("file:///etc/passwd", "", "https://[x/", "https://x\x00/"):
            with pytest.raises((NotThere, CannotLook)):
                await servers.head(other)


async def test_a_server_that_hangs_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """A look takes seconds at most, and many at once do not wait for each other for ever."""

    class Hangs(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await trio.sleep_forever()
            raise AssertionError

    async with open_result_servers(Hangs) as servers, trio.open_nursery() as nursery:

        async def hangs() -> None:
            with pytest.raises(CannotLook):
                await servers.head(URL)

        for _ in range(30):
            nursery.start_soon(hangs)
    assert trio.current_time() <= 20
