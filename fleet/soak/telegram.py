"""As much of the Bot API as a soak needs, at a cost that three hundred messages a second can bear, in bounded memory.

What the service looks for after a kill must be found as at Telegram: all private chats share one growing sequence of
message ids, a probe tells whose a message is, and an edit that changes nothing is refused. Words of refusals are the
sandbox's. Whatever has wholly arrived is carried out, whatever becomes of whoever asked.
"""

from __future__ import annotations

import json
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from sandbox.answers import (
    EDIT_FORBIDDEN,
    EDIT_NOT_FOUND,
    INLINE_EXPECTED,
    METHOD_NOT_FOUND,
    NOT_MODIFIED,
    ApiAnswer,
    Refusal,
    ok,
)
from sandbox.api import HttpResponse
from sandbox.http_server import HttpRequest
from sandbox.telegram import DEMO_TOKEN

LATENCY = 0.02
"""Seconds that a call takes, half of them each way: so a kill finds some on their way."""
MOST_MESSAGES = 100_000
"""The latest are remembered: more than come in minutes, and nobody looks for or edits older ones here."""
FIRST_MESSAGE = 100_000_000
"""Ids grow: those of the rows that are there at the beginning (old_rows.py) are below."""

Answered = Callable[[int, int, str], object]
"""Told the chat, the id of the bot's message and its text, when a text takes effect in a chat."""

_BOT = {"id": int(DEMO_TOKEN.partition(":")[0]), "is_bot": True, "first_name": "Soak", "username": "soak_bot"}
_RESULTS: dict[str, Any] = {
    "getMe": _BOT,
    "getWebhookInfo": {"url": "", "has_custom_certificate": False, "pending_update_count": 0},
    "getMyCommands": [],
    "setMyCommands": True,
    "getChatMenuButton": {"type": "commands"},
    "setChatMenuButton": True,
    "answerCallbackQuery": True,
}


@dataclass(slots=True)
class _Message:
    chat_id: int
    by_bot: bool
    content: int = 0


class Telegram:
    """The stand-in. `calls` counts the calls by method, `refused` those that were refused by what was said."""

    def __init__(self, answered: Answered) -> None:
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._answered = answered
        self._messages: OrderedDict[int, _Message] = OrderedDict()
        self._latest = FIRST_MESSAGE

    def writes(self, chat_id: int) -> int:
        """Somebody writes in a private chat: the id of the message."""
        return self._add(_Message(chat_id, by_bot=False))

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Perform one call."""
        await trio.sleep(LATENCY / 2)
        method = request.target.rpartition("/")[2]
        self.calls[method] += 1
        answer = self._call(method, json.loads(request.body or b"{}"))
        await trio.sleep(LATENCY / 2)
        content = json.dumps(answer.body).encode()
        return HttpResponse(answer.status, [("Content-Type", "application/json")], content)

    def _call(self, method: str, params: Mapping[str, Any]) -> ApiAnswer:
        if method == "sendMessage":
            return ok(self._send(params))
        if method in ("editMessageText", "editMessageReplyMarkup"):
            refusal = self._edit(params)
        elif method in _RESULTS:
            return ok(_RESULTS[method])
        else:
            refusal = METHOD_NOT_FOUND
        if refusal is None:
            return ok(_shown(params["chat_id"], params["message_id"], params["text"]))
        self.refused[f"{method}: {refusal.description}"] += 1
        return refusal.answer()

    def _send(self, params: Mapping[str, Any]) -> dict[str, Any]:
        message_id = self._add(_Message(params["chat_id"], by_bot=True, content=_content(params)))
        self._answered(params["chat_id"], message_id, params["text"])
        return _shown(params["chat_id"], message_id, params["text"])

    def _edit(self, params: Mapping[str, Any]) -> Refusal | None:
        """Why an edit is refused, in Telegram's order; None: it has been made."""
        message = self._messages.get(params["message_id"])
        if message is None or message.chat_id != params["chat_id"]:
            return EDIT_NOT_FOUND
        if not message.by_bot:
            return EDIT_FORBIDDEN
        if "inline_keyboard" not in params.get("reply_markup", {"inline_keyboard": []}):
            return INLINE_EXPECTED
        content = _content(params)
        if message.content == content:
            return NOT_MODIFIED
        message.content = content
        self._answered(message.chat_id, params["message_id"], params["text"])
        return None

    def _add(self, message: _Message) -> int:
        self._latest += 1
        self._messages[self._latest] = message
        if len(self._messages) > MOST_MESSAGES:
            self._messages.popitem(last=False)
        return self._latest


def _content(params: Mapping[str, Any]) -> int:
    return hash((params["text"], json.dumps(params.get("reply_markup"))))


def _shown(chat_id: int, message_id: int, text: str) -> dict[str, Any]:
    chat = {"id": chat_id, "type": "private", "first_name": "Ann"}
    return {"message_id": message_id, "from": _BOT, "chat": chat, "date": int(time.time()), "text": text}
