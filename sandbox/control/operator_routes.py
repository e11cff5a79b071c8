"""What no user can do, over HTTP: order faults, break rules, push updates, read what the bot has called and sent."""

from __future__ import annotations

from dataclasses import asdict

from sandbox.api import HttpResponse
from sandbox.control.reading import json_answer, object_of, query_of, text_of, update_answer
from sandbox.faults import Faults
from sandbox.http_server import HttpRequest
from sandbox.telegram import Telegram

CALLS_SHOWN = 10_000


class OperatorRoutes:
    """Each method answers one request. They raise ValueError or TypeError for one that makes no sense."""

    def __init__(self, telegram: Telegram, faults: Faults) -> None:
        self._telegram = telegram
        self._faults = faults

    def push(self, request: HttpRequest) -> HttpResponse:
        """Any update for the bot."""
        wanted = object_of(request)
        body = wanted.get("body")
        if not isinstance(body, dict):
            raise ValueError("body must be an object")  # noqa: TRY004 - answered with 400
        return update_answer(self._telegram.push_update(text_of(wanted, "kind"), body))

    def calls(self, request: HttpRequest) -> HttpResponse:
        """The calls so far, by method, chat and status."""
        asked = query_of(request)
        calls = self._telegram.call_log.find(
            asked.get("method"),
            chat_id=int(asked["chat_id"]) if "chat_id" in asked else None,
            status=int(asked["status"]) if "status" in asked else None,
        )
        return json_answer(200, {"calls": [asdict(call) for call in calls[-CALLS_SHOWN:]]})

    def sent(self, request: HttpRequest) -> HttpResponse:
        """What the bot was let send."""
        asked = query_of(request)
        sent = self._telegram.sent(
            int(asked["chat_id"]) if "chat_id" in asked else None, since=float(asked.get("since", 0))
        )
        return json_answer(200, {"sent": [asdict(message) for message in sent]})

    def list_faults(self, request: HttpRequest) -> HttpResponse:
        """What is ordered and not yet used up."""
        return json_answer(200, {"faults": [asdict(fault) for fault in self._faults.rules]})

    def order_fault(self, request: HttpRequest) -> HttpResponse:
        """One more; answers with it."""
        wanted = object_of(request)
        return json_answer(200, asdict(self._faults.order(wanted.pop("kind", ""), **wanted)))

    def clear_faults(self, request: HttpRequest) -> HttpResponse:
        """Take all orders back."""
        self._faults.clear()
        return self.list_faults(request)

    def show_rules(self, request: HttpRequest) -> HttpResponse:
        """How ids are handed out and edits answered."""
        return json_answer(200, asdict(self._telegram.rules))

    def change_rules(self, request: HttpRequest) -> HttpResponse:
        """Break some of them."""
        self._telegram.rules.change(**object_of(request))
        return self.show_rules(request)

    def reset_rules(self, request: HttpRequest) -> HttpResponse:
        """Back to the documented ones."""
        self._telegram.rules.reset()
        return self.show_rules(request)
