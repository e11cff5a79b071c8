"""Uploads: a form as Telegram wants it, of a known size, read from disk while it is sent."""

from __future__ import annotations

import gc
import io
import os
import tempfile
import tracemalloc
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import h11
import pytest
import trio

from telegram_client.client import BotApi
from telegram_client.errors import NotSent, Refused
from telegram_client.uploads import CHUNK, Form, InputFile
from tests.peers import Peer

TOKEN = "123456:ABC-def_1234567890abcdefghij"
ANSWER = b'{"ok":true,"result":{"message_id":1}}'
NO = b'{"ok":false,"description":"Bad Request"}'
KEPT = 4 * 1024 * 1024
LARGE = 50 * 1024 * 1024
PHOTO = b"\r\n--x--\r\n\x00\xff" * 10_000


class UploadServer(Peer):
    """An HTTP server that counts each request's body and keeps its beginning."""

    def __init__(self, status: int = 200, *, cut_after: int | None = None, stall: bool = False) -> None:
        super().__init__(self._receive)
        self._status = status
        self._cut_after = cut_after
        self._stall = stall
        self.stalled = trio.Event()
        self.go_on = trio.Event()
        self.headers: dict[str, str] = {}
        self.target = ""
        self.body = bytearray()
        self.size = 0
        self.whole = 0

    async def _receive(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER)
        while (event := await self._event(http, stream)) is not None:
            if isinstance(event, h11.Request):
                self.headers = {name.decode(): value.decode() for name, value in event.headers}
                self.target = event.target.decode()
                self.size = 0
                self.body.clear()
            elif isinstance(event, h11.Data):
                self.size += len(event.data)
                if len(self.body) < KEPT:
                    self.body += event.data
                if self._stall:
                    self.stalled.set()
                    await self.go_on.wait()
                if self._cut_after is not None and self.size > self._cut_after:
                    return
            else:
                self.whole += 1
                answer = ANSWER if self._status == 200 else NO
                head = h11.Response(status_code=self._status, headers=[("Content-Length", str(len(answer)))])
                out = [http.send(each) or b"" for each in (head, h11.Data(data=answer), h11.EndOfMessage())]
                await stream.send_all(b"".join(out))
                http.start_next_cycle()

    async def _event(self, http: h11.Connection, stream: trio.SocketStream) -> Any:
        """The next event; None when the client has gone."""
        while (event := http.next_event()) is h11.NEED_DATA:
            try:
                http.receive_data(await stream.receive_some(CHUNK))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            except h11.RemoteProtocolError:
                return None
        return None if isinstance(event, h11.ConnectionClosed) else event

    def parts(self) -> list[tuple[dict[str, str], str, bytes]]:
        """The form's parts: the parameters of Content-Disposition, the Content-Type, the content."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser().parsebytes(head + bytes(self.body))
        found = []
        for part in message.get_payload():
            assert not isinstance(part, str)
            about = {name: str(part.get_param(name, header="content-disposition")) for name in ("name", "filename")}
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((about, str(part.get_content_type()), content))
        return found


@pytest.fixture
async def server(nursery: trio.Nursery) -> UploadServer:
    """A server that takes everything."""
    server = UploadServer()
    await nursery.start(server.serve)
    return server


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of 50 MB, which takes no room on the disk."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small file, with everything in it that could be mistaken for a form's syntax."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    return path


def open_files(path: Path) -> list[object]:
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, io.FileIO) and str(each.name) == str(path) and not each.closed
    ]


async def upload(root: str, params: dict[str, Any]) -> Any:
    with trio.fail_after(30):
        async with BotApi(TOKEN, root=root) as api:
            return await api.call("sendPhoto", params, timeout=20)


async def test_a_file_is_sent_as_a_form(server: UploadServer, photo: Path) -> None:
    """The file as it is on disk; texts bare, everything else as JSON; what is None is left out."""
    params: dict[str, Any] = {
        "chat_id": -5,
        "photo": InputFile(photo),
        "caption": 'Привет "you"\r\n--x',
        "has_spoiler": True,
        "protect_content": False,
        "reply_markup": {"inline_keyboard": [[{"text": "ё", "url": "https://a.example"}]]},
        "caption_entities": [],
        "parse_mode": None,
    }
    assert await upload(server.url, params) == {"message_id": 1}
    parts = server.parts()
    texts = {about["name"]: content.decode() for about, _, content in parts if about["filename"] == "None"}
    assert texts == {
        "chat_id": "-5",
        "caption": 'Привет "you"\r\n--x',
        "has_spoiler": "true",
        "protect_content": "false",
        "reply_markup": '{"inline_keyboard":[[{"text":"ё","url":"https://a.example"}]]}',
        "caption_entities": "[]",
    }
    files = [part for part in parts if part[0]["filename"] != "None"]
    assert files == [({"name": "photo", "filename": "photo.jpg"}, "application/octet-stream", PHOTO)]


async def test_the_size_is_told_before(server: UploadServer, photo: Path) -> None:
    """Content-Length, exactly, and no chunks; the address and the host as with any call."""
    await upload(server.url, {"chat_id": 5, "photo": InputFile(photo)})
    assert int(server.headers["content-length"]) == server.size
    assert "transfer-encoding" not in server.headers
    assert server.target == f"/bot{TOKEN}/sendPhoto"
    assert server.headers["host"] == server.url.removeprefix("http://")


async def test_a_large_file_is_streamed(server: UploadServer, large: Path) -> None:
    """50 MB leave with only a few chunks in memory at any time."""
    size = LARGE
    async with BotApi(TOKEN, root=server.url) as api:
        await api.call("getMe")
        tracemalloc.start()
        try:
            with trio.fail_after(60):
                await api.call("sendDocument", {"chat_id": 5, "document": InputFile(large)}, timeout=60)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.size > size
    assert int(server.headers["content-length"]) == server.size
    # What the server here keeps counts too.
    assert peak < KEPT + 3 * 1024 * 1024


async def test_an_album_names_its_files(server: UploadServer, tmp_path: Path) -> None:
    """Files are parameters of their own, which the media refer to."""
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg")]
    for path in paths:
        path.write_bytes(path.name.encode())
    media = [{"type": "photo", "media": f"attach://file{number}"} for number in (0, 1)]
    files = {f"file{number}": InputFile(path) for number, path in enumerate(paths)}
    await upload(server.url, {"chat_id": 5, "media": media, **files})
    found = {str(about["name"]): content for about, _, content in server.parts()}
    assert (found["file0"], found["file1"]) == (b"a.jpg", b"b.jpg")
    assert found["media"].startswith(b'[{"type":"photo","media":"attach://file0"}')


async def test_a_files_name_cannot_break_out_of_its_header(server: UploadServer, photo: Path) -> None:
    """Quotes and line ends are escaped as browsers do it; the name may be another than the path's."""
    await upload(server.url, {"photo": InputFile(photo, name='а"\r\nX: y\r\n\r\n.jpg')})
    head = bytes(server.body[:300])
    assert 'filename="а%22%0D%0AX: y%0D%0A%0D%0A.jpg"\r\n'.encode() in head


async def test_a_name_that_is_no_text_is_sent_as_far_as_it_is(server: UploadServer, tmp_path: Path) -> None:
    """A file system holds names of any bytes; the upload does not fail for that."""
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(b"x")
    await upload(server.url, {"photo": InputFile(path)})
    assert b'filename="caf?.jpg"' in server.body


async def test_an_empty_file_is_a_file(server: UploadServer, tmp_path: Path) -> None:
    """Telegram refuses it; the form is right all the same, and the connection is used again."""
    path = tmp_path / "empty"
    path.touch()
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            await api.call("sendDocument", {"document": InputFile(path)})
            assert [content for _, _, content in server.parts()] == [b""]
    assert (server.whole, server.connections) == (2, 1)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
async def test_what_is_no_file_is_not_sent(server: UploadServer, tmp_path: Path, kind: str) -> None:
    """Said before a connection is opened, with the path, and no wait for a named pipe's other end."""
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(NotSent, match=kind) as caught:
        await upload(server.url, {"chat_id": 5, "photo": InputFile(path)})
    assert caught.value.chat_id == 5
    assert server.connections == 0


async def test_parameters_that_are_no_json_close_the_file_again(server: UploadServer, photo: Path) -> None:
    """TypeError, as without a file; the file that was open already is closed."""
    with pytest.raises(TypeError):
        await upload(server.url, {"photo": InputFile(photo), "text": object()})
    assert server.connections == 0
    assert open_files(photo) == []


async def test_a_file_that_shrinks_while_it_is_sent_is_not_sent(nursery: trio.Nursery, large: Path) -> None:
    """The size that was told cannot be kept any more: the connection is given up, and the server has a part at most."""
    server = UploadServer(stall=True)
    await nursery.start(server.serve)

    async def shrink() -> None:
        await server.stalled.wait()
        os.truncate(large, 10)
        server.go_on.set()

    nursery.start_soon(shrink)
    with pytest.raises(NotSent, match="shorter") as caught:
        await upload(server.url, {"chat_id": 5, "photo": InputFile(large)})
    assert caught.value.chat_id == 5
    assert server.whole == 0
    assert open_files(large) == []


async def test_a_file_that_grows_is_sent_as_it_was(server: UploadServer, photo: Path) -> None:
    """What is appended meanwhile is not part of what was announced."""
    form = await Form.open({"photo": InputFile(photo)})
    with photo.open("ab") as file:
        file.write(b"more")
    written: list[bool] = []
    form.written = lambda: written.append(True)
    size = sum([len(chunk) async for chunk in form])
    form.close()
    assert (size, written) == (form.size, [True])


async def test_a_connection_cut_within_the_file_is_not_sent(nursery: trio.Nursery, large: Path) -> None:
    """The server has a part of the request at most: asking again is safe."""
    server = UploadServer(cut_after=1024 * 1024)
    await nursery.start(server.serve)
    with pytest.raises(NotSent) as caught:
        await upload(server.url, {"chat_id": 5, "photo": InputFile(large)})
    assert caught.value.chat_id == 5
    assert server.whole == 0


async def test_a_refused_upload_is_refused(nursery: trio.Nursery, photo: Path) -> None:
    """The answer is read as any other's."""
    server = UploadServer(status=400)
    await nursery.start(server.serve)
    with pytest.raises(Refused):
        await upload(server.url, {"photo": InputFile(photo)})


async def test_a_cancelled_upload_closes_its_file(nursery: trio.Nursery, large: Path) -> None:
    """Whatever ends the call, in the midst of the file too, ends the reading."""
    server = UploadServer(stall=True)
    await nursery.start(server.serve)
    with trio.fail_after(20):
        async with trio.open_nursery() as calls:
            calls.start_soon(upload, server.url, {"photo": InputFile(large)})
            await server.stalled.wait()
            assert len(open_files(large)) == 1
            calls.cancel_scope.cancel()
    assert open_files(large) == []


async def test_an_open_file_is_sent_from_its_beginning() -> None:
    """As often as it is needed, and it stays open: one without a name on disk is gone with its owner."""
    with tempfile.TemporaryFile("w+b") as file:
        file.write(PHOTO)
        file.flush()
        given = InputFile(file, "cat.png")
        for _ in range(2):
            form = await Form.open({"chat_id": 7, "photo": given})
            body = b"".join([chunk async for chunk in form])
            form.close()
            assert len(body) == form.size
            assert PHOTO in body
            assert b'filename="cat.png"' in body
        assert not file.closed
