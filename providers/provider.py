"""A generation provider as its caller sees it: it is given work, is asked how that goes, and says honestly what failed.

A create has the same three outcomes as a call of the Bot API's client: it was refused, it was certainly not sent, or it
is in doubt whether it was created. Only the first two may be followed by another create of the same work.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

RefusalKind = Literal["input", "credits", "busy", "maintenance", "unauthorized", "failed"]
"""input: what it was given. credits: the account is empty. busy: too much at once (nothing is queued). maintenance:
closed for now. unauthorized: the key. failed: anything else that it says.
"""


class ProviderError(Exception):
    """A call had no success. The message holds no secret."""


class Refused(ProviderError):
    """The provider has answered that it does not do it: it had no effect. `retry_after` in seconds, if it says so."""

    def __init__(self, kind: RefusalKind, text: str, retry_after: float | None = None) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text
        self.retry_after = retry_after


class NotSent(ProviderError):
    """The call had certainly no effect: no connection, for one."""


class InDoubt(ProviderError):
    """It may or may not have had its effect: no answer, or one that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Going:
    """The task is not over. `progress` is from 0 to 1, if the provider tells it."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The task is over, and these addresses have what it made; they may be gone after a day."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotMade:
    """The task is over without a result; `kind` and `text` as in Refused."""

    kind: RefusalKind
    text: str


Outcome = Going | Made | NotMade


@dataclass(frozen=True, slots=True)
class Task:
    """What the provider says of a task. `callback_url` is the one that its create has named: who owns it is known by
    that."""

    task_id: str
    outcome: Outcome
    callback_url: str | None = None


class Provider(Protocol):
    """One provider. All methods raise ProviderError, and take no longer than their own deadlines."""

    async def create(self, model: str, given: Mapping[str, Any], callback_url: str | None) -> str:
        """Have it made; returns the provider's name for the task. `given` are the model's fields.

        Not repeatable: a second create is made, and billed, a second time.
        """

    async def task(self, task_id: str) -> Task | None:
        """How a task goes; None while the provider does not know it (yet)."""

    async def upload(self, name: str, content: AsyncIterable[bytes], size: int) -> str:
        """Give the provider a file of so many bytes to work on; returns the address to name in a create."""

    async def fresh_url(self, url: str) -> str:
        """Another address for a result, good for some minutes, where `url` does not answer any more."""
