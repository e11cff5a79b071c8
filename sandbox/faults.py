"""Faults on request: a short list of rules, with which every call is compared before it is performed.

Plain synchronous code: a rule says what shall go wrong; the socket server and the in-process transport make it happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_RULES = 1_000


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    FLOOD = "flood"  # 429 with retry_after, no effect
    ERROR = "error"  # a JSON error (500 unless said otherwise), no effect
    HTML = "html"  # 502 with a page of HTML, as from a proxy; no effect
    CUT_BEFORE = "cut_before"  # the connection closes, no effect
    CUT_AFTER = "cut_after"  # the effect happens, the connection closes without an answer
    ERROR_AFTER = "error_after"  # the effect happens, the answer is an error: a gateway that gave up waiting
    SLOW = "slow"  # the effect and the answer come `delay` seconds late
    SLOW_AFTER = "slow_after"  # the effect happens at once, the answer comes `delay` seconds late
    LATE = "late"  # the connection closes at once without an answer, the effect happens `delay` seconds later
    HANG = "hang"  # no effect and no answer


@dataclass(slots=True)
class Fault:
    """One rule. It applies to the next `count` calls (None: all, until cleared) of the method and the chat, if given.

    `retry_after` (whole seconds) is for FLOOD, `status` and `description` for ERROR and ERROR_AFTER, `delay` (seconds)
    for SLOW, SLOW_AFTER and LATE.
    """

    kind: FaultKind
    count: int | None = 1
    method: str | None = None
    chat_id: int | None = None
    retry_after: int = 1
    status: int = 500
    description: str = "Internal Server Error: restart"
    delay: float = 1.0

    def __post_init__(self) -> None:
        self.kind = FaultKind(self.kind)
        # Orders come as JSON from outside: a wrong type must not surface later, inside somebody's call.
        if not all(isinstance(value, int | None) for value in (self.count, self.chat_id)):
            raise TypeError("count and chat_id are whole numbers")
        if not isinstance(self.status, int) or not isinstance(self.retry_after, int):
            raise TypeError("status and retry_after are whole numbers")
        if not isinstance(self.method, str | None) or not isinstance(self.description, str):
            raise TypeError("method and description are texts")
        if self.count is not None and self.count < 1:
            raise ValueError("a fault needs a positive count")
        if not 400 <= self.status <= 599:
            raise ValueError("the status of a fault is 400 to 599")
        if not 0 <= self.delay <= 3600 or not 0 <= self.retry_after <= 86_400:
            raise ValueError("delay is 0 to 3600 s, retry_after 0 to 86400 s")

    def matches(self, method: str, params: Mapping[str, Any]) -> bool:
        """Whether the rule is meant for this call."""
        if self.method is not None and self.method.lower() != method.lower():
            return False
        return self.chat_id is None or str(params.get("chat_id")) == str(self.chat_id)


class Faults:
    """The faults ordered and not yet used up; the oldest that matches is taken first."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def order(self, kind: FaultKind | str, **settings: Any) -> Fault:
        """Order a fault; the settings are those of Fault.

        Raises ValueError for an unknown kind or a value out of range, TypeError for an unknown setting.
        """
        if len(self.rules) >= MAX_RULES:
            raise ValueError(f"{MAX_RULES} faults are waiting already")
        fault = Fault(FaultKind(kind), **settings)
        self.rules.append(fault)
        return fault

    def withdraw(self, fault: Fault) -> None:
        """Take one order back, if it is not used up."""
        if fault in self.rules:
            self.rules.remove(fault)

    def clear(self) -> None:
        """Take all orders back."""
        self.rules.clear()

    def take(self, method: str, params: Mapping[str, Any]) -> Fault | None:
        """The fault for this call, used up by one; None for a call that goes well."""
        for index, fault in enumerate(self.rules):
            if fault.matches(method, params):
                if fault.count is not None:
                    fault.count -= 1
                    if not fault.count:
                        del self.rules[index]
                return fault
        return None
