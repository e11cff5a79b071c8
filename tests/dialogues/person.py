"""A person with the app open, whose conversation reads like a script.

    ann = Person(bot)
    await ann.says("/start")
    await ann.presses("Video")
    assert "Kling" in ann.sees()

Whatever a person does returns when the bot has answered: nothing is left in the inbox, and Telegram has nothing more to
deliver. Jobs go on by themselves; `waits` lets time pass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from sandbox.state import MessageObject, Press
from statemachine import State
from tests.harness import RunningBot

_FILES = ("photo", "animation", "video", "audio", "voice", "document", "sticker")
Button = dict[str, Any]


class Person:
    """Somebody in a chat with the bot: their own, or the group `chat_id` of this `chat_type`.

    `chat` are further fields of the group, such as `is_forum`.
    """

    def __init__(
        self,
        bot: RunningBot,
        user_id: int = 7,
        *,
        language: str | None = "en",
        chat_id: int | None = None,
        chat_type: str = "private",
        chat: Mapping[str, Any] | None = None,
    ) -> None:
        self.user_id = user_id
        self.chat_id = user_id if chat_id is None else chat_id
        self._bot = bot
        self._telegram = bot.sandbox.telegram
        self._language = language
        self._chat_type = chat_type
        if chat is not None:
            self._telegram.chat(self._telegram.bot(), {"id": self.chat_id, "title": "Group", "type": chat_type, **chat})

    @property
    def _where(self) -> dict[str, Any]:
        chat_id = None if self._chat_type == "private" else self.chat_id
        return {"language_code": self._language, "chat_type": self._chat_type, "chat_id": chat_id}

    # What a person does

    async def says(self, text: str, *, thread_id: int | None = None) -> None:
        """Write a message; in a forum, in this topic."""
        self.writes(text, thread_id=thread_id)
        await self._bot.settled()

    def writes(self, text: str, *, thread_id: int | None = None) -> None:
        """The same, and do not wait for an answer."""
        self._telegram.user_sends_text(self.user_id, text, thread_id=thread_id, **self._where)

    async def sends(self, kind: str, caption: str = "") -> None:
        """Send a file: a photo, video, voice, audio, document or sticker."""
        self._telegram.user_sends_file(self.user_id, kind, caption=caption, **self._where)
        await self._bot.settled()

    async def sends_album(self, kinds: Sequence[str] = ("photo", "photo"), caption: str = "") -> None:
        """Send several files at once."""
        self._telegram.user_sends_album(self.user_id, kinds, caption=caption, **self._where)
        await self._bot.settled()

    async def edits(self, text: str) -> None:
        """Change what they wrote last."""
        written = [each for each in self._telegram.messages(self.chat_id) if each["from"]["id"] == self.user_id]
        self._telegram.user_edits(self.user_id, written[-1]["message_id"], text, chat_id=self.chat_id)
        await self._bot.settled()

    async def asks_inline(self, query: str) -> list[dict[str, Any]]:
        """Type behind the bot's name in whatever chat; what is offered."""
        update = self._telegram.user_asks_inline(self.user_id, query, language_code=self._language)
        assert update is not None, "the bot does not read inline queries"
        await self._bot.settled()
        return self._telegram.bot().inline_queries[update.body["id"]].results

    async def presses(self, label: str) -> None:
        """Press the button with `label` in it, on the latest message that has one; LookupError if none has."""
        self.touches(label)
        await self._bot.settled()

    def touches(self, label: str) -> None:
        """Press a button, and do not wait for an answer."""
        self._touch(*self._find(label))

    async def presses_data(self, data: str, message_id: int | None = None) -> None:
        """Press a button that the app may not even show any more; on the latest message, if no other is named."""
        self._touch(data, self.messages()[-1]["message_id"] if message_id is None else message_id)
        await self._bot.settled()

    async def blocks(self) -> None:
        """Block the bot."""
        self._telegram.user_blocks_bot(self.user_id)
        await self._bot.settled()

    async def unblocks(self) -> None:
        """Take it back."""
        self._telegram.user_unblocks_bot(self.user_id)
        await self._bot.settled()

    async def waits(self, seconds: float) -> None:
        """Let time pass."""
        await trio.sleep(seconds)
        await self._bot.settled()

    def _find(self, label: str) -> tuple[str, int]:
        for message in reversed(self.messages()):
            for button in buttons_of(message):
                if label in button["text"]:
                    return button["callback_data"], message["message_id"]
        raise LookupError(f"no button {label!r} in:\n" + "\n\n".join(map(shown, self.messages())))

    def _touch(self, data: str, message_id: int) -> None:
        self._telegram.user_presses(self.user_id, self.chat_id, message_id, data)

    # What a person sees

    def messages(self) -> list[MessageObject]:
        """The bot's messages as they are now, the latest last."""
        return [each for each in self._telegram.messages(self.chat_id) if each["from"]["is_bot"]]

    def sees(self, number: int = -1) -> str:
        """The latest message of the bot, or another one, with its buttons below; empty if there is none."""
        messages = self.messages()
        return shown(messages[number]) if messages else ""

    def labels(self) -> list[str]:
        """The buttons of the latest message."""
        messages = self.messages()
        return [button["text"] for button in buttons_of(messages[-1])] if messages else []

    @property
    def last_press(self) -> Press:
        """The latest press of this person."""
        return self._telegram.presses(self.user_id)[-1]

    @property
    def alert(self) -> str:
        """What the latest press was answered with; empty if with nothing."""
        return self.last_press.text

    @property
    def waits_for_nothing(self) -> bool:
        """Whether no button of theirs shows a spinner any more."""
        return all(press.answered for press in self._telegram.presses(self.user_id))


@asynccontextmanager
async def outage(bot: RunningBot) -> AsyncIterator[None]:
    """Nobody leads for as long as the block lasts: what people write is stored and waits. Then it is worked on."""
    bot.lock.blocked = True
    assert bot.lock.holder is not None
    bot.lock.holder.abandon()
    await bot.state(State.PASSIVE)
    yield
    bot.lock.unblock()
    await bot.state(State.ACTIVE)
    await bot.settled()


def buttons_of(message: MessageObject) -> Iterator[Button]:
    """The buttons below a message, row by row, those without callback data too."""
    for row in message.get("reply_markup", {}).get("inline_keyboard", []):
        yield from row


def shown(message: MessageObject) -> str:
    """A message as a person sees it: its file, its text or caption, and its buttons in rows."""
    # An animation comes as a document as well, for old apps.
    files = [f"({kind})" for kind in _FILES if kind in message][:1]
    texts = [message[name] for name in ("text", "caption") if message.get(name)]
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [" ".join(f"[{button['text']}]" for button in row) for row in rows]
    return "\n".join([*files, *texts, *buttons])
