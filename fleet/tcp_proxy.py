"""A TCP proxy on loopback whose network can fail: it passes, stalls, drops and refuses.

A stall is a partition, not a loss: connections stand and nothing arrives, not even that the other side has closed;
what was sent meanwhile arrives when the network heals, as TCP's retransmissions do.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

import trio

CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


@dataclass(eq=False)
class _Pair:
    client: trio.SocketStream
    server: trio.SocketStream | None = None

    def reset(self) -> None:
        """Break both connections, the client's first."""
        for stream in (self.client, self.server):
            if stream is not None:
                with suppress(OSError):
                    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                stream.socket.close()

    def close(self) -> None:
        self.client.socket.close()
        if self.server is not None:
            self.server.socket.close()


@dataclass
class Direction:
    """Bytes that go one way. `passed` counts them."""

    passed: int = 0
    _open: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def stall(self) -> None:
        """Hold back what comes from now on."""
        if self._open.is_set():
            self._open = trio.Event()

    def heal(self) -> None:
        """Pass on what was held back, and what comes."""
        self._open.set()

    async def until_open(self) -> None:
        """Return once nothing is held back."""
        # Looked at again: it may be stalled once more before the task that was woken runs.
        while not self._open.is_set():
            await self._open.wait()


class TcpProxy:
    """From a port of its own to 127.0.0.1:`target`. Passes everything on until told otherwise.

    `up` is what clients send, `down` what they are answered; each can be stalled by itself. `accepted` counts
    connections.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.accepted = 0
        self.up, self.down = Direction(), Direction()
        self._pairs: set[_Pair] = set()
        self._listener: trio.SocketListener | None = None
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; starts once the port is open."""
        async with trio.open_nursery() as self._nursery:
            self._listen()
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self.refuse()

    @property
    def connections(self) -> int:
        """How many stand now."""
        return len(self._pairs)

    def stall(self) -> None:
        """Let nothing through, either way."""
        self.up.stall()
        self.down.stall()

    def drop(self) -> None:
        """Reset every connection; new ones are welcome."""
        for pair in list(self._pairs):
            pair.reset()

    def refuse(self) -> None:
        """Reset every connection, and refuse new ones."""
        if self._listener is not None:
            self._listener.socket.close()
            self._listener = None
        self.drop()

    def heal(self) -> None:
        """Pass everything on again."""
        self.up.heal()
        self.down.heal()
        self._listen()

    def _listen(self) -> None:
        if self._listener is not None:
            return
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", self.port))
        sock.listen(100)
        self.port = sock.getsockname()[1]
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        assert self._nursery is not None
        self._nursery.start_soon(self._accept, self._listener, self._nursery)

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        with suppress(trio.ClosedResourceError):
            while True:
                stream = await listener.accept()
                self.accepted += 1
                nursery.start_soon(self._serve, stream)

    async def _serve(self, client: trio.SocketStream) -> None:
        pair = _Pair(client)
        self._pairs.add(pair)
        try:
            await self.up.until_open()
            pair.server = await trio.open_tcp_stream("127.0.0.1", self.target)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, pair.client, pair.server, self.up, nursery.cancel_scope)
                nursery.start_soon(_pump, pair.server, pair.client, self.down, nursery.cancel_scope)
        except OSError:
            pass  # The target refuses: so does the proxy, in `finally`.
        finally:
            pair.close()
            self._pairs.discard(pair)


async def _pump(
    source: trio.SocketStream, sink: trio.SocketStream, direction: Direction, both: trio.CancelScope
) -> None:
    with suppress(*_GONE):
        while data := await source.receive_some(CHUNK):
            await direction.until_open()
            direction.passed += len(data)
            await sink.send_all(data)
        # The end of the stream is held back by a stall as bytes are.
        await direction.until_open()
    both.cancel(reason="one side has closed")
