"""The control surface: a person's or a test's way to act as a user, to order faults and to read the call log.

    POST   /user/<id>/send       {"text": "...", "language_code": "en"}
    POST   /user/<id>/file       a file as the body; ?kind=photo&name=cat.png&caption=...&language_code=en, and width,
                                 height, duration where there are such. An empty one is a small made-up file. kind:
                                 photo, video, animation, audio, voice, document, video_note, sticker
    POST   /user/<id>/album      {"kinds": ["photo", "photo"], "caption": "..."}, made-up files
    POST   /user/<id>/edit       {"message_id": 7, "text": "..."}
    POST   /user/<id>/press      {"message_id": 7, "data": "..."}; "chat_id" for a message in a group
    POST   /user/<id>/inline     {"query": "...", "offset": ""}
    POST   /user/<id>/choose     {"query_id": "...", "result_id": "..."}: sends a result of an inline query
    POST   /user/<id>/block
    POST   /user/<id>/unblock
    POST   /user/<id>/freeze     {"message_id": 7}: the bot can't edit this message from now on
    GET    /user/<id>/messages   the chat as the user sees it, the latest presses and inline queries, the bot's action
                                 ("typing"), its draft, its commands in the user's language
    GET    /media/<file_id>      a file of a message
    POST   /updates              {"kind": "message", "body": {...}}: any update for the bot
    GET    /calls                the calls so far; ?method=sendMessage&chat_id=1&status=200
    GET    /faults               what is ordered and not yet used up
    POST   /faults               {"kind": "flood", "count": 2, "method": "sendMessage", "retry_after": 3}
    DELETE /faults               take all orders back
    GET    /sent                 what the bot was let send, deleted or not; ?chat_id=-5&since=1700000000.5
    GET    /rules                how ids are handed out and edits answered
    POST   /rules                {"ids": "by_chat", "edits": "other_words", "unseen_for": 1.5}: breaks them (rules.py)
    DELETE /rules                back to the documented ones
    GET    /                     a chat page

What a user sends may go to a group: "chat_type": "supergroup" with "chat_id", and "thread_id" for a thread in it.
All act on the first bot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from sandbox.api import HttpResponse
from sandbox.bot_settings import suggested_commands
from sandbox.faults import Faults
from sandbox.files import FileKind
from sandbox.http_server import HttpRequest
from sandbox.media_methods import MAX_ALBUM
from sandbox.people import Where
from sandbox.state import PendingUpdate, SandboxFull
from sandbox.telegram import Telegram

PRESSES_SHOWN = 20
QUERIES_SHOWN = 5
CALLS_SHOWN = 10_000

_Route = Callable[..., HttpResponse]
_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "video/", "audio/")


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
            ("POST", re.compile(user + "/file"), self._file),
            ("POST", re.compile(user + "/album"), self._album),
            ("POST", re.compile(user + "/edit"), self._edit),
            ("POST", re.compile(user + "/press"), self._press),
            ("POST", re.compile(user + "/inline"), self._ask_inline),
            ("POST", re.compile(user + "/choose"), self._choose),
            ("POST", re.compile(user + "/block"), self._block),
            ("POST", re.compile(user + "/unblock"), self._unblock),
            ("POST", re.compile(user + "/freeze"), self._freeze),
            ("GET", re.compile(user + "/messages"), self._messages),
            ("GET", re.compile(r"/media/[A-Za-z0-9_-]{1,100}"), self._media),
            ("POST", re.compile("/updates"), self._push),
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
        text = _text(wanted, "text")
        return _update(self._telegram.user_sends_text(user_id, text, **_where(wanted)))

    def _file(self, request: HttpRequest, user_id: int) -> HttpResponse:
        asked = _query(request)
        where = _where({**asked, **{name: int(asked[name]) for name in ("chat_id", "thread_id") if name in asked}})
        update = self._telegram.user_sends_file(
            user_id,
            asked.get("kind", FileKind.DOCUMENT),
            request.body or None,
            name=asked.get("name", ""),
            caption=asked.get("caption", ""),
            details={name: int(asked[name]) for name in ("duration", "width", "height") if name in asked},
            **where,
        )
        return _update(update)

    def _album(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        kinds = wanted.get("kinds", ["photo", "photo"])
        if not isinstance(kinds, list) or not 1 <= len(kinds) <= MAX_ALBUM:
            raise ValueError(f"kinds is a list of 1 to {MAX_ALBUM}")
        caption = _text(wanted, "caption", "")
        updates = self._telegram.user_sends_album(user_id, kinds, caption=caption, **_where(wanted))
        return _json(200, {"update_ids": [update.id if update else None for update in updates]})

    def _edit(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        chat_id = _number(wanted, "chat_id", user_id)
        return _update(
            self._telegram.user_edits(user_id, _number(wanted, "message_id"), _text(wanted, "text"), chat_id=chat_id)
        )

    def _press(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        message_id, data = _number(wanted, "message_id"), _text(wanted, "data")
        return _update(self._telegram.user_presses(user_id, _number(wanted, "chat_id", user_id), message_id, data))

    def _ask_inline(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        return _update(
            self._telegram.user_asks_inline(
                user_id,
                _text(wanted, "query", ""),
                offset=_text(wanted, "offset", ""),
                language_code=_where(wanted)["language_code"],
            )
        )

    def _choose(self, request: HttpRequest, user_id: int) -> HttpResponse:
        wanted = _object(request)
        return _update(self._telegram.user_chooses(user_id, _text(wanted, "query_id"), _text(wanted, "result_id")))

    def _block(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return _update(self._telegram.user_blocks_bot(user_id))

    def _unblock(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return _update(self._telegram.user_unblocks_bot(user_id))

    def _freeze(self, request: HttpRequest, user_id: int) -> HttpResponse:
        self._telegram.refuse_edits(user_id, _number(_object(request), "message_id"))
        return _json(200, {})

    def _push(self, request: HttpRequest) -> HttpResponse:
        wanted = _object(request)
        body = wanted.get("body")
        if not isinstance(body, dict):
            raise ValueError("body must be an object")  # noqa: TRY004 - answered with 400
        return _update(self._telegram.push_update(_text(wanted, "kind"), body))

    def _messages(self, request: HttpRequest, user_id: int) -> HttpResponse:
        bot = self._telegram.bot()
        chat = bot.chats.get(user_id)
        presses = self._telegram.presses(user_id)[-PRESSES_SHOWN:]
        queries = self._telegram.inline_queries(user_id)[-QUERIES_SHOWN:]
        user = self._telegram.users.get(user_id, {})
        return _json(
            200,
            {
                "messages": self._telegram.messages(user_id),
                "presses": [asdict(press) for press in presses],
                "inline_queries": [asdict(query) for query in queries],
                "action": chat.action if chat else "",
                "draft": chat.draft if chat else "",
                "blocked": chat is not None and chat.refusal is not None,
                "bot": bot.user,
                "commands": suggested_commands(bot, user_id, user.get("language_code", "")),
            },
        )

    def _media(self, request: HttpRequest) -> HttpResponse:
        path, _, _ = request.target.partition("?")
        file = self._telegram.files.get(path.removeprefix("/media/"))
        if file is None:
            raise LookupError
        # What a bot or a person has sent is shown as a picture, played or kept, and never run as a page of this origin.
        shown = file.mime_type if file.mime_type.startswith(_SHOWN) else "application/octet-stream"
        headers = [
            ("Content-Type", shown),
            ("Cache-Control", "private, max-age=3600, immutable"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ]
        return HttpResponse(200, headers, file.content)

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


def _text(wanted: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = wanted.get(name, default)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")  # noqa: TRY004 - answered with 400
    return value


def _number(wanted: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = wanted.get(name, default)
    if type(value) is not int:
        raise ValueError(f"{name} must be a number")
    return value


def _where(wanted: Mapping[str, Any]) -> Where:
    """Who and where, of what a user sends: what is not said is the chat with the bot, in English."""
    language = wanted.get("language_code", "en")
    if not (language is None or isinstance(language, str)):
        raise ValueError("language_code must be a string")
    where: Where = {"language_code": language}
    if "first_name" in wanted:
        where["first_name"] = _text(wanted, "first_name")
    if "chat_type" in wanted:
        where["chat_type"], where["chat_id"] = _text(wanted, "chat_type"), _number(wanted, "chat_id")
    if "thread_id" in wanted:
        where["thread_id"] = _number(wanted, "thread_id")
    return where


def _update(update: PendingUpdate | None) -> HttpResponse:
    return _json(200, {"update_id": update.id if update else None})


def _json(status: int, body: Any) -> HttpResponse:
    return HttpResponse(
        status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], json.dumps(body).encode()
    )


def _error(status: int, why: str) -> HttpResponse:
    return _json(status, {"error": why})
