"""Faults on request: rules, with which every call and every new task is compared.

Each is something that public clients of kie have met. A rule applies to the next `count` calls or tasks, and of those
that it fits to a `share`, so that `count=1` is one fault to come and `count=None, share=0.1` is one in ten, for ever.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_RULES = 1_000


class FaultKind(StrEnum):
    """What goes wrong, with a call or (TASK_FAULTS) with a task that is created."""

    CODE = "code"  # an envelope with `code` inside HTTP `status`, no effect: 402, 429, 455
    HTML = "html"  # 502 with a page of HTML, as from a proxy; no effect
    CUT_BEFORE = "cut_before"  # the connection closes, no effect
    CUT_AFTER = "cut_after"  # the effect happens, the connection closes without an answer
    CODE_AFTER = "code_after"  # the effect happens, the answer is an envelope with `code`
    SLOW = "slow"  # the effect happens at once, the answer comes `delay` seconds late
    HANG = "hang"  # no effect and no answer

    CALLBACK_EARLY = "callback_early"  # it is made at once, and its callback comes before the create's own answer
    CALLBACK_TWICE = "callback_twice"
    CALLBACK_NEVER = "callback_never"
    CALLBACK_FORGED = "callback_forged"  # somebody else's callback comes first: another task, made, wrongly signed
    UNSEEN = "unseen"  # for `delay` seconds recordInfo is null
    LONG = "long"  # it takes `delay` seconds longer
    FAILS = "fails"  # it ends as failed, with `code` and `message`
    STRANGE_STATE = "strange_state"  # while it is going its state is a word that nobody knows
    NO_URLS = "no_urls"  # it is made, and there are no addresses
    RESULT_404 = "result_404"  # its addresses answer so; one asked for afresh works
    RESULT_403 = "result_403"  # the same
    RESULT_GONE = "result_gone"  # its addresses answer 404, fresh ones as well
    RESULT_TOO_LARGE = "result_too_large"  # its addresses have 60 MB


TASK_FAULTS = frozenset(
    {
        FaultKind.CALLBACK_EARLY,
        FaultKind.CALLBACK_TWICE,
        FaultKind.CALLBACK_NEVER,
        FaultKind.CALLBACK_FORGED,
        FaultKind.UNSEEN,
        FaultKind.LONG,
        FaultKind.FAILS,
        FaultKind.STRANGE_STATE,
        FaultKind.NO_URLS,
        FaultKind.RESULT_404,
        FaultKind.RESULT_403,
        FaultKind.RESULT_GONE,
        FaultKind.RESULT_TOO_LARGE,
    }
)


@dataclass(slots=True)
class Fault:
    """One rule. `call` is the last part of the call's path (default: any), `model` the task's model.

    `code` and `message` are for CODE, CODE_AFTER and FAILS, `status` for the first two, `delay` (seconds) for SLOW,
    UNSEEN and LONG.
    """

    kind: FaultKind
    count: int | None = 1
    share: float = 1.0
    call: str | None = None
    model: str | None = None
    code: int = 500
    message: str = "Server exception, please try again later"
    status: int = 200
    delay: float = 1.0

    def __post_init__(self) -> None:
        self.kind = FaultKind(self.kind)
        # Orders come as JSON from outside: a wrong type must not surface later, inside somebody's call.
        if not isinstance(self.count, int | None) or not isinstance(self.code, int) or not isinstance(self.status, int):
            raise TypeError("count, code and status are whole numbers")
        if not isinstance(self.call, str | None) or not isinstance(self.model, str | None):
            raise TypeError("call and model are texts")
        if not isinstance(self.message, str):
            raise TypeError("message is a text")
        if self.count is not None and self.count < 1:
            raise ValueError("a fault needs a positive count")
        if not 0 < self.share <= 1:
            raise ValueError("share is over 0 and at most 1")
        if not 200 <= self.status <= 599 or not 0 <= self.code <= 999:
            raise ValueError("the status of a fault is 200 to 599, its code 0 to 999")
        if not 0 <= self.delay <= 86_400:
            raise ValueError("delay is 0 to 86400 s")


class Faults:
    """The faults ordered and not yet used up. `rng` draws for those that apply to a share."""

    def __init__(self, rng: random.Random) -> None:
        self.rules: list[Fault] = []
        self._rng = rng

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
        """Take one order back, if it is not used up; another like it stays."""
        self.rules[:] = [rule for rule in self.rules if rule is not fault]

    def clear(self) -> None:
        """Take all orders back."""
        self.rules.clear()

    def of_call(self, call: str) -> Fault | None:
        """The fault of this call, the one ordered first; None for a call that goes well."""
        return next(
            (
                rule
                for rule in list(self.rules)
                if rule.kind not in TASK_FAULTS and rule.call in (None, call) and self._applies(rule)
            ),
            None,
        )

    def of_task(self, model: str) -> dict[FaultKind, Fault]:
        """All that goes wrong with a new task of this model; of each kind the rule ordered first."""
        found: dict[FaultKind, Fault] = {}
        for rule in list(self.rules):
            fits = rule.kind in TASK_FAULTS and rule.model in (None, model) and rule.kind not in found
            if fits and self._applies(rule):
                found[rule.kind] = rule
        return found

    def _applies(self, rule: Fault) -> bool:
        """Whether a rule that fits applies; it is used up by one then."""
        if rule.share < 1 and self._rng.random() >= rule.share:
            return False
        if rule.count is not None:
            rule.count -= 1
            if not rule.count:
                self.rules.remove(rule)
        return True
