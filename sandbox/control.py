"""The control surface: a person's or a test's way to act as a user, to order faults and to read the call log.

    POST   /user/<id>/send       {"text": "...", "language_code": "en"}
    POST   /user/<id>/press      {"message_id": 7, "data": "..."}
    POST   /user/<id>/block
    GET    /user/<id>/messages   the chat as the user sees it, the latest presses, the bot's action ("typing")
    GET    /calls                the calls so far; ?method=sendMessage&chat_id=1&status=200
    GET    /faults               what is ordered and not yet used up
    POST   /faults               {"kind": "flood", "count": 2, "method": "sendMessage", "retry_after": 3}
    DELETE /faults               take all orders back
    GET    /sent                 what the bot was let send, deleted or not; ?chat_id=-5&since=1700000000.5
    GET    /rules                how ids are handed out and edits answered
    POST   /rules                {"ids": "by_chat", "edits": "other_words", "unseen_for": 1.5}: breaks them (rules.py)
    DELETE /rules                back to the documented ones
    GET    /                     a chat page

All act on the first bot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from sandbox.api import HttpResponse
from sandbox.faults import Faults
from sandbox.http_server import HttpRequest
from sandbox.state import PendingUpdate, SandboxFull
from sandbox.telegram import Telegram

PRESSES_SHOWN = 20
CALLS_SHOWN = 10_000

_Route = Callable[..., HttpResponse]


class Control:
    """Answers every request that is not a Bot API call."""

    def __init__(self, telegram: Telegram, faults: Faults) -> None:
        self._telegram = telegram
        self._faults = faults
        self._page = files("sandbox").joinpath("chat.html").read_bytes()
        user = r"/user/([0-9]{1,18})"
        self._routes: list[tuple[str, re.Pattern[str], _Route]] = [
            ("GET", re.compile("/"), self._show_page),
            ("POST", re.compile(user + "/send"), self._send),
            ("POST", re.compile(user + "/press"), self._press),
            ("POST", re.compile(user + "/block"), self._block),
            ("GET", re.compile(user + "/messages"), self._messages),
            ("GET", re.compile("/calls"), self._calls),
            ("GET", re.compile("/faults"), self._list_faults),
            ("POST", re.compile("/faults"), self._order_fault),
            ("DELETE", re.compile("/faults"), self._clear_faults),
            ("GET", re.compile("/sent"), self._sent),
            ("GET", re.compile("/rules"), self._show_rules),
            ("POST", re.compile("/rules"), self._change_rules),
            ("DELETE", re.compile("/rules"), self._reset_rules),
        ]

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; what is wrong with it is said in a JSON `error`."""
        path, _, _ = request.target.partition("?")
        allowed = False
        for method, pattern, route in self._routes:
            if match := pattern.fullmatch(path):
                if method == request.method:
                    return self._answer(route, request, match.groups())
                allowed = True
        return _error(405, "method not allowed") if allowed else _error(404, "no such page")

    def _answer(self, route: _Route, request: HttpRequest, arguments: tuple[str, ...]) -> HttpResponse:
        try:
            return route(request, *(int(argument) for argument in arguments))
        except SandboxFull as full:
            return _error(503, str(full))
        except LookupError:
            return _error(404, "no such user, chat or message")
        except (ValueError, TypeError, RecursionError) as problem:
            return _error(400, str(problem))

    def _show_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            200, [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")], self._page
        )

    def _send(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        text, language = wanted.get("text"), wanted.get("language_code", "en")
        if not isinstance(text, str) or not (language is None or isinstance(language, str)):
            raise ValueError("text and language_code must be strings")
        return _update(self._telegram.user_sends_text(user_id, text, language_code=language))

    def _press(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        message_id, data = wanted.get("message_id"), wanted.get("data")
        if not isinstance(message_id, int) or not isinstance(data, str):
            raise ValueError("message_id must be a number and data a string")  # noqa: TRY004 - answered with 400
        return _update(self._telegram.user_presses(user_id, user_id, message_id, data))

    def _block(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return _update(self._telegram.user_blocks_bot(user_id))

    def _messages(self, request: HttpRequest, user_id: int) -> HttpResponse:
        chat = self._telegram.bot().chats.get(user_id)
        presses = self._telegram.presses(user_id)[-PRESSES_SHOWN:]
        return _json(
            200,
            {
                "messages": self._telegram.messages(user_id),
                "presses": [asdict(press) for press in presses],
                "action": chat.action if chat else "",
            },
        )

    def _calls(self, request: HttpRequest) -> HttpResponse:
        asked = _query(request)
        calls = self._telegram.call_log.find(
            asked.get("method"),
            chat_id=int(asked["chat_id"]) if "chat_id" in asked else None,
            status=int(asked["status"]) if "status" in asked else None,
        )
        return _json(200, {"calls": [asdict(call) for call in calls[-CALLS_SHOWN:]]})

    def _sent(self, request: HttpRequest) -> HttpResponse:
        asked = _query(request)
        sent = self._telegram.sent(
            int(asked["chat_id"]) if "chat_id" in asked else None, since=float(asked.get("since", 0))
        )
        return _json(200, {"sent": [asdict(message) for message in sent]})

    def _list_faults(self, request: HttpRequest) -> HttpResponse:
        return _json(200, {"faults": [asdict(fault) for fault in self._faults.rules]})

    def _order_fault(self, request: HttpRequest) -> HttpResponse:
        wanted = _object(request)
        return _json(200, asdict(self._faults.order(wanted.pop("kind", ""), **wanted)))

    def _clear_faults(self, request: HttpRequest) -> HttpResponse:
        self._faults.clear()
        return _json(200, {"faults": []})

    def _show_rules(self, request: HttpRequest) -> HttpResponse:
        return _json(200, asdict(self._telegram.rules))

    def _change_rules(self, request: HttpRequest) -> HttpResponse:
        self._telegram.rules.change(**_object(request))
        return self._show_rules(request)

    def _reset_rules(self, request: HttpRequest) -> HttpResponse:
        self._telegram.rules.reset()
        return self._show_rules(request)


def _query(request: HttpRequest) -> dict[str, str]:
    _, _, query = request.target.partition("?")
    return {name: values[-1] for name, values in parse_qs(query).items()}


def _object(request: HttpRequest) -> dict[str, Any]:
    wanted = json.loads(request.body)
    if not isinstance(wanted, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004 - answered with 400
    return wanted


def _update(update: PendingUpdate | None) -> HttpResponse:
    return _json(200, {"update_id": update.id if update else None})


def _json(status: int, body: Any) -> HttpResponse:
    return HttpResponse(
        status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], json.dumps(body).encode()
    )


def _error(status: int, why: str) -> HttpResponse:
    return _json(status, {"error": why})
