"""A Bot API that answers everything at once and reports each menu it is sent.

It runs in the load generator's own process: the generator must know which updates have had their menu, and telling
it so across processes would cost more than the answer itself. Run alone (`python -m benchmarks.telegram_stub PORT`)
it serves as the null server that the generator's ceiling is measured against.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import cast

import uvloop

from benchmarks.http1 import take_message

# Bodies come as JSON, as a form or as multipart: the digits after the name are the same in all three.
_CHAT = re.compile(rb"chat_id\D{1,80}?(\d+)").search
_RESULTS = {
    b"getMe": b'{"id":42,"is_bot":true,"first_name":"Bench","username":"bench_bot"}',
    b"getWebhookInfo": b'{"url":"","has_custom_certificate":false,"pending_update_count":0}',
}
_MESSAGE = (
    b'{"message_id":%d,"from":{"id":42,"is_bot":true,"first_name":"Bench","username":"bench_bot"},'
    b'"chat":{"id":%d,"type":"private","first_name":"Ann"},"date":1700000000,"text":"menu"}'
)
_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{"ok":true,"result":%b}'
_AROUND_RESULT = len(b'{"ok":true,"result":}')

OnMenu = Callable[[int], None]


class TelegramStub:
    """The stand-in's state: who is told of menus, and how often each method was called.

    A menu is a sendMessage with a keyboard; `on_menu` is called with its chat id once its request is read whole.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.on_menu: OnMenu | None = None

    async def listen(self, port: int) -> asyncio.Server:
        """Serve on loopback until the returned server is closed."""
        return await asyncio.get_running_loop().create_server(lambda: _Session(self), "127.0.0.1", port)

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole HTTP answer to one call."""
        method = head[: head.find(b" HTTP/1.1")].rsplit(b"/", 1)[-1]
        self.calls[method.decode()] += 1
        result = self._message(body) if method == b"sendMessage" else _RESULTS.get(method, b"true")
        return _ANSWER % (_AROUND_RESULT + len(result), result)

    def _message(self, body: bytes) -> bytes:
        found = _CHAT(body)
        chat = int(found[1]) if found else 0
        if self.on_menu is not None and b"reply_markup" in body:
            self.on_menu(chat)
        return _MESSAGE % (self.calls["sendMessage"], chat)


class _Session(asyncio.Protocol):
    """One connection of a Bot API client."""

    def __init__(self, stub: TelegramStub) -> None:
        self._stub = stub
        self._transport: asyncio.Transport | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, not derived from asyncio's

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        unread = self._unread + data
        while message := take_message(unread):
            head, body, unread = message
            self._transport.write(self._stub.answer(head, body))
        self._unread = unread


async def _serve_alone(port: int) -> None:
    async with await TelegramStub().listen(port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve_alone(int(sys.argv[1])))
