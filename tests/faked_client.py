"""The Bot API client between fake transports and the checks that every error has to pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from telegram_client.client import BotApi
from telegram_client.errors import TelegramError
from tests.hidden import hides
from tests.transports import Answer, FakeTransport, answering

TOKEN = "123456:ABC-def_1234567890abcdefghij"
MESSAGE = {"chat_id": 5, "text": "hi"}


class FakedClient:
    """A client whose transports are fakes; all it has opened are in `transports`."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.transports: list[FakeTransport] = []
        self._answer = answer
        self.api = BotApi(TOKEN, root="https://api.example", open_transport=self._open, **options)

    def _open(self) -> FakeTransport:
        transport = FakeTransport(self._answer)
        self.transports.append(transport)
        return transport


def refusal(status: int, description: str, **parameters: int) -> Answer:
    """Telegram's own refusal."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return answering(status, body | ({"parameters": parameters} if parameters else {}))


def fails(error: type[Exception]) -> Answer:
    """Fail as httpx does: the text and the request hold the address."""

    def answer(request: httpx.Request) -> httpx.Response:
        if issubclass(error, httpx.RequestError):
            raise error(f"cannot reach {request.url}", request=request)
        raise error(f"cannot reach {request.url}")

    return answer


async def outcome(
    answer: Answer, method: str = "sendMessage", params: Mapping[str, Any] | None = MESSAGE
) -> TelegramError:
    """The error that a call ends in."""
    async with FakedClient(answer).api as api:
        with pytest.raises(TelegramError) as caught:
            await api.call(method, params)
    shows_no_token(caught.value)
    return caught.value


def shows_no_token(error: BaseException) -> None:
    """Nothing that a log could make of `error` holds the token."""
    hides(TOKEN, error)


async def slow(_request: httpx.Request, seconds: float) -> httpx.Response:
    await trio.sleep(seconds)
    return httpx.Response(200, content=b'{"ok":true,"result":1}')
