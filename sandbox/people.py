"""What users do: they write, send files, edit, press, ask inline, block. Each is an update for the bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from sandbox.answers import BLOCKED
from sandbox.chats import thread_fields
from sandbox.files import FileKind, is_picture
from sandbox.params import Upload
from sandbox.queries import result_content
from sandbox.samples import sample
from sandbox.state import BotState, ChatState, InlineQuery, MessageObject, PendingUpdate, Press, StoredMessage
from sandbox.texts import written
from sandbox.world import World


class Where(TypedDict, total=False):
    """Who sends, and where to: without any of these the user called User, in English, in private to the first bot.

    A group has a `chat_type` other than "private" and its `chat_id`; `chat` are further fields of a new chat, such as
    `is_forum`. `thread_id` is a thread in it.
    """

    language_code: str | None
    first_name: str
    chat_type: str
    chat_id: int | None
    chat: Mapping[str, Any]
    thread_id: int | None
    token: str | None


class People(World):
    """The users of one Telegram. Whoever writes to the bot has started it."""

    def user_sends_text(
        self, user_id: int, text: str, *, reply_to: int | None = None, **where: Unpack[Where]
    ) -> PendingUpdate | None:
        """A user writes to the bot, or into a group (`chat_type` "group" or "supergroup", with its negative `chat_id`).

        In private this also starts or unblocks the bot. `reply_to` is the id of the message that it answers. Returns
        the update; None if the bot does not want messages. Raises SandboxFull, ValueError for an empty text, and
        LookupError if there is no message to reply to.
        """
        if not text:
            raise ValueError("a message needs a text")
        content: dict[str, Any] = written(text).fields("text")
        if reply_to is not None:
            chat = self.bot(where.get("token")).chats[where.get("chat_id") or user_id]
            replied = chat.messages[reply_to].body.items()
            content["reply_to_message"] = {name: value for name, value in replied if name != "reply_to_message"}
            if chat.keyboard == {"force_reply": True, "message_id": reply_to}:
                chat.keyboard = None
        return self.user_sends(user_id, content, **where)

    def user_sends(self, user_id: int, content: Mapping[str, Any], **where: Unpack[Where]) -> PendingUpdate | None:
        """A user sends a message of any content: the fields of a Message besides who, where and when.

        Else like `user_sends_text`.
        """
        token, chat_type = where.get("token"), where.get("chat_type", "private")
        first_name = where.get("first_name", "User")
        bot = self.bot(token)
        self.check_room(bot)
        user = self.user(user_id, first_name, where.get("language_code", "en"))
        more = where.get("chat", {})
        if chat_type == "private":
            chat = self.chat(bot, {"id": user_id, "first_name": first_name, "type": chat_type, **more})
            self._set_blocked(bot, chat, user, blocked=False)
        elif where.get("chat_id") is None:
            raise ValueError("a group needs a chat_id")
        else:
            chat = self.chat(bot, {"id": where["chat_id"], "title": "Group", "type": chat_type, **more})
        place = {}
        if (thread_id := where.get("thread_id")) is not None:
            chat.threads.add(thread_id)
            place = thread_fields(chat, thread_id)
        message = bot.new_message(chat, user, self.now(), {**place, **content})
        return self._tell(bot, "message", chat.messages[message["message_id"]])

    def user_sends_file(
        self,
        user_id: int,
        kind: FileKind | str,
        content: bytes | None = None,
        *,
        name: str = "",
        caption: str = "",
        details: Mapping[str, Any] | None = None,
        group: str | None = None,
        **where: Unpack[Where],
    ) -> PendingUpdate | None:
        """A user sends a photo, video, voice, ...; without `content` a small made-up one.

        `details` are what the message says of the file besides, such as its `duration`; `group` is the album's id.
        Raises ValueError for a photo that is no picture, and for an unknown kind.
        """
        kind = FileKind(kind)
        upload = sample(kind) if content is None else Upload(name, content)
        if kind is FileKind.PHOTO and not is_picture(upload):
            raise ValueError("a photo is a PNG, JPEG, GIF or WebP picture")
        told = {**_told_of(kind), **(details or {})}
        file = self.files.add(kind, upload, told)
        fields = {**file.content_fields(), **written(caption).fields("caption")}
        if group is not None:
            fields["media_group_id"] = group
        return self.user_sends(user_id, fields, **where)

    def user_sends_album(
        self,
        user_id: int,
        kinds: Sequence[FileKind | str] = ("photo", "photo"),
        *,
        caption: str = "",
        **where: Unpack[Where],
    ) -> list[PendingUpdate | None]:
        """A user sends several made-up files as an album: a message each, the first of them with the caption."""
        group = self.bot(where.get("token")).new_album()
        captions = [caption, *([""] * (len(kinds) - 1))]
        return [
            self.user_sends_file(user_id, kind, caption=text, group=group, **where)
            for kind, text in zip(kinds, captions, strict=True)
        ]

    def user_edits(
        self, user_id: int, message_id: int, text: str, *, chat_id: int | None = None, token: str | None = None
    ) -> PendingUpdate | None:
        """A user edits the text or the caption of a message. Raises LookupError if there is no such message."""
        stored = self.bot(token).chats[chat_id or user_id].messages[message_id]
        message = stored.body
        name = "text" if "text" in message else "caption"
        for field in (name, "entities" if name == "text" else "caption_entities"):
            message.pop(field, None)
        message.update(written(text).fields(name), edit_date=int(self.now()))
        stored.reworded = True
        return self._tell(self.bot(token), "edited_message", stored)

    def user_presses(
        self,
        user_id: int,
        chat_id: int,
        message_id: int,
        callback_data: str,
        *,
        token: str | None = None,
    ) -> PendingUpdate | None:
        """A user presses a button of a message. Any data goes, as from a modified app or an outdated screen.

        Returns the update; None if the bot does not want presses. Raises LookupError if there is no such message.
        """
        bot = self.bot(token)
        self.check_room(bot)
        message = bot.chats[chat_id].messages[message_id]
        press = Press(self.new_query_id(), user_id, chat_id, message_id, callback_data, self.now())
        bot.add_press(press)
        # The bot knows a message that a user has sent through its inline mode by another id only.
        of = {"inline_message_id": message.inline_id} if message.inline_id else {"message": dict(message.body)}
        body = {
            "id": press.id,
            "from": self.users[user_id],
            **of,
            "chat_instance": str(chat_id * 1_000_003),
            "data": callback_data,
        }
        update = self.push_update("callback_query", body, token=token)
        press.update_id = update.id if update else None
        return update

    def user_asks_inline(
        self,
        user_id: int,
        query: str,
        *,
        offset: str = "",
        language_code: str | None = "en",
        first_name: str = "User",
        token: str | None = None,
    ) -> PendingUpdate | None:
        """A user types behind the bot's name, in whatever chat. None if the bot does not want it."""
        bot = self.bot(token)
        self.check_room(bot)
        user = self.user(user_id, first_name, language_code)
        asked = InlineQuery(self.new_query_id(), user_id, query, offset, self.now())
        bot.add_inline_query(asked)
        body = {"id": asked.id, "from": user, "chat_type": "sender", "query": query, "offset": offset}
        return self.push_update("inline_query", body, token=token)

    def user_chooses(
        self, user_id: int, query_id: str, result_id: str, *, token: str | None = None
    ) -> PendingUpdate | None:
        """A user sends one of the results into the chat with the bot. Returns the message's update.

        Raises LookupError if the query has no such result, or if the user has no chat with the bot.
        """
        bot = self.bot(token)
        query = bot.inline_queries[query_id]
        result = next((result for result in query.results if result["id"] == result_id), None)
        if result is None:
            raise LookupError("no such result")
        chat, user = bot.chats[user_id], self.users[user_id]
        content = {**result_content(bot, result), "via_bot": bot.user}
        message = self._inline_message(bot, chat, user, content)
        chosen = {"result_id": result_id, "from": user, "query": query.query}
        if message.inline_id:
            chosen["inline_message_id"] = message.inline_id
        self.push_update("chosen_inline_result", chosen, token=token)
        return self._tell(bot, "message", message)

    def user_blocks_bot(self, user_id: int, *, token: str | None = None) -> PendingUpdate | None:
        """A user blocks the bot: calls to the chat get 403 until the next text, and a my_chat_member update comes.

        Raises KeyError for a user who never wrote.
        """
        bot = self.bot(token)
        return self._set_blocked(bot, bot.chats[user_id], self.users[user_id], blocked=True)

    def user_unblocks_bot(self, user_id: int, *, token: str | None = None) -> PendingUpdate | None:
        """A user takes the bot back without writing. Raises KeyError for a user who never wrote."""
        bot = self.bot(token)
        return self._set_blocked(bot, bot.chats[user_id], self.users[user_id], blocked=False)

    def _tell(self, bot: BotState, kind: str, message: StoredMessage) -> PendingUpdate | None:
        """Tell the bot of a message as it is now; the message knows by which update."""
        update = self.push_update(kind, dict(message.body), token=bot.token)
        message.update_id = update.id if update else None
        return update

    def _inline_message(
        self, bot: BotState, chat: ChatState, user: dict[str, Any], content: dict[str, Any]
    ) -> StoredMessage:
        """A message by way of the bot's inline mode; only one with a keyboard can be edited by the bot."""
        editable = "reply_markup" in content
        body: MessageObject = bot.new_message(chat, user, self.now(), content, editable=editable)
        message = chat.messages[body["message_id"]]
        if editable:
            message.inline_id = f"inline{self.new_query_id()}"
            bot.add_inline_message(message)
        return message

    def _set_blocked(
        self, bot: BotState, chat: ChatState, user: dict[str, Any], *, blocked: bool
    ) -> PendingUpdate | None:
        if (chat.refusal is BLOCKED) == blocked:
            return None
        chat.refusal = BLOCKED if blocked else None
        member = {"user": bot.user, "status": "member"}
        banned = {"user": bot.user, "status": "kicked", "until_date": 0}  # for ever
        old, new = (member, banned) if blocked else (banned, member)
        body = {
            "chat": chat.info,
            "from": user,
            "date": int(self.now()),
            "old_chat_member": old,
            "new_chat_member": new,
        }
        return self.push_update("my_chat_member", body, token=bot.token)


def _told_of(kind: FileKind) -> dict[str, Any]:
    """What an app says of a file of this kind."""
    seconds: dict[str, Any] = {"duration": 1}
    told: dict[FileKind, dict[str, Any]] = {
        FileKind.VIDEO: {**seconds, "width": 320, "height": 240},
        FileKind.ANIMATION: {**seconds, "width": 320, "height": 240},
        FileKind.AUDIO: seconds,
        FileKind.VOICE: seconds,
        FileKind.VIDEO_NOTE: {**seconds, "length": 240},
        FileKind.STICKER: {"type": "regular", "is_animated": False, "is_video": False, "emoji": "🙂"},
    }
    return told.get(kind, {})
