"""How this Telegram hands out message ids and answers edits: the documented way, or one that breaks the rules.

The documented way is that of tdlib/telegram-bot-api (Client.cpp) and of the TDLib in it (MessagesManager.cpp), read in
2026-11; api.telegram.org may run other code. The rest is for tests of who relies on it: nothing must be lost then.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from sandbox.answers import EDIT_FORBIDDEN, EDIT_NOT_FOUND, INLINE_EXPECTED, Refusal, bad_request


class Ids(StrEnum):
    """Where the id of a new message comes from."""

    SHARED = "shared"  # documented: private chats and basic groups count together, supergroups and channels alone
    BY_CHAT = "by_chat"  # every chat counts alone
    FALLING = "falling"  # each id is less than all before it, far above those of the other two


class Edits(StrEnum):
    """How edits are answered, those above all that can only be refused: with a markup that is no inline keyboard."""

    DOCUMENTED = "documented"  # is it there, may it be edited, then the kind of markup: three refusals, in that order
    OTHER_WORDS = "other_words"  # refused for the same reasons, in words that nobody knows
    KIND_FIRST = "kind_first"  # the kind of markup is looked at first: every message is "inline keyboard expected"
    CARRIED_OUT = "carried_out"  # what should be refused for its kind answers 200, and the message's keyboard is gone


_OTHER_WORDS = {
    EDIT_NOT_FOUND.description: bad_request("MESSAGE_ID_INVALID"),
    EDIT_FORBIDDEN.description: bad_request("MESSAGE_AUTHOR_REQUIRED"),
    INLINE_EXPECTED.description: bad_request("REPLY_MARKUP_INVALID"),
}


@dataclass(slots=True)
class Rules:
    """The rules in force; without arguments the documented ones.

    For `unseen_for` seconds (0 to 86,400) after it was made, edits do not find a message, whoever sent it: as a server
    does not that has not seen it yet.
    """

    ids: Ids = Ids.SHARED
    edits: Edits = Edits.DOCUMENTED
    unseen_for: float = 0.0

    def __post_init__(self) -> None:
        self.ids, self.edits = Ids(self.ids), Edits(self.edits)
        if not isinstance(self.unseen_for, int | float):
            raise TypeError("unseen_for is a number of seconds")
        if not 0 <= self.unseen_for <= 86_400:
            raise ValueError("unseen_for is 0 to 86400 s")

    def change(self, **settings: Any) -> None:
        """Change some of them from now on; all or none.

        Raises ValueError for an unknown rule or a value out of range, TypeError for an unknown setting.
        """
        self._become(replace(self, **settings))

    def reset(self) -> None:
        """Back to the documented ones."""
        self._become(Rules())

    def in_words(self, refusal: Refusal) -> Refusal:
        """The refusal as it is worded."""
        return _OTHER_WORDS.get(refusal.description, refusal) if self.edits is Edits.OTHER_WORDS else refusal

    def _become(self, other: Rules) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))
