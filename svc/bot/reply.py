"""What a handler returns: the Bot API calls to make, and what to log around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Calls whose repetition changes nothing that a user sees.
_HARMLESS = ("answerCallbackQuery", "edit", "delete", "set", "sendChatAction", "get")


@dataclass(frozen=True)
class Call:
    """One Bot API call."""

    method: str
    params: Mapping[str, Any]

    @property
    def repeatable(self) -> bool:
        """Whether making it twice is harmless. A send is not: it would be a second message."""
        return self.method.startswith(_HARMLESS)


@dataclass(frozen=True)
class Reply:
    """The whole answer to one update. The events `before` and `after` its calls, if any, are logged with `fields`.

    Only the last call may be one that cannot be repeated, since all of them are made again after a failure of any:
    work that must send more needs rows of its own.
    """

    calls: tuple[Call, ...] = ()
    before: str | None = None
    after: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(call.repeatable for call in self.calls[:-1]):
            raise ValueError("only the last call of a reply may be one that cannot be repeated")


NOTHING = Reply()
