"""What can be wrong with Telegram and the provider for a while, by the name of the action that orders it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import trio

from demo.timed_fault import TimedFault
from fleet.call_faults import CallFaults
from sandbox.faults import Faults
from sandbox.kie.faults import Faults as ProviderFaults

TELEGRAM: Mapping[str, tuple[str, float]] = {
    "telegram_slow": ("slow", 1.0),
    "telegram_429": ("flood", 0.5),
    "telegram_5xx": ("error", 0.5),
    "telegram_cut": ("cut_after", 0.25),
}
"""The kind of fault, and the share of the calls to chats that it hits."""
PROVIDER: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "provider_slow": ({"kind": "slow", "delay": 2.0}, {"kind": "long", "delay": 8.0}),
    # One that fails before it has begun anything leaves a job in doubt for a quarter of an hour: nobody tells the two
    # apart. This one calls back.
    "provider_failing": ({"kind": "code_after", "code": 500},),
}
"""The faults that hit every call and every new task."""


class WorldFaults:
    """The faults of both, each in force or not. `happened` is told in a sentence that one is over."""

    def __init__(
        self, nursery: trio.Nursery, telegram: Faults, provider: ProviderFaults, happened: Callable[[str], object]
    ) -> None:
        self.calls = CallFaults(telegram, random.Random())
        """Decides about each call; to be asked before it."""
        self._provider = provider
        self._happened = happened
        self._nursery = nursery
        self._faults = {name: self._of_telegram(name, entry) for name, entry in TELEGRAM.items()} | {
            name: self._of_provider(name) for name in PROVIDER
        }

    def order(self, name: str, seconds: float) -> None:
        """Put one in force for so long from now on."""
        self._faults[name].order(seconds)

    def left(self) -> dict[str, float]:
        """Those in force, and the seconds left of each."""
        return {name: fault.left for name, fault in self._faults.items() if fault.left}

    def _tell(self, who: str, names: Iterable[str]) -> None:
        """That a fault is over, of those that have these names."""
        well = not any(self._faults[name].left for name in names)
        self._happened(f"{who} is well again." if well else f"{who} has one fault less.")

    def _of_telegram(self, name: str, entry: tuple[str, float]) -> TimedFault:
        def end() -> None:
            self.calls.shares.remove(entry)
            self._tell("Telegram", TELEGRAM)

        return TimedFault(self._nursery, lambda: self.calls.shares.append(entry), end)

    def _of_provider(self, name: str) -> TimedFault:
        ordered: list[Any] = []

        def begin() -> None:
            ordered.extend(self._provider.order(count=None, **fault) for fault in PROVIDER[name])

        def end() -> None:
            for fault in ordered:
                self._provider.withdraw(fault)
            ordered.clear()
            self._tell("The provider", PROVIDER)

        return TimedFault(self._nursery, begin, end)
