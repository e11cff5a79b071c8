"""The control surface of the stand-in for Telegram: everything that a user does, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import HttpResponse
from sandbox.app import Sandbox
from sandbox.control import Control
from sandbox.http_server import HttpRequest
from sandbox.samples import png
from sandbox.telegram import DEMO_TOKEN, Telegram
from tests.manual_clock import ManualClock

USER = 7


class Surface:
    """The control surface of a sandbox, asked without a socket."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(now=ManualClock())
        self.telegram: Telegram = self.sandbox.telegram
        self._control = Control(self.telegram, self.sandbox.faults)

    def ask(
        self, method: str, target: str, body: bytes | Any = b"", **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers; `body` is bytes, or JSON to be, `headers` are the request's."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._control.handle(HttpRequest(method, target, "application/json", content, headers))
        assert isinstance(answer, HttpResponse)
        return answer.status, answer.content, dict(answer.headers)

    def post(self, action: str, body: Any, status: int = 200) -> None:
        found, content, _ = self.ask("POST", f"/user/{USER}/{action}", body)
        assert found == status, content

    def seen(self) -> dict[str, Any]:
        _, content, _ = self.ask("GET", f"/user/{USER}/messages")
        seen: dict[str, Any] = json.loads(content)
        return seen

    def call(self, method: str, **params: Any) -> Any:
        return self.telegram.call(DEMO_TOKEN, method, params).body["result"]


@pytest.fixture
def surface() -> Surface:
    return Surface()


def test_a_person_sends_files_and_sees_them(surface: Surface) -> None:
    """The content of a file can be had for the page, as what it is."""
    picture = png(30, 20)
    surface.post("file?kind=photo&name=cat.png&caption=A%20cat&language_code=ru", picture)
    surface.post("file?kind=voice", b"")
    photo, voice = surface.seen()["messages"]
    assert (photo["caption"], photo["from"]["language_code"]) == ("A cat", "ru")
    status, content, headers = surface.ask("GET", f"/media/{photo['photo'][-1]['file_id']}")
    assert (status, content, headers["Content-Type"]) == (200, picture, "image/png")
    _, _, headers = surface.ask("GET", f"/media/{voice['voice']['file_id']}")
    assert headers["Content-Type"] == "audio/ogg"


def test_a_page_that_was_sent_as_a_file_is_not_shown_as_one(surface: Surface) -> None:
    """It would run as a page of the sandbox's own."""
    surface.post("file?kind=document&name=x.html", b"<script>")
    document = surface.seen()["messages"][0]["document"]
    _, _, headers = surface.ask("GET", f"/media/{document['file_id']}")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_person_edits_presses_blocks_and_comes_back(surface: Surface) -> None:
    surface.post("send", {"text": "/strat"})
    surface.post("edit", {"message_id": 1, "text": "/start"})
    sent = surface.call("sendMessage", chat_id=USER, text="menu")["message_id"]
    surface.post("press", {"message_id": sent, "data": "x"})
    surface.post("freeze", {"message_id": sent})
    assert (
        surface.telegram.call(DEMO_TOKEN, "editMessageText", {"chat_id": USER, "message_id": sent, "text": "x"}).status
        == 400
    )
    surface.post("album", {"kinds": ["photo", "video"], "caption": "two"})
    surface.post("block", {})
    surface.post("unblock", {})
    kinds = [update.kind for update in surface.telegram.bot().pending.values()]
    assert kinds == ["message", "edited_message", "callback_query", *["message"] * 2, *["my_chat_member"] * 2]


def test_a_person_writes_in_a_topic_of_a_group(surface: Surface) -> None:
    where = {"chat_type": "supergroup", "chat_id": -100, "thread_id": 3}
    surface.post("send", {"text": "/start", **where})
    surface.post("file?kind=photo&chat_type=supergroup&chat_id=-100&thread_id=3", b"")
    assert [message["message_thread_id"] for message in surface.telegram.messages(-100)] == [3, 3]


def test_a_person_asks_inline_and_chooses(surface: Surface) -> None:
    surface.post("send", {"text": "/start"})
    surface.post("inline", {"query": "kling"})
    query = surface.seen()["inline_queries"][-1]
    card = {"type": "article", "id": "1", "title": "K", "input_message_content": {"message_text": "Kling"}}
    surface.call("answerInlineQuery", inline_query_id=query["id"], results=[card])
    assert surface.seen()["inline_queries"][-1]["results"] == [card]
    surface.post("choose", {"query_id": query["id"], "result_id": "1"})
    assert surface.seen()["messages"][-1]["text"] == "Kling"


def test_a_page_sees_commands_action_and_draft(surface: Surface) -> None:
    surface.post("send", {"text": "hi", "language_code": "ru"})
    commands = [{"command": "start", "description": "Начать"}]
    surface.call("setMyCommands", commands=commands, language_code="ru")
    surface.call("sendMessageDraft", chat_id=USER, draft_id=1, text="wri")
    surface.call("sendChatAction", chat_id=USER, action="upload_photo")
    seen = surface.seen()
    assert (seen["commands"], seen["draft"], seen["action"]) == (commands, "wri", "upload_photo")


def test_any_update_can_be_pushed(surface: Surface) -> None:
    status, _, _ = surface.ask("POST", "/updates", {"kind": "poll", "body": {"id": "1"}})
    assert status == 200
    assert [update.kind for update in surface.telegram.bot().pending.values()] == ["poll"]


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("send", {"text": 1}, 400),
        ("send", {"text": "x", "language_code": 1}, 400),
        ("send", {"text": "x", "chat_type": "group"}, 400),
        ("send", [], 400),
        ("file?kind=cat", b"", 400),
        ("file?kind=photo", b"no picture", 400),
        ("file?chat_id=x", b"", 400),
        ("album", {"kinds": []}, 400),
        ("album", {"kinds": "photo"}, 400),
        ("edit", {"message_id": 9, "text": "x"}, 404),
        ("edit", {"message_id": "1", "text": "x"}, 400),
        ("press", {"message_id": 9, "data": "x"}, 404),
        ("choose", {"query_id": "1", "result_id": "1"}, 404),
        ("freeze", {"message_id": 9}, 404),
        ("unblock", {}, 404),
    ],
)
def test_a_mistake_is_said(surface: Surface, action: str, body: Any, status: int) -> None:
    surface.post(action, body, status)


@pytest.mark.parametrize(
    ("target", "body"), [("/updates", {"kind": "x"}), ("/updates", {"body": {}}), ("/updates", [])]
)
def test_an_update_that_is_none_is_refused(surface: Surface, target: str, body: Any) -> None:
    assert surface.ask("POST", target, body)[0] == 400


def test_a_file_that_is_not_there_is_not_found(surface: Surface) -> None:
    assert surface.ask("GET", "/media/nothing")[0] == 404
