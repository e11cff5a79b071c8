"""One call on its way: its request, how much of that has been written, and what a failure therefore means.

How sure a failure is follows from one observation: whether the transport has asked for what comes after the request's
last byte. It does so only when that byte's write has returned. If not, the server has at most a part of the request,
which nobody acts on: not sent, unless it refuses. If so: in doubt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from telegram_client.errors import InDoubt, NotSent, TelegramError
from telegram_client.uploads import Form


class JsonBody(httpx.AsyncByteStream):
    """A body of one piece. `all_written` is set once whoever has taken that piece asks for more."""

    __slots__ = ("_taken", "all_written", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.all_written = False
        self._taken = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._taken:
            self.all_written = True
            raise StopAsyncIteration
        self._taken = True
        return self.data


class Request(httpx.Request):
    """A request that any transport may read either way, and whose repr does not show the address."""

    def __repr__(self) -> str:
        return f"<Request({self.method!r})>"

    @property
    def content(self) -> bytes:
        """The body at once, for transports without a network: who has it may have acted on it."""
        if not isinstance(self.stream, JsonBody):
            return super().content
        self.stream.all_written = True
        return self.stream.data


class Exchange:
    """One call: its parameters, the body that is written, and the `failure` it has met, if any.

    `timeout` is the whole call's, in seconds.
    """

    __slots__ = ("body", "chat_id", "failure", "method", "params", "timeout")

    def __init__(self, method: str, params: Mapping[str, Any], timeout: float) -> None:
        self.method = method
        self.params = params
        self.timeout = timeout
        chat_id = params.get("chat_id")
        self.chat_id = chat_id if isinstance(chat_id, int) else None
        self.body: JsonBody | Form | None = None
        self.failure: TelegramError | None = None

    @property
    def all_written(self) -> bool:
        """Whether the whole request has been written, so that the server may act on it."""
        return self.body is not None and self.body.all_written

    def not_sent(self, description: str, **more: Any) -> NotSent:
        """The error of a call that certainly had no effect."""
        return NotSent(self.method, description, chat_id=self.chat_id, **more)

    def inconclusive(self, description: str, **more: Any) -> TelegramError:
        """The error where no answer says what became of the call: how far the request got decides."""
        return (InDoubt if self.all_written else NotSent)(self.method, description, chat_id=self.chat_id, **more)
