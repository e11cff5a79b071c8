"""The client against the sandbox, in this process and over real sockets."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from fleet.tcp_proxy import TcpProxy
from fleet.waiting import eventually
from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN
from telegram_client.client import BotApi
from telegram_client.errors import InDoubt, NotSent, Refused, TelegramError
from tests.faked_client import MESSAGE, TOKEN, shows_no_token
from tests.peers import ScriptedServer, refusing_port


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
async def test_every_fault_of_the_sandbox_has_its_error(
    autojump_clock: trio.testing.MockClock, fault: str, kind: type[TelegramError], arrives: bool
) -> None:
    """Whether or not the message arrived, the error claims no more than the client can know; the next call works."""
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


async def test_calls_over_a_socket_share_a_connection(nursery: trio.Nursery) -> None:
    """Twenty calls one after the other open one connection; four at once, four, which are used again."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    url = await nursery.start(sandbox.run)
    proxy = TcpProxy(int(url.rpartition(":")[2]))
    await nursery.start(proxy.run)
    with trio.fail_after(20):
        async with BotApi(DEMO_TOKEN, root=f"http://127.0.0.1:{proxy.port}", connections=4) as api:
            for _ in range(20):
                await api.call("sendMessage", MESSAGE)
            assert proxy.accepted == 1
            for _ in range(3):
                async with trio.open_nursery() as calls:
                    for _ in range(4):
                        calls.start_soon(api.call, "sendMessage", MESSAGE)
            assert proxy.accepted == 4
    assert len(sandbox.telegram.messages(5)) == 1 + 20 + 12
    nursery.cancel_scope.cancel()


async def test_a_call_cancelled_on_a_socket_leaves_the_client_usable(nursery: trio.Nursery) -> None:
    """httpx's own pool wedges under cancellation; here the connection goes and the next call opens another."""
    sandbox = Sandbox()
    url = await nursery.start(sandbox.run)
    with trio.fail_after(60):
        async with BotApi(DEMO_TOKEN, root=url, connections=1) as api:
            for _ in range(3):
                sandbox.faults.order("hang")
                async with trio.open_nursery() as calls:
                    calls.start_soon(api.call, "getMe")
                    await eventually(lambda: not sandbox.faults.rules)
                    calls.cancel_scope.cancel(reason="nobody waits for the answer any more")
            assert (await api.call("getMe"))["is_bot"] is True
    nursery.cancel_scope.cancel()


async def test_nobody_listening_is_not_sent() -> None:
    """A refused connection, for real."""
    with refusing_port() as port:
        async with BotApi(TOKEN, root=f"http://127.0.0.1:{port}") as api:
            with trio.fail_after(20), pytest.raises(NotSent, match="ConnectError") as caught:
                await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)


async def test_a_server_that_hangs_up_is_in_doubt(nursery: trio.Nursery) -> None:
    """A connection closed once the request was read, for real."""
    server = ScriptedServer(b"")
    await nursery.start(server.serve)
    async with BotApi(TOKEN, root=server.url) as api:
        with trio.fail_after(20), pytest.raises(InDoubt) as caught:
            await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)
    nursery.cancel_scope.cancel()


async def test_a_server_without_tls_is_not_sent(nursery: trio.Nursery) -> None:
    """A handshake that fails, for real: nothing of the request has left."""
    sandbox = Sandbox()
    url = await nursery.start(sandbox.run)
    async with BotApi(TOKEN, root=url.replace("http://", "https://")) as api:
        with trio.fail_after(20), pytest.raises(NotSent, match="ConnectError") as caught:
            await api.call("sendMessage", MESSAGE)
    shows_no_token(caught.value)
    nursery.cancel_scope.cancel()
