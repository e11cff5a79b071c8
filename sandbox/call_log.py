"""The log of Bot API calls: what took effect, what failed and how. Tests assert on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sandbox.params import Upload

MAX_CALLS = 100_000


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call. `status` is that of the answer, or 0 if there was no effect and no answer.

    `at` is the Unix time at which it was carried out or refused, `arrived_at` the one at which its request had wholly
    come: they differ for long polls and for what a fault has held up. `fault` names the fault that was ordered for it.
    A call cut off after its effect has status 200 and fault "cut_after". The bot is given by its id: no token is kept.
    """

    at: float
    bot_id: int
    method: str
    params: Mapping[str, Any]
    status: int
    arrived_at: float
    fault: str | None = None

    @property
    def took_effect(self) -> bool:
        """Whether the call did something, answered or not."""
        return self.status == 200

    @property
    def chat_id(self) -> str | None:
        """The `chat_id` parameter as text."""
        value = self.params.get("chat_id")
        return None if value is None else str(value)


def loggable(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters as the log keeps them: of an upload its name and its size in bytes only."""
    return {
        name: {"file_name": value.name, "file_size": len(value.content)} if isinstance(value, Upload) else value
        for name, value in params.items()
    }


class CallLog:
    """The last calls, oldest first; at most `size` are kept."""

    def __init__(self, size: int = MAX_CALLS) -> None:
        self._calls: deque[RecordedCall] = deque(maxlen=size)
        self._watchers: list[Callable[[RecordedCall], object]] = []

    def watch(self, watcher: Callable[[RecordedCall], object]) -> None:
        """Call `watcher` with each call that is recorded from now on. It must not raise or wait."""
        self._watchers.append(watcher)

    def record(self, call: RecordedCall) -> None:
        """Add a call."""
        self._calls.append(call)
        for watcher in self._watchers:
            watcher(call)

    def clear(self) -> None:
        """Forget everything."""
        self._calls.clear()

    def find(
        self, method: str | None = None, *, chat_id: int | None = None, status: int | None = None
    ) -> list[RecordedCall]:
        """The calls of a method, to a chat, with a status; oldest first."""
        return [
            call
            for call in self._calls
            if (method is None or call.method.lower() == method.lower())
            and (chat_id is None or call.chat_id == str(chat_id))
            and (status is None or call.status == status)
        ]

    def newest(self, count: int) -> list[RecordedCall]:
        """The last `count` calls, oldest first."""
        return list(islice(reversed(self._calls), count))[::-1]

    @property
    def full(self) -> bool:
        """Whether the next call takes the place of the oldest, or one has."""
        return len(self._calls) == self._calls.maxlen

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[RecordedCall]:
        return iter(self._calls)
