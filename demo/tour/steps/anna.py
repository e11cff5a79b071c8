"""Anna, who is the person that the page's messenger begins with: what the steps let her do, and what she sees.

Her words are commands and her presses go by what is behind a button, so that the bot may speak either language to her.
"""

from __future__ import annotations

from typing import Any

import trio

from demo.system import System
from demo.tour.steps.step import StepFailed
from demo.tour.steps.witness import ChatSeen, messages_since, seen_in
from fleet.waiting import comes
from sandbox.state import PendingUpdate, StoredMessage

ANNA = 1001
PATIENCE = 20.0


class Anna:
    """Her chat from now on."""

    def __init__(self, system: System) -> None:
        self._telegram = system.sandbox.telegram
        self.since = self._telegram.now()

    def says(self, text: str) -> PendingUpdate:
        """She writes, in the language that her app has; the update."""
        known = self._telegram.users.get(ANNA, {"first_name": "Anna", "language_code": "en"})
        update = self._telegram.user_sends_text(
            ANNA, text, first_name=known["first_name"], language_code=known.get("language_code")
        )
        if update is None:
            raise StepFailed("The bot does not want messages.")
        return update

    async def acknowledged(self, update: PendingUpdate) -> float:
        """Wait until Telegram has its 200 for an update; how long that took since now, in seconds."""
        begun = trio.current_time()
        await comes(lambda: update.id not in self._telegram.bot().pending, every=0.001)
        return trio.current_time() - begun

    def seen(self, each: int = 1) -> ChatSeen:
        """What was seen in her chat so far."""
        return seen_in(self._messages(), self.since, self._telegram.now(), each)

    async def answered(self, each: int = 1) -> ChatSeen:
        """Wait until all that she wrote is answered."""
        with trio.move_on_after(PATIENCE):
            await comes(lambda: len(self.seen(each).waits) == self.seen(each).written, every=0.002)
            return self.seen(each)
        raise StepFailed("Anna has no answer yet.")

    async def sees(self, route: str) -> tuple[int, str]:
        """Wait for a button that leads to this route of the bot: the message that it is on, and its data."""
        with trio.move_on_after(PATIENCE):
            await comes(lambda: self._button(route) is not None)
        found = self._button(route)
        if found is None:
            raise StepFailed(f'Anna waits for a button "{route}" that does not come.')
        return found

    async def presses(self, route: str) -> None:
        """Wait for such a button, and press it."""
        message_id, data = await self.sees(route)
        self._telegram.user_presses(ANNA, ANNA, message_id, data)

    def _button(self, route: str) -> tuple[int, str] | None:
        """The message and the data of the latest such button that came since."""
        for message in reversed(self._messages()):
            for row in message.body.get("reply_markup", {}).get("inline_keyboard", ()):
                for button in row:
                    if _leads_to(button, route):
                        return message.body["message_id"], button["callback_data"]
        return None

    def _messages(self) -> list[StoredMessage]:
        """What was written since, by her or by the bot."""
        chat = self._telegram.bot().chats.get(ANNA)
        return messages_since(chat, self.since) if chat else []


def _leads_to(button: dict[str, Any], route: str) -> bool:
    return str(button.get("callback_data", "")).split(":")[0] == route
