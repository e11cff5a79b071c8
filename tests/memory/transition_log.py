"""The history of states without a database."""

from __future__ import annotations

from datetime import datetime

import trio

from statemachine import Transition


class MemoryTransitionLog:
    """`TransitionLog` in memory."""

    def __init__(self) -> None:
        self.steps: list[Transition] = []
        self.pruned: list[tuple[float, int]] = []

    async def run(self) -> None:
        await trio.sleep_forever()

    async def record(self, step: Transition, at: datetime) -> None:
        await trio.lowlevel.checkpoint()
        self.steps.append(step)

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    async def prune(self, age: float, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        self.pruned.append((age, limit))
        return 0
