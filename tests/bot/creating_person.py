"""Somebody who creates with the bot, over decide() alone: the state and the jobs are kept as the service keeps them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from svc.bot.catalog import Catalog, load_catalog
from svc.bot.menu_bot import MenuBot
from svc.bot.view import units
from svc.handler.job import Job, JobRequest, JobState, ResultFile
from svc.handler.known import Creating, Known, Me
from svc.handler.reply import Call, RemoteFile, Reply
from telegram_client.updates import CallbackQuery, Chat, File, Message, Update, User
from tests.bot.snapshots import draw_calls

SET_UP = Creating(frozenset({"kie"}))
CATALOG = load_catalog()
_TAGS = re.compile(r"</?(?:b|i|code)>|<a href=\"[^\"<>]*\">|</a>")


@dataclass
class Shown:
    """A message of the bot: its words as a person reads them, and its buttons by their labels."""

    method: str
    params: dict[str, Any]

    @property
    def text(self) -> str:
        markup = str(self.params.get("text", self.params.get("caption", "")))
        return html.unescape(_TAGS.sub("", markup))

    @property
    def buttons(self) -> dict[str, str]:
        rows = self.params.get("reply_markup", {}).get("inline_keyboard", [])
        return {button["text"]: button.get("callback_data", button.get("url")) for row in rows for button in row}


class Person:
    """One private chat with the bot. Each step returns what came of it. `alert` is the latest answer to a press,
    `story` all that was done and said."""

    def __init__(self, language: str = "en", creating: Creating = SET_UP, catalog: Catalog = CATALOG) -> None:
        self.bot = MenuBot(catalog)
        self.user = User(5, language)
        self.creating = creating
        self.now = 1_800_000_000.0
        self.state: dict[str, Any] = {}
        self.jobs: list[Job] = []
        self.messages: dict[int, Shown] = {}
        self.alert: str | None = None
        self.orders: list[JobRequest] = []
        self.story: list[str] = []
        self._next = 100

    # What a person does

    def says(self, text: str) -> Shown | None:
        return self._writes(text=text)

    def sends(self, *, caption: str | None = None, album: str | None = None, **files: Any) -> Shown | None:
        return self._writes(caption=caption, media_group_id=album, **files)

    def sends_photo(self, name: str = "photo", caption: str | None = None, album: str | None = None) -> Shown | None:
        return self.sends(photo=(File(f"small-{name}", 900), File(name, 90_000)), caption=caption, album=album)

    def presses(self, label: str, on: Shown | None = None) -> Shown | None:
        """A press on the button with that label (or the only one that contains it) of a message, by default the latest
        that has it."""
        for message_id, shown in reversed(self.messages.items()):
            if on is not None and shown is not on:
                continue
            found = [text for text in shown.buttons if text == label] or [t for t in shown.buttons if label in t]
            if found:
                return self.presses_data(shown.buttons[found[0]], message_id)
        raise AssertionError(f"nobody sees a button {label!r}: {[m.buttons for m in self.messages.values()]}")

    def presses_data(self, data: str, message_id: int, *, age: float = 0.0) -> Shown | None:
        shown = self.messages.get(message_id)
        self._tells(
            f"[{next((text for text, found in (shown.buttons if shown else {}).items() if found == data), data)}]"
        )
        has_text = shown is None or "text" in shown.params
        message = Message(message_id, Chat(5), date=1, text="menu" if has_text else None, photo=_photo(not has_text))
        query = CallbackQuery("q", self.user, message, data)
        return self._told(Update(self._id(), callback_query=query), age)

    def opens(self, model_id: str) -> Shown | None:
        """The card of a model, by its link, and then Create."""
        model = next(model for model in self.bot.catalog.models if model.model_id == model_id)
        self.says(f"/start {model.key}")
        return self.presses("Create" if self.user.language_code == "en" else "Создать")

    # What the provider does

    def job(self) -> Job:
        return self.jobs[0]

    def job_goes(self, state: JobState, **changes: Any) -> Job:
        """The latest job, as the engine has it now."""
        self.jobs[0] = msgspec.structs.replace(self.jobs[0], state=state, **changes)
        return self.jobs[0]

    def sees_progress(self) -> tuple[Call, ...]:
        self._tells(f"(the job is {self.jobs[0].state})")
        calls = tuple(self.bot.progress(self.jobs[0], self.known()))
        self._made(Reply(calls))
        return calls

    def job_ends(self, state: JobState, *results: ResultFile, **changes: Any) -> Reply:
        job = self.job_goes(state, results=results, ended_at=self.now, **changes)
        self._tells(f"(the job is {state})")
        reply = self.bot.finished(job, self.known())
        self._made(reply)
        if state == "ready":
            self.job_goes("delivered", sent_id=max(self.messages), file_id="of-telegram", file_kind="photo")
        return reply

    def known(self, age: float = 0.0) -> Known:
        jobs = tuple(self.jobs)
        return Known(Me(1, "the_bot"), self.state, self.now, age, jobs, self.creating)

    def draft(self) -> dict[str, Any]:
        """What has been given so far."""
        given: dict[str, Any] = self.state["draft"].get("given", {})
        return given

    def latest(self) -> Shown:
        return self.messages[max(self.messages)]

    # As the service does it

    def _writes(self, **contents: Any) -> Shown | None:
        message_id = self._id()
        self._tells(
            contents.get("text") or " ".join(name for name in contents if contents[name] and name != "media_group_id")
        )
        message = Message(message_id, Chat(5), self.user, date=int(self.now), **contents)
        return self._told(Update(message_id, message=message))

    def _told(self, update: Update, age: float = 0.0) -> Shown | None:
        known = self.known(age)
        if not self.bot.wants_jobs(update, self.state):
            known = replace(known, jobs=())
        reply = self.bot.decide(update, known)
        self.alert = None
        if reply.state is not None:
            self.state = msgspec.json.decode(msgspec.json.encode(reply.state))
        shown = self._made(reply)
        if reply.job is not None:
            self.orders.append(reply.job)
            self.jobs.insert(0, self._new_job(update.update_id, reply.job))
        if reply.cancel is not None:
            self.jobs = [
                msgspec.structs.replace(job, state="cancelled") if job.job_id == reply.cancel else job
                for job in self.jobs
            ]
        return shown

    def _tells(self, what: str) -> None:
        self.story.append(f"> {what}\n")

    def _made(self, reply: Reply) -> Shown | None:
        self.story.append(draw_calls([call for call in reply.calls if call.params.keys() != {"callback_query_id"}]))
        for other in reply.instead:
            for call in other:
                check(call)
        shown = None
        for call in reply.calls:
            check(call)
            if call.method == "answerCallbackQuery":
                self.alert = call.params.get("text")
                continue
            message_id = call.params["message_id"] if call.method.startswith("edit") else self._id()
            shown = self.messages[message_id] = Shown(call.method, dict(call.params))
        return shown

    def _new_job(self, update_id: int, order: JobRequest) -> Job:
        order = msgspec.json.decode(msgspec.json.encode(order), type=JobRequest)
        status = order.status_message_id or max(self.messages)
        return Job(
            update_id, 5, order.user_id, order.provider, order.model, order.input, order.context, "wanted", self.now,
            status,
        )  # fmt: skip

    def _id(self) -> int:
        self._next += 1
        return self._next


def check(call: Call) -> None:
    """Telegram would take it: limits, and HTML with nothing in it but our own tags."""
    params = call.params
    for name, most in (("text", 4096), ("caption", 1024)):
        if name in params and call.method != "answerCallbackQuery":
            bare = _TAGS.sub("", params[name])
            assert "<" not in bare
            assert ">" not in bare
            assert 0 < units(html.unescape(bare)) <= most
            assert params["parse_mode"] == "HTML"
    if call.method == "answerCallbackQuery":
        assert units(params.get("text", "")) <= 200
    for row in params.get("reply_markup", {}).get("inline_keyboard", []):
        for button in row:
            assert 0 < units(button["text"]) <= 64
            assert 0 < len(button.get("callback_data", "x").encode()) <= 64
    for value in params.values():
        assert isinstance(value, str | int | dict | bool | RemoteFile)


def result(url: str = "https://files/1.png", kind: Any = "photo", size: int | None = 1000) -> ResultFile:
    """One file that a job has made."""
    return ResultFile(url, kind, url.rsplit("/", 1)[-1], size)


def _photo(there: bool) -> tuple[File, ...]:
    return (File("shown"),) if there else ()
