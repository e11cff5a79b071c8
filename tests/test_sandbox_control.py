"""The control surface of the stand-in for Telegram: everything that a user does, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import HttpResponse
from sandbox.app import Sandbox
from sandbox.control import Control
from sandbox.control.reading import MAX_JSON
from sandbox.http_server import HttpRequest
from sandbox.samples import png
from sandbox.telegram import DEMO_TOKEN, Telegram
from tests.manual_clock import ManualClock

USER = 7


class Surface:
    """The control surface of a sandbox, asked without a socket."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sandbox = Sandbox(now=self.clock)
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


def test_people_have_names_and_languages_that_go_with_all_they_do(surface: Surface) -> None:
    """Also with presses and inline queries, and where a request has once said otherwise."""
    _, content, _ = surface.ask("POST", "/people", {"first_name": "Ольга", "language_code": "ru"})
    person = json.loads(content)["id"]
    surface.ask("POST", f"/user/{person}/send", {"text": "hi", "language_code": "de"})
    sent = surface.call("sendMessage", chat_id=person, text="menu")["message_id"]
    surface.ask("POST", f"/user/{person}/press", {"message_id": sent, "data": "x"})
    surface.ask("POST", f"/user/{person}/inline", {"query": "x"})
    bodies = [update.body for update in surface.telegram.bot().pending.values()]
    assert [(body["from"]["first_name"], body["from"]["language_code"]) for body in bodies] == [
        ("Ольга", "de"),
        ("Ольга", "ru"),
        ("Ольга", "ru"),
    ]
    _, content, _ = surface.ask("GET", "/people")
    people = json.loads(content)["people"]
    assert [(one["id"], one["first_name"], one["language_code"]) for one in people] == [
        (1001, "Anna", "en"),
        (1002, "Иван", "ru"),
        (person, "Ольга", "ru"),
    ]
    assert people[-1]["bot_message_ids"] == [sent]


def test_a_user_who_is_not_on_the_page_keeps_the_language_of_the_last_message(surface: Surface) -> None:
    surface.post("send", {"text": "hi", "language_code": "ru", "first_name": "Пётр"})
    surface.post("send", {"text": "again"})
    sender = surface.seen()["messages"][-1]["from"]
    assert (sender["first_name"], sender["language_code"]) == ("Пётр", "ru")


def test_a_page_says_edited_where_more_than_the_keyboard_was(surface: Surface) -> None:
    """The bot is told an edit_date of either."""
    surface.post("send", {"text": "/start"})
    first, second = (surface.call("sendMessage", chat_id=USER, text="menu")["message_id"] for _ in range(2))
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
    pressed = surface.call("editMessageReplyMarkup", chat_id=USER, message_id=first, reply_markup=markup)
    surface.call("editMessageText", chat_id=USER, message_id=second, text="other")
    assert pressed["edit_date"]
    assert surface.seen()["edited_message_ids"] == [second]
    surface.post("edit", {"message_id": 1, "text": "/help"})
    assert surface.seen()["edited_message_ids"] == [1, second]


def test_a_page_sees_what_the_bot_has_not_taken_yet(surface: Surface) -> None:
    """Until it asks for what comes after; and a button spins until its press is answered, or for 30 s."""
    surface.post("send", {"text": "/start"})
    sent = surface.call("sendMessage", chat_id=USER, text="menu")["message_id"]
    surface.post("press", {"message_id": sent, "data": "x"})
    seen = surface.seen()
    assert seen["pending_message_ids"] == [1]
    assert [(press["pending"], press["spins"]) for press in seen["presses"]] == [(True, True)]
    last = surface.call("getUpdates")[-1]["update_id"]
    surface.call("getUpdates", offset=last + 1)
    seen = surface.seen()
    assert seen["pending_message_ids"] == []
    assert [(press["pending"], press["spins"]) for press in seen["presses"]] == [(False, True)]
    surface.clock.time += 31
    assert [press["spins"] for press in surface.seen()["presses"]] == [False]


def test_a_page_sees_the_reply_keyboard_until_it_is_removed_and_what_a_reply_is_asked_to(surface: Surface) -> None:
    surface.post("send", {"text": "hi"})
    first = surface.call("sendMessage", chat_id=USER, text="?", reply_markup={"keyboard": [["Yes"]]})["message_id"]
    assert surface.seen()["keyboard"] == {"keyboard": [["Yes"]], "message_id": first}
    surface.call("sendMessage", chat_id=USER, text="x", reply_markup={"remove_keyboard": True})
    assert surface.seen()["keyboard"] is None
    asked = surface.call("sendMessage", chat_id=USER, text="Name?", reply_markup={"force_reply": True})["message_id"]
    surface.post("send", {"text": "Bob", "reply_to_message_id": asked})
    seen = surface.seen()
    assert (seen["keyboard"], seen["messages"][-1]["reply_to_message"]["text"]) == (None, "Name?")


def test_a_page_sees_commands_action_and_draft(surface: Surface) -> None:
    """An action for five seconds, as apps show it."""
    surface.post("send", {"text": "hi", "language_code": "ru"})
    commands = [{"command": "start", "description": "Начать"}]
    surface.call("setMyCommands", commands=commands, language_code="ru")
    surface.call("sendMessageDraft", chat_id=USER, draft_id=1, text="wri")
    surface.call("sendChatAction", chat_id=USER, action="upload_photo")
    seen = surface.seen()
    assert (seen["commands"], seen["draft"], seen["action"]) == (commands, "wri", "upload_photo")
    surface.clock.time += 6
    assert surface.seen()["action"] == ""


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
        ("send", {"text": "x", "reply_to_message_id": 9}, 404),
    ],
)
def test_a_mistake_is_said(surface: Surface, action: str, body: Any, status: int) -> None:
    surface.post(action, body, status)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/updates", {"kind": "x"}),
        ("/updates", {"body": {}}),
        ("/updates", []),
        ("/people", {"first_name": " ", "language_code": "en"}),
        ("/people", {"first_name": "x" * 65, "language_code": "en"}),
        ("/people", {"first_name": "x", "language_code": "English"}),
    ],
)
def test_an_update_or_a_person_that_is_none_is_refused(surface: Surface, target: str, body: Any) -> None:
    assert surface.ask("POST", target, body)[0] == 400


def test_a_request_as_large_as_a_file_is_not_read_as_json(surface: Surface) -> None:
    status, content, _ = surface.ask("POST", "/user/1001/send", b'{"text": "x"}' + b" " * MAX_JSON)
    assert (status, b"at most" in content) == (400, True)


def test_a_file_that_is_not_there_is_not_found(surface: Surface) -> None:
    assert surface.ask("GET", "/media/nothing")[0] == 404


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_file_can_be_had(
    surface: Surface, asked: str, status: int, content: bytes, content_range: str | None
) -> None:
    """As browsers ask that seek in a video (RFC 9110, 14)."""
    surface.post("file?kind=document&name=x.bin", b"0123456789")
    target = f"/media/{surface.seen()['messages'][0]['document']['file_id']}"
    found, part, headers = surface.ask("GET", target, range=asked)
    assert (found, part, headers.get("Content-Range")) == (status, content, content_range)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8081", "origin": "http://127.0.0.1:8081"}, 200),
        ({"host": "LOCALHOST:8081", "origin": "http://localhost:8081"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "evil.example:8081"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "localhost:8081", "origin": "http://evil.example"}, 403),
        ({"host": "localhost:8081", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost:8081", "origin": "https://localhost:8081"}, 403),
        ({"host": "localhost:8081", "origin": "null"}, 403),
    ],
)
def test_pages_of_other_origins_are_kept_out(surface: Surface, headers: dict[str, str], status: int) -> None:
    assert surface.ask("POST", f"/user/{USER}/send", {"text": "x"}, **headers)[0] == status


def test_the_page_and_its_files_run_nothing_but_their_own_scripts(surface: Surface) -> None:
    for target, content_type in [
        ("/", "text/html; charset=utf-8"),
        ("/page/messenger.js", "text/javascript; charset=utf-8"),
    ]:
        status, _, headers = surface.ask("GET", target)
        assert (status, headers["Content-Type"]) == (200, content_type)
        assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert surface.ask("GET", "/page/nothing.js")[0] == 404
