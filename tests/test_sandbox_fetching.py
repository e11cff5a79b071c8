"""The files behind URLs: who is asked, when, and what is made of the answers; and downloads over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx
import pytest
import trio

from sandbox.api import HttpResponse
from sandbox.app import Sandbox
from sandbox.fetching import HttpFetcher, fetched_for
from sandbox.files import FileKind
from sandbox.http_server import HttpRequest, serve
from sandbox.params import Upload
from sandbox.samples import png, sample
from sandbox.telegram import DEMO_TOKEN

USER = 7
PICTURE = png(20, 10)
BOT = f"/bot{DEMO_TOKEN}"


def site(request: HttpRequest) -> HttpResponse:
    """A web site on loopback."""
    pages = {
        "/cat%20one.png?x=1": HttpResponse(200, [("Content-Type", "image/png")], PICTURE),
        "/moved": HttpResponse(302, [("Location", "/cat%20one.png?x=1")], b""),
        "/away": HttpResponse(302, [("Location", "http://192.0.2.1/cat.png")], b""),
        "/round": HttpResponse(302, [("Location", "/round")], b""),
        "/large": HttpResponse(200, [("Content-Type", "image/png")], PICTURE + bytes(1_000)),
    }
    return pages.get(request.target, HttpResponse(404, [("Content-Type", "text/html")], b"nothing"))


@pytest.fixture
async def base_url(nursery: trio.Nursery) -> AsyncIterator[str]:
    async def handle(request: HttpRequest) -> HttpResponse:
        return site(request)

    port = await nursery.start(partial(serve, handle, 0))
    yield f"http://127.0.0.1:{port}"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/cat%20one.png?x=1", len(PICTURE)),
        ("/moved", len(PICTURE)),
        ("/away", None),
        ("/round", None),
        ("/large", None),
        ("/gone", None),
    ],
)
async def test_a_file_on_loopback_is_fetched(base_url: str, path: str, size: int | None) -> None:
    """Also behind a redirect, but not on another machine, and not more than it may have."""
    upload = await HttpFetcher()(base_url + path, len(PICTURE) + 999)
    assert (len(upload.content) if upload else None) == size
    if path.startswith("/cat"):
        assert upload == Upload("cat one.png", PICTURE, "image/png")


@pytest.mark.parametrize("url", ["http://192.0.2.1/x.png", "http://example.com/x", "http://[", "file:///etc/passwd"])
async def test_no_other_machine_is_ever_asked(url: str) -> None:
    """192.0.2.1 is nobody's (RFC 5737): asking it would take until the timeout."""
    with trio.fail_after(5):
        assert await HttpFetcher()(url, 1_000) is None


async def test_the_urls_of_a_call_are_found_wherever_they_may_be() -> None:
    asked: list[tuple[str, int]] = []

    async def fetch(url: str, most: int) -> Upload | None:
        await trio.lowlevel.checkpoint()
        asked.append((url.rpartition("/")[2], most // 1024 // 1024))
        return None

    album = [
        {"type": "photo", "media": "http://x/a"},
        {"type": "video", "media": "http://x/b"},
        {"media": "attach://c"},
    ]
    await fetched_for("sendphoto", {"photo": "http://x/p", "video": "http://x/no"}, fetch)
    await fetched_for("sendVideo", {"video": "https://x/v"}, fetch)
    await fetched_for("sendMediaGroup", {"media": album}, fetch)
    await fetched_for("editMessageMedia", {"media": '{"type": "photo", "media": "http://x/e"}'}, fetch)
    await fetched_for("sendMessage", {"text": "http://x/t"}, fetch)
    await fetched_for("sendPhoto", {"photo": "AgACfileid"}, fetch)
    await fetched_for("sendMediaGroup", {"media": "{"}, fetch)
    assert asked == [("p", 5), ("v", 20), ("a", 5), ("b", 20), ("e", 5)]


@pytest.fixture
def sandbox() -> Sandbox:
    async def fetch(url: str, most: int) -> Upload | None:
        await trio.sleep(3)
        return Upload("made.png", PICTURE) if url.endswith("/made.png") else None

    return Sandbox(fetch=fetch)


Client = Callable[[Sandbox], httpx.AsyncClient]


def client(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=sandbox.transport(), base_url="http://sandbox")


async def test_a_call_waits_for_its_file(sandbox: Sandbox, autojump_clock: trio.testing.MockClock) -> None:
    """In process and under the mock clock: fetched by whoever the test says, before the call is carried out."""
    sandbox.telegram.user_sends_text(USER, "/start")
    async with client(sandbox) as http:
        began = trio.current_time()
        for name, status in (("made.png", 200), ("gone.png", 400)):
            answer = await http.post(f"{BOT}/sendPhoto", json={"chat_id": USER, "photo": f"http://x/{name}"})
            assert answer.status_code == status
        assert trio.current_time() - began == pytest.approx(6)
    assert answer.json()["description"] == "Bad Request: failed to get HTTP URL content"


@pytest.mark.parametrize(("kind", "calls"), [("flood", 0), ("cut_before", 0), ("cut_after", 1), ("late", 1)])
async def test_a_fault_with_an_effect_has_its_file(
    sandbox: Sandbox, autojump_clock: trio.testing.MockClock, kind: str, calls: int, nursery: trio.Nursery
) -> None:
    await nursery.start(sandbox.late.run)
    sandbox.telegram.user_sends_text(USER, "/start")
    sandbox.faults.order(kind)
    async with client(sandbox) as http:
        try:
            await http.post(f"{BOT}/sendPhoto", json={"chat_id": USER, "photo": "http://x/made.png"})
        except httpx.RemoteProtocolError:
            await trio.sleep(10)
    assert len(sandbox.telegram.sent(USER)) == calls
    nursery.cancel_scope.cancel()


async def test_a_file_is_uploaded_and_downloaded_over_http(sandbox: Sandbox) -> None:
    """By a form, as the client sends it; the path of getFile leads to the same bytes, with the right token only."""
    sandbox.telegram.user_sends_text(USER, "/start")
    voice = sample(FileKind.VOICE)
    async with client(sandbox) as http:
        answer = await http.post(
            f"{BOT}/sendVoice",
            data={"chat_id": str(USER), "caption": "hi"},
            files={"voice": (voice.name, voice.content, "application/octet-stream")},
        )
        message = answer.json()["result"]
        assert (message["caption"], message["voice"]["mime_type"]) == ("hi", "audio/ogg")
        told = await http.get(f"{BOT}/getFile", params={"file_id": message["voice"]["file_id"]})
        path = told.json()["result"]["file_path"]
        assert (await http.get(f"/file{BOT}/{path}")).content == voice.content
        for wrong in (f"/file{BOT}/nothing", f"/file/bot1:AAAAAAAAAAAA/{path}", f"/file/{path}", "/file/"):
            refused = await http.get(wrong)
            assert (refused.status_code, refused.json()["description"]) == (404, "Not Found")
