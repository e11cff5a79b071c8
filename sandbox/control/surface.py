"""The table of the control surface's routes, and how a request finds its own."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.api import HttpResponse, HttpStream
from sandbox.control.accounts import Accounts
from sandbox.control.guard import refusal
from sandbox.control.media import file_answer
from sandbox.control.operator_routes import OperatorRoutes
from sandbox.control.reading import error_answer, json_answer, object_of, text_of
from sandbox.control.streams import CallStream, Streams, TooManyStreams, changes
from sandbox.control.user_routes import UserRoutes
from sandbox.control.views import chat_view, people_view
from sandbox.faults import Faults
from sandbox.http_server import HttpRequest
from sandbox.pages import Pages
from sandbox.state import SandboxFull
from sandbox.telegram import Telegram

_Answer = HttpResponse | HttpStream
_Route = Callable[..., _Answer]


class Control:
    """Answers every request that is not a Bot API call."""

    def __init__(self, telegram: Telegram, faults: Faults) -> None:
        self._telegram = telegram
        self._accounts = Accounts()
        self._pages = Pages("sandbox")
        self._streams = Streams()
        self._calls = CallStream(telegram.call_log)
        users, operator = UserRoutes(telegram, self._accounts), OperatorRoutes(telegram, faults)
        user = r"/user/(?P<user_id>[0-9]{1,18})"
        routes: list[tuple[str, str, _Route]] = [
            ("GET", "/", self._show_page),
            ("GET", "/page/(?P<name>[a-z_]{1,50}[.][a-z]{1,5})", self._show_page),
            ("POST", f"{user}/send", users.send),
            ("POST", f"{user}/file", users.send_file),
            ("POST", f"{user}/album", users.send_album),
            ("POST", f"{user}/edit", users.edit),
            ("POST", f"{user}/press", users.press),
            ("POST", f"{user}/inline", users.ask_inline),
            ("POST", f"{user}/choose", users.choose),
            ("POST", f"{user}/block", users.block),
            ("POST", f"{user}/unblock", users.unblock),
            ("POST", f"{user}/freeze", users.freeze),
            ("GET", f"{user}/messages", self._messages),
            ("GET", "/stream/(?P<user_id>[0-9]{1,18})", self._stream_chat),
            ("GET", "/people", self._people),
            ("POST", "/people", self._add_person),
            ("GET", "/media/(?P<file_id>[A-Za-z0-9_-]{1,100})", self._media),
            ("POST", "/updates", operator.push),
            ("GET", "/calls", operator.calls),
            ("GET", "/stream/calls", self._stream_calls),
            ("GET", "/faults", operator.list_faults),
            ("POST", "/faults", operator.order_fault),
            ("DELETE", "/faults", operator.clear_faults),
            ("GET", "/sent", operator.sent),
            ("GET", "/rules", operator.show_rules),
            ("POST", "/rules", operator.change_rules),
            ("DELETE", "/rules", operator.reset_rules),
        ]
        self._routes = [(method, re.compile(pattern), route) for method, pattern, route in routes]

    def handle(self, request: HttpRequest) -> _Answer:
        """Answer one request; what is wrong with it is said in a JSON `error`."""
        if why := refusal(request):
            return error_answer(403, why)
        path, _, _ = request.target.partition("?")
        allowed = False
        for method, pattern, route in self._routes:
            if match := pattern.fullmatch(path):
                if method == request.method:
                    return self._answer(route, request, match.groupdict())
                allowed = True
        return error_answer(405, "method not allowed") if allowed else error_answer(404, "no such page")

    def _answer(self, route: _Route, request: HttpRequest, found: dict[str, str]) -> _Answer:
        try:
            return route(request, **{name: int(text) if name == "user_id" else text for name, text in found.items()})
        except (SandboxFull, TooManyStreams) as full:
            return error_answer(503, str(full))
        except LookupError:
            return error_answer(404, "no such user, chat, message or file")
        except (ValueError, TypeError, RecursionError) as problem:
            return error_answer(400, str(problem))

    def _show_page(self, request: HttpRequest, name: str = "index.html") -> HttpResponse:
        return self._pages.get(name)

    def _messages(self, request: HttpRequest, user_id: int) -> HttpResponse:
        return json_answer(200, self._chat(user_id))

    def _stream_chat(self, request: HttpRequest, user_id: int) -> HttpStream:
        people = self._telegram, self._accounts
        return self._streams.open(
            changes({"chat": lambda: self._chat(user_id), "people": lambda: people_view(*people)})
        )

    def _stream_calls(self, request: HttpRequest) -> HttpStream:
        return self._streams.open(self._calls.changes())

    def _people(self, request: HttpRequest) -> HttpResponse:
        return json_answer(200, {"people": people_view(self._telegram, self._accounts)})

    def _add_person(self, request: HttpRequest) -> HttpResponse:
        wanted = object_of(request)
        account = self._accounts.add(text_of(wanted, "first_name"), text_of(wanted, "language_code"))
        return json_answer(200, {"id": account.id})

    def _media(self, request: HttpRequest, file_id: str) -> HttpResponse:
        file = self._telegram.files.get(file_id)
        if file is None:
            raise LookupError
        return file_answer(file, request)

    def _chat(self, user_id: int) -> dict[str, object]:
        return chat_view(self._telegram, user_id, self._accounts.get(user_id))
