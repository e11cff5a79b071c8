"""What a user does, over HTTP: write, send files, edit, press, ask inline, block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api import HttpResponse
from sandbox.control.accounts import Accounts
from sandbox.control.reading import json_answer, number_of, object_of, query_of, text_of, update_answer
from sandbox.files import FileKind
from sandbox.http_server import HttpRequest
from sandbox.media_methods import MAX_ALBUM
from sandbox.people import Where
from sandbox.telegram import Telegram


class UserRoutes:
    """Each method carries out one request of a user's app, and answers it.

    They raise ValueError or TypeError for a request that makes no sense, and LookupError for a user, a chat or a
    message that is not there.
    """

    def __init__(self, telegram: Telegram, accounts: Accounts) -> None:
        self._telegram = telegram
        self._accounts = accounts

    def send(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """A text, perhaps a reply."""
        wanted = object_of(request)
        text, where = text_of(wanted, "text"), self._where(user_id, wanted)
        reply_to = number_of(wanted, "reply_to_message_id") if "reply_to_message_id" in wanted else None
        return update_answer(self._telegram.user_sends_text(user_id, text, reply_to=reply_to, **where))

    def send_file(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """The body as a file, or a made-up one."""
        asked = query_of(request)
        where = {name: int(asked[name]) for name in ("chat_id", "thread_id") if name in asked}
        update = self._telegram.user_sends_file(
            user_id,
            asked.get("kind", FileKind.DOCUMENT),
            request.body or None,
            name=asked.get("name", ""),
            caption=asked.get("caption", ""),
            details={name: int(asked[name]) for name in ("duration", "width", "height") if name in asked},
            **self._where(user_id, asked | where),
        )
        return update_answer(update)

    def send_album(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Several made-up files at once."""
        wanted = object_of(request)
        kinds = wanted.get("kinds", ["photo", "photo"])
        if not isinstance(kinds, list) or not 1 <= len(kinds) <= MAX_ALBUM:
            raise ValueError(f"kinds is a list of 1 to {MAX_ALBUM}")
        caption = text_of(wanted, "caption", "")
        updates = self._telegram.user_sends_album(user_id, kinds, caption=caption, **self._where(user_id, wanted))
        return json_answer(200, {"update_ids": [update.id if update else None for update in updates]})

    def edit(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Another text for a message."""
        wanted = object_of(request)
        self._refresh(user_id, wanted)
        message_id, text = number_of(wanted, "message_id"), text_of(wanted, "text")
        chat_id = number_of(wanted, "chat_id", user_id)
        return update_answer(self._telegram.user_edits(user_id, message_id, text, chat_id=chat_id))

    def press(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """A press of a button."""
        wanted = object_of(request)
        self._refresh(user_id, wanted)
        chat_id = number_of(wanted, "chat_id", user_id)
        message_id, data = number_of(wanted, "message_id"), text_of(wanted, "data")
        return update_answer(self._telegram.user_presses(user_id, chat_id, message_id, data))

    def ask_inline(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Words behind the bot's name."""
        wanted = object_of(request)
        where = self._where(user_id, wanted)
        update = self._telegram.user_asks_inline(
            user_id,
            text_of(wanted, "query", ""),
            offset=text_of(wanted, "offset", ""),
            language_code=where["language_code"],
            first_name=where["first_name"],
        )
        return update_answer(update)

    def choose(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """One of the results of an inline query."""
        wanted = object_of(request)
        self._refresh(user_id, wanted)
        query_id, result_id = text_of(wanted, "query_id"), text_of(wanted, "result_id")
        return update_answer(self._telegram.user_chooses(user_id, query_id, result_id))

    def block(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """No word from the bot any more."""
        return update_answer(self._telegram.user_blocks_bot(user_id))

    def unblock(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """The bot may write again."""
        return update_answer(self._telegram.user_unblocks_bot(user_id))

    def freeze(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """The bot cannot edit the message any more."""
        self._telegram.refuse_edits(user_id, number_of(object_of(request), "message_id"))
        return json_answer(200, {})

    def _where(self, user_id: int, wanted: Mapping[str, Any]) -> Where:
        """Who and where, of what a user sends: what is not said is as it was last, in the chat with the bot."""
        first_name, language = self._known(user_id)
        language = wanted.get("language_code", language)
        if not (language is None or isinstance(language, str)):
            raise ValueError("language_code must be a string")
        where: Where = {"language_code": language, "first_name": text_of(wanted, "first_name", first_name)}
        if "chat_type" in wanted:
            where["chat_type"], where["chat_id"] = text_of(wanted, "chat_type"), number_of(wanted, "chat_id")
        if "thread_id" in wanted:
            where["thread_id"] = number_of(wanted, "thread_id")
        return where

    def _known(self, user_id: int) -> tuple[str, str | None]:
        """The name and the language: a person's of the page, or those that the user had last."""
        if account := self._accounts.get(user_id):
            return account.first_name, account.language_code
        user = self._telegram.users.get(user_id, {"first_name": "User", "language_code": "en"})
        return user["first_name"], user.get("language_code")

    def _refresh(self, user_id: int, wanted: Mapping[str, Any]) -> None:
        """Let what has no place for a name and a language carry them too. A user who never wrote stays unknown."""
        if user_id in self._telegram.users:
            where = self._where(user_id, wanted)
            self._telegram.user(user_id, where["first_name"], where["language_code"])
