"""The transport under the Bot API client with TLS, over real sockets and certificates that are made for the test."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
import trustme

from telegram_client.client import BotApi
from telegram_client.connections import network_transport
from telegram_client.direct_transport import DirectTransport
from telegram_client.errors import InDoubt, NotSent
from tests.faked_client import MESSAGE, TOKEN, shows_no_token
from tests.http_answers import BODY, RESULT, with_length
from tests.peers import ScriptedServer, silent_port
from tests.test_direct_transport import LARGE, reset, send_over, serve


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the certificates."""
    return trustme.CA()


@pytest.fixture(autouse=True)
def _trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator has this machine trust one."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """What a server of this name shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_calls_share_a_connection(nursery: trio.Nursery, authority: trustme.CA) -> None:
    """Small requests and large ones, of many records each way."""
    large = with_length(b'{"ok":true,"result":"%b"}' % (b"y" * 1_000_000))
    server = ScriptedServer(with_length(), large, with_length(), tls=server_tls(authority))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        assert await api.call("sendMessage", MESSAGE) == RESULT
        assert await api.call("sendMessage", {"chat_id": 5, "text": "x" * 1_000_000}) == "y" * 1_000_000
        assert await api.call("sendMessage", MESSAGE) == RESULT
    assert [len(request) > 1_000_000 for request in server.requests] == [False, True, False]
    assert server.connections == 1
    nursery.cancel_scope.cancel()


def test_certificates_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All transports trust the same; what an operator names there is read when the first one is made."""
    ours = network_transport("https://api.example")()
    (tmp_path / "ca.pem").unlink()
    other = network_transport("https://files.example")()
    assert isinstance(ours, DirectTransport)
    assert isinstance(other, DirectTransport)
    assert other._tls is ours._tls
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    with pytest.raises(FileNotFoundError):
        network_transport("https://api.example")


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_is_not_the_servers_is_not_sent_to(
    nursery: trio.Nursery, authority: trustme.CA, trusted: bool
) -> None:
    """Of another name, or signed by somebody who is not trusted: not a byte of the request is written."""
    tls = server_tls(authority, "api.example") if trusted else server_tls(trustme.CA())
    server = ScriptedServer(tls=tls)
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(NotSent, match="ConnectError") as caught:
            await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)
    assert server.requests == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("blunt", [False, True])
async def test_an_answer_until_the_end_has_ended_with_the_connection(
    nursery: trio.Nursery, authority: trustme.CA, blunt: bool
) -> None:
    """Closed with TLS's word of goodbye or without."""

    class Ending(ScriptedServer):
        async def _converse(self, stream: trio.abc.Stream) -> None:
            assert isinstance(stream, trio.SSLStream)
            await stream.receive_some(65_536)
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
            if blunt:
                await stream.transport_stream.aclose()

    server = Ending(tls=server_tls(authority))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            assert await api.call("sendMessage", MESSAGE) == RESULT
    assert server.connections == 2
    nursery.cancel_scope.cancel()


async def test_what_comes_behind_an_answer_in_a_record_of_its_own_is_noticed(
    nursery: trio.Nursery, authority: trustme.CA
) -> None:
    """It may have been read from the socket with the answer's: then the socket has nothing, and TLS has."""

    class Talkative(ScriptedServer):
        async def _converse(self, stream: trio.abc.Stream) -> None:
            """Write two records, and send them as one piece."""
            assert isinstance(stream, trio.SSLStream)
            await stream.receive_some(65_536)
            plain = stream.transport_stream
            pieces: list[bytes] = []
            stream.transport_stream = Keeping(pieces)
            await stream.send_all(with_length())
            if self.connections == 1:
                await stream.send_all(with_length(b'{"ok":true,"result":"of another call"}'))
            stream.transport_stream = plain
            await plain.send_all(b"".join(pieces))
            await stream.receive_some(1)

    class Keeping(trio.abc.SendStream):
        def __init__(self, pieces: list[bytes]) -> None:
            self._pieces = pieces

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.lowlevel.checkpoint()
            self._pieces.append(bytes(data))

        async def wait_send_all_might_not_block(self) -> None: ...

        async def aclose(self) -> None: ...

    server = Talkative(tls=server_tls(authority))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        for _ in range(2):
            assert await api.call("sendMessage", MESSAGE) == RESULT
    assert server.connections == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("whole", [False, True])
async def test_a_reset_is_judged_by_whether_all_was_taken(
    nursery: trio.Nursery, authority: trustme.CA, whole: bool
) -> None:
    """The last record counts only as a whole, so a server without its last byte has not had the request's end."""

    class Resetting(ScriptedServer):
        async def _converse(self, stream: trio.abc.Stream) -> None:
            assert isinstance(stream, trio.SSLStream)
            data = await stream.receive_some(65_536)
            while whole and not data.endswith(b'"}'):
                data = await stream.receive_some(65_536)
            assert isinstance(stream.transport_stream, trio.SocketStream)
            reset(stream.transport_stream)

    server = Resetting(tls=server_tls(authority))
    await serve(nursery, server)
    async with BotApi(TOKEN, root=server.url) as api:
        with pytest.raises(InDoubt if whole else NotSent):
            await api.call("sendMessage", LARGE)
    nursery.cancel_scope.cancel()


async def test_a_server_that_does_not_shake_hands_is_given_up() -> None:
    """Its time for connecting counts for the handshake as well."""
    with silent_port() as port:
        url = f"https://127.0.0.1:{port}"
        transport = DirectTransport(httpx.URL(url), httpx.create_ssl_context(), 60.0)
        with pytest.raises(httpx.ConnectTimeout):
            await send_over(transport, url, connect=0.05)
        await transport.aclose()
