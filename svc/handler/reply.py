"""What a handler returns: the Bot API calls to make, what is to be remembered, and what to log around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from svc.handler.job import JobRequest

# Calls whose repetition changes nothing that a user sees.
_HARMLESS = ("answer", "edit", "delete", "set", "sendChatAction", "get")

MAX_STATE = 16 * 1024
"""How large the state of a chat may be, in bytes of JSON."""


@dataclass(frozen=True)
class RemoteFile:
    """A parameter of a call: a file that is fetched from `url` right before the call is made, and uploaded as `name`.

    For what Telegram does not fetch by itself. A file of more than `most` bytes is not fetched, and counts as refused.
    """

    url: str
    name: str
    most: int = 50 * 2**20


@dataclass(frozen=True)
class Call:
    """One Bot API call; the values of `params` are JSON, or a RemoteFile."""

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
    work that must send more is a job.

    `instead`: where Telegram refuses one of the calls, the first of these is made in place of the whole list, where it
    refuses one of those, the next; each is a list of calls under the same rule.

    What is remembered is written in the same commit that ends the update, and only if it ends as done: `state` is the
    chat's from then on (JSON, MAX_STATE bytes at most), None: as it was. `job` is asked for, under the id of the
    update; `cancel` is the id of a job of this chat that is not to be made, if it has not been handed in yet.
    """

    calls: tuple[Call, ...] = ()
    instead: tuple[tuple[Call, ...], ...] = ()
    state: Mapping[str, Any] | None = None
    job: JobRequest | None = None
    cancel: int | None = None
    before: str | None = None
    after: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(call.repeatable for calls in (self.calls, *self.instead) for call in calls[:-1]):
            raise ValueError("only the last call of a reply may be one that cannot be repeated")
        if self.state is not None and len(msgspec.json.encode(self.state)) > MAX_STATE:
            raise ValueError(f"the state of a chat is larger than {MAX_STATE} bytes")

    @property
    def changes_something(self) -> bool:
        """Whether anything is to be remembered."""
        return self.state is not None or self.job is not None or self.cancel is not None


NOTHING = Reply()
