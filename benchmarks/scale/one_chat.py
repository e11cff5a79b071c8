"""The scene of one chat with a very long backlog: how fast that is drained, and what others notice of it.

The others write to two instances in equal shares. What the ACTIVE one stores it works on at once; what the other one
stores has to be read back from the inbox, past everything that the one chat has there.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import isinf
from time import monotonic

from benchmarks.scale.fill import add_pending
from benchmarks.scale.others import Waits, milliseconds
from benchmarks.scale.plan import ONE_CHAT
from benchmarks.scale.stage import Stage
from benchmarks.scale.timings import Timings

FILL_DEADLINE = 600.0
STEP_DEADLINE = 300.0
WARM_UP = 3.0
CALM_WINDOW = 20.0
OTHERS_RATE = 50.0
# "As without it" on a machine whose processors the drain keeps busy: at most twice, or so much longer.
MORE_MS = 20.0
_WAITS = ("others_p50", "others_p99")


@dataclass(frozen=True)
class Seen:
    """What a window came to: menus of the one chat a second, what others waited, and times."""

    rate: float
    waits: Waits
    timings: Timings
    errors: dict[str, int]


async def one_chat(stage: Stage) -> None:
    """First without that chat, then with it."""
    with stage.fresh_database("one_chat"):
        async with stage.step("others without the one chat", tuple(f"{key}_without" for key in _WAITS), STEP_DEADLINE):
            calm = await _watch(stage, CALM_WINDOW)
            _tell_waits(stage, calm, "_without")
        async with stage.step("making the one chat's updates", (), FILL_DEADLINE):
            await add_pending(stage.database_url, stage.plan.rows(ONE_CHAT), chats=1)
        keys = ("one_chat_drain", "reading_one_chat", *_WAITS)
        async with stage.step("others beside the one chat", keys, STEP_DEADLINE + stage.plan.window):
            seen = await _watch(stage, stage.plan.window)
            stage.found("one_chat_drain", seen.rate)
            stage.found_reading("reading_one_chat", seen.timings)
            _tell_waits(stage, seen, "")


async def _watch(stage: Stage, window: float) -> Seen:
    others = stage.others()
    async with stage.instance() as leader, stage.instance("PASSIVE") as follower:
        async with others.writing([leader.port, follower.port], OTHERS_RATE):
            await asyncio.sleep(WARM_UP)
            before, menus, since = await leader.timings(), leader.backlog_menus, monotonic()
            await asyncio.sleep(window)
            timings = (await leader.timings()).since(before)
            until = monotonic()
            rate = (leader.backlog_menus - menus) / (until - since)
        await others.done(wait_for_menus=True)
    return Seen(rate, others.waits(since, until), timings, others.errors)


def _tell_waits(stage: Stage, seen: Seen, suffix: str) -> None:
    """The waits as rows; where others went without a menu, how many."""
    missing = sum(map(isinf, seen.waits.menus))
    note = f"{missing} of {len(seen.waits.menus)} had none 30 s after the last one wrote" if missing else ""
    for key, share in zip(_WAITS, (0.5, 0.99), strict=True):
        value, most = milliseconds(seen.waits.menus, share), None
        without = stage.findings.rows.get(f"{key}_without")
        if not suffix and without is not None and without.value is not None:
            most = max(2 * without.value, without.value + MORE_MS)
        stage.found(key + suffix, value, note, most=most)
    stage.findings.details[f"one_chat{suffix}"] = {
        "drained_a_second": seen.rate,
        "ack_p99_ms": milliseconds(seen.waits.acks, 0.99),
        "errors": seen.errors,
        "times_ms": seen.timings.brief(),
    }
