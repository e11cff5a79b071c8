"""The proxy that stands for the network: what the tests of faults rely on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from fleet.tcp_proxy import TcpProxy
from tests.peers import Peer

SOON = 5.0


async def _echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


@asynccontextmanager
async def echo_behind_proxy() -> AsyncIterator[TcpProxy]:
    async with trio.open_nursery() as nursery:
        echo = Peer(_echo)
        await nursery.start(echo.serve)
        proxy = TcpProxy(echo.port)
        await nursery.start(proxy.run)
        with trio.fail_after(SOON):
            await trio.lowlevel.checkpoint()
            yield proxy
        nursery.cancel_scope.cancel()


async def _connect(proxy: TcpProxy) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", proxy.port)


async def test_bytes_pass_both_ways_and_are_counted() -> None:
    """What one side sends reaches the other; the end of the stream does too."""
    async with echo_behind_proxy() as proxy, await _connect(proxy) as stream:
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        assert (proxy.accepted, proxy.connections, proxy.up.passed, proxy.down.passed) == (1, 1, 5, 5)
        await stream.aclose()
        while proxy.connections:
            await trio.sleep(0.01)


async def test_a_stall_is_silent_and_what_was_sent_arrives_when_it_heals() -> None:
    """While stalled nothing comes, not even a refusal; afterwards everything does, also on new connections."""
    async with echo_behind_proxy() as proxy, await _connect(proxy) as old:
        await old.send_all(b"1")
        assert await old.receive_some() == b"1"
        proxy.stall()
        async with await _connect(proxy) as new:
            await old.send_all(b"2")
            await new.send_all(b"3")
            with trio.move_on_after(0.1) as silence:
                await old.receive_some()
            assert silence.cancelled_caught
            assert proxy.up.passed == 1
            proxy.heal()
            assert await old.receive_some() == b"2"
            assert await new.receive_some() == b"3"


async def test_refused_means_reset_and_no_new_connection_until_it_heals() -> None:
    """Existing connections break at once, new ones are refused; healed, the same port serves again."""
    async with echo_behind_proxy() as proxy:
        async with await _connect(proxy) as stream:
            await stream.send_all(b"1")
            assert await stream.receive_some() == b"1"
            proxy.refuse()
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        with pytest.raises(OSError, match="failed"):
            await _connect(proxy)
        proxy.heal()
        async with await _connect(proxy) as stream:
            await stream.send_all(b"2")
            assert await stream.receive_some() == b"2"
