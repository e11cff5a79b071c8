"""Updates of every kind, shaped as Telegram sends them (https://core.telegram.org/bots/api#update), each from a seed.

They come from a few people and groups that the bot knows, so that most are worth an answer, and press every button and
write every command that this bot has.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from svc.bot.routes import COMMANDS, PRESSES

Document = dict[str, Any]

PEOPLE = range(1001, 1021)
GROUPS = range(-2004, -2000)
LANGUAGES = ("en", "ru", "pt-br", "uk", "")
TEXTS = (
    "hello", "menu", "меню", "отмена", "video", "qwertz", "картинка с котом", "nano banana", "a" * 4096,
    "👩‍👩‍👧‍👦 e\u0301",
    "\u202eright to left\u202c שלום", "line\nline\ttab", "<b>not bold</b> &amp; \\ \" '", "{}", "%s%n{0}", " ",
)  # fmt: skip
DATA = ("1", "2", "x", "kie", "", "video", "0", "99999999999999999999", "veo3", "de", "ru", "en", "-1", "текст")
FILE = {"file_id": "AgACAgIAAxkBAAIBhGYk", "file_unique_id": "AQADvbQxG", "file_size": 4096}
PICTURE = {**FILE, "width": 90, "height": 67}
ENTITY = {"type": "bot_command", "offset": 0, "length": 6}
PLACE = {"latitude": 55.75, "longitude": 37.61}
SERVICE: tuple[Document, ...] = (
    {"new_chat_members": [{"id": 1001, "is_bot": False, "first_name": "New"}]},
    {"left_chat_member": {"id": 1002, "is_bot": False, "first_name": "Gone"}},
    {"new_chat_title": "Title"},
    {"pinned_message": {"message_id": 3, "date": 1790000000, "chat": {"id": 1001, "type": "private"}, "text": "pin"}},
    {"migrate_to_chat_id": -1002000000001},
    {"group_chat_created": True},
    {"successful_payment": {"currency": "XTR", "total_amount": 1, "invoice_payload": "x"}},
    {"web_app_data": {"data": "{}", "button_text": "open"}},
    {"forum_topic_created": {"name": "Topic", "icon_color": 7322096}},
)
CONTENTS: tuple[Document, ...] = (
    {"photo": [PICTURE, {**PICTURE, "width": 1280, "height": 960}], "caption": "make it blue"},
    {"video": {**PICTURE, "duration": 5, "mime_type": "video/mp4"}},
    {"animation": {**PICTURE, "duration": 2}, "document": FILE},
    {"audio": {**FILE, "duration": 200, "mime_type": "audio/mpeg", "title": "Song"}},
    {"voice": {**FILE, "duration": 3, "mime_type": "audio/ogg"}},
    {"video_note": {**FILE, "duration": 3, "length": 240}},
    {"document": {**FILE, "file_name": "a.pdf", "mime_type": "application/pdf"}},
    {"sticker": {**PICTURE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "🐈"}},
    {"location": PLACE},
    {"venue": {"location": PLACE, "title": "Square", "address": "1"}, "location": PLACE},
    {"contact": {"phone_number": "+100", "first_name": "Anna"}},
    {"dice": {"emoji": "🎲", "value": 6}},
    {"poll": {"id": "5", "question": "?", "options": [{"text": "a", "voter_count": 0}], "type": "regular"}},
    {"game": {"title": "Game", "description": "", "photo": [PICTURE]}},
    {"story": {"chat": {"id": 1001, "type": "private"}, "id": 4}},
    {"paid_media": {"star_count": 1, "paid_media": [{"type": "preview"}]}},
    {"checklist": {"title": "List", "tasks": [{"id": 1, "text": "one"}]}},
)


class Updates:
    """Makes updates from a seeded source of chance; `now` is Unix time, which messages have as their date."""

    def __init__(self, rng: random.Random, now: int) -> None:
        self._rng = rng
        self._now = now

    def next(self, update_id: int) -> Document:
        """An update of some kind, with this id."""
        kind = self._rng.choice(FREQUENT if self._rng.random() < 0.5 else tuple(KINDS))
        return {"update_id": update_id, kind: KINDS[kind](self)}

    def message(self) -> Document:
        """A message of a person, in private or in a group: a command, a text, a file, a service message."""
        content = self._rng.choice((self._command, self._text, self._content, self._service))()
        return {**self._head(), **content, **self._extras()}

    def post(self) -> Document:
        """A message of a channel, which nobody has sent."""
        chat = {"id": -1003000000001, "type": "channel", "title": "Channel"}
        return {"message_id": self._number(), "date": self._now, "chat": chat, "sender_chat": chat, **self._text()}

    def edited(self) -> Document:
        """A message that was changed."""
        return {**self.message(), "edit_date": self._now}

    def press(self) -> Document:
        """A press of a button: under a message of the bot's, of one that is too old, or of one sent inline."""
        person = self._rng.choice(PEOPLE)
        bot = {"id": 424242, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"}
        message = {"message_id": self._number(), "date": self._now, "from": bot, "chat": self._private(person)}
        of = self._rng.choice(
            ({"message": {**message, "text": "menu"}}, {"message": {**message, "date": 0}}, {"inline_message_id": "i"})
        )
        data = {"data": self._data()} if self._rng.random() < 0.95 else {"game_short_name": "game"}
        return {"id": str(self._rng.getrandbits(62)), "from": self._user(person), "chat_instance": "1", **of, **data}

    def inline_query(self) -> Document:
        """Somebody types the bot's name."""
        return {**self._query(), "query": self._rng.choice(TEXTS), "offset": self._rng.choice(("", "20", "-1", "x"))}

    def chosen(self) -> Document:
        """What somebody has chosen of an inline answer."""
        return {"result_id": "veo3", "from": self._anybody(), "query": "", "inline_message_id": "i"}

    def member(self) -> Document:
        """Somebody's membership, the bot's own as a rule, has changed."""
        chat, person = self._chat()
        states = [{"user": self._user(person), "status": self._rng.choice(("member", "kicked", "left"))} for _ in "12"]
        return {
            "chat": chat, "from": self._user(person), "date": self._now, "old_chat_member": states[0],
            "new_chat_member": states[1],
        }  # fmt: skip

    def question(self) -> Document:
        """A question before a payment or a delivery."""
        return {**self._query(), "currency": "XTR", "total_amount": 1, "invoice_payload": "x"}

    def of_a_chat(self) -> Document:
        """What a kind tells of a chat that this bot does not read: reactions, boosts, requests to join."""
        chat, person = self._chat()
        return {"chat": chat, "user": self._user(person), "message_id": self._number(), "date": self._now, "boost": {}}

    def of_a_person(self) -> Document:
        """What a kind tells of a person that this bot does not read: a business connection, an answer to a poll."""
        return {"id": "b", "user": self._anybody(), "poll_id": "5", "option_ids": [0], "date": self._now}

    def poll(self) -> Document:
        """The state of a poll, which names nobody."""
        return {"id": "5", "question": "?", "options": [{"text": "a", "voter_count": 1}], "is_closed": False}

    def _head(self) -> Document:
        chat, person = self._chat()
        return {"message_id": self._number(), "from": self._user(person), "chat": chat, "date": self._now}

    def _extras(self) -> Document:
        """What a message may say besides; nothing as a rule."""
        extras: tuple[Document, ...] = (
            {"reply_to_message": {**self._head(), "text": "before"}},
            {"message_thread_id": 5, "is_topic_message": True},
            {"forward_origin": {"type": "hidden_user", "sender_user_name": "Nobody", "date": self._now}},
            {"media_group_id": "77"},
            {"via_bot": {"id": 424242, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"}},
            {"direct_messages_topic": {"topic_id": 3}},
            {"link_preview_options": {"is_disabled": True}, "has_protected_content": True},
        )
        return self._rng.choice(extras) if self._rng.random() < 0.3 else {}

    def _command(self) -> Document:
        name = self._rng.choice([*COMMANDS, "nonsense"])
        to = self._rng.choice(("", "", "@sandbox_bot", "@another_bot"))
        argument = self._rng.choice(("", f" {self._data()}", f" {self._rng.choice(TEXTS)}"))
        return {"text": f"/{name}{to}{argument}", "entities": [ENTITY]}

    def _text(self) -> Document:
        return {"text": self._rng.choice(TEXTS)}

    def _content(self) -> Document:
        return dict(self._rng.choice(CONTENTS))

    def _service(self) -> Document:
        return dict(self._rng.choice(SERVICE))

    def _data(self) -> str:
        """What a button of this bot's may hold, and what an old or a foreign one may."""
        parts = [self._rng.choice([*PRESSES, "gone"]), *self._rng.choices(DATA, k=self._rng.randrange(4))]
        return ":".join(parts)

    def _chat(self) -> tuple[Document, int]:
        """A chat, and a person in it."""
        person = self._rng.choice(PEOPLE)
        if self._rng.random() < 0.8:
            return self._private(person), person
        kind = self._rng.choice(("group", "supergroup"))
        return {"id": self._rng.choice(GROUPS), "type": kind, "title": "Group", "is_forum": False}, person

    def _private(self, person: int) -> Document:
        return {"id": person, "type": "private", "first_name": "User"}

    def _anybody(self) -> Document:
        return self._user(self._rng.choice(PEOPLE))

    def _user(self, person: int) -> Document:
        return {"id": person, "is_bot": False, "first_name": "User", "language_code": self._rng.choice(LANGUAGES)}

    def _query(self) -> Document:
        return {"id": str(self._rng.getrandbits(62)), "from": self._anybody()}

    def _number(self) -> int:
        return self._rng.randrange(1, 2**31)


KINDS: dict[str, Callable[[Updates], Document]] = {
    "message": Updates.message,
    "edited_message": Updates.edited,
    "channel_post": Updates.post,
    "edited_channel_post": Updates.post,
    "business_connection": Updates.of_a_person,
    "business_message": Updates.message,
    "edited_business_message": Updates.edited,
    "deleted_business_messages": Updates.of_a_chat,
    "guest_message": Updates.message,
    "message_reaction": Updates.of_a_chat,
    "message_reaction_count": Updates.of_a_chat,
    "inline_query": Updates.inline_query,
    "chosen_inline_result": Updates.chosen,
    "callback_query": Updates.press,
    "shipping_query": Updates.question,
    "pre_checkout_query": Updates.question,
    "purchased_paid_media": Updates.question,
    "poll": Updates.poll,
    "poll_answer": Updates.of_a_person,
    "my_chat_member": Updates.member,
    "chat_member": Updates.member,
    "chat_join_request": Updates.member,
    "chat_boost": Updates.of_a_chat,
    "removed_chat_boost": Updates.of_a_chat,
    "a_kind_of_tomorrow": Updates.of_a_person,
}
FREQUENT = ("message", "callback_query")
"""Every other update is one of these: they are what the bot does most about."""
