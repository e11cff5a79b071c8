"""One scene, from its first instance to its result: people write before, while and after it happens; then calm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import trio

from fleet.ha.patroni import Cluster
from fleet.ha.pgbouncer import PgBouncer
from fleet.ha.programs import Programs
from fleet.ha.result import Result, ended, strangers, to_200, to_active
from fleet.ha.scenes import SCENES, Scene
from fleet.ha.stage import Stage, staged
from fleet.history import stray_calls
from fleet.promises import read_ledger
from fleet.torture.people import Written, sent, write
from fleet.torture.verdict import judge
from fleet.waiting import comes
from svc.storage.database import asyncio_loop

RATE = 20.0
"""Messages a second, of all people together."""
BEFORE = (2.0, 4.0)
"""Seconds of load before it happens: Patroni and the heartbeats are met at any point of their rounds."""
AFTER = 3.0
FLOWS_AGAIN = 60.0
CALM = 120.0
"""Seconds in which everything must be settled. Telegram's own pauses grow to 64 s."""
LAST_EFFECTS = 2.0
DEADLINE = 300.0
ENQUIRY = 0.25
PROBE = "editMessageReplyMarkup"
TERMS = "SELECT DISTINCT epoch FROM state_transitions WHERE to_state = 'ACTIVE'"


async def play(name: str, seed: int, cluster: Cluster, programs: Programs, say: Callable[[str], object]) -> Result:
    """Play a scene on a cluster that is whole, and leave it whole.

    Raises ClusterFailed or trio.TooSlowError.
    """
    scene, rng = SCENES[name], random.Random(f"{seed} {name}")
    say(f"{name}: {scene.words}")
    with trio.fail_after(DEADLINE):
        await cluster.change(failsafe_mode=scene.failsafe)
        pgbouncer = PgBouncer(cluster, programs) if scene.pooled else None
        async with asyncio_loop(), staged(cluster, f"scene_{name}", pgbouncer) as stage:
            written: list[Written] = []
            happened = await _happens(scene, stage, rng.uniform(*BEFORE), written)
            unsettled = await _calm(stage, f"scene_{name}")
            result = await _result(name, stage, written, happened)
            result.verdict.unsettled = unsettled
        await cluster.until(lambda view: view.whole)
    return result


async def _happens(scene: Scene, stage: Stage, before: float, written: list[Written]) -> float:
    """People write until it has happened and 200s come again; when it happened."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, stage.fleet, RATE, written)
        await trio.sleep(before)
        happened = time.time()
        await scene.happens(stage)
        over = time.time()
        with trio.move_on_after(FLOWS_AGAIN):
            await comes(lambda: max(stage.fleet.accepted.values(), default=0.0) > over, every=ENQUIRY)
        await trio.sleep(AFTER)
        nursery.cancel_scope.cancel(reason="enough has been written")
    return happened


async def _calm(stage: Stage, database: str) -> str:
    """Wait until Telegram has delivered everything and nothing is owed; what is left in the end, if anything."""
    pending, owed = stage.fleet.sandbox.telegram.bot().pending, 1
    with trio.move_on_after(CALM) as calm:
        while pending or owed:
            await trio.sleep(ENQUIRY)
            # Looked at first: what is delivered later than that may not be counted in the inbox.
            delivered = not pending
            owed = (await stage.cluster.rows(database, "SELECT count(*) FROM inbox"))[0][0] or not delivered
    if calm.cancelled_caught:
        return f"not settled after {CALM:.0f} s: {len(pending)} updates not delivered, {owed} in the inbox"
    # A message that is carried out late is no call any more that could be waited for.
    await trio.sleep(LAST_EFFECTS)
    return ""


async def _result(name: str, stage: Stage, written: list[Written], happened: float) -> Result:
    database, fleet = f"scene_{name}", stage.fleet
    calls = fleet.sandbox.telegram.call_log
    ledger = await read_ledger(await stage.cluster.url(database))
    doubts = {update_id: entry.doubts for update_id, entry in ledger.kept.items() if entry.doubts}
    services = [instance.service for instance in stage.instances]
    histories = [service.history() for service in services]
    spans = [span for history in histories for span in history.spans]
    verdict = judge(written, sent(calls), fleet.accepted, doubts)
    verdict.strays = list(stray_calls(histories))
    verdict.edits = len(calls.find(PROBE, status=200))
    verdict.ended = ended(services)
    recorded = [row[0] for row in await stage.cluster.rows(database, TERMS)]
    return Result(
        name,
        verdict,
        doubts=sum(doubts.values()),
        to_active=to_active(happened, (span.begin for span in spans)),
        to_200=to_200(happened, fleet.accepted.values()),
        strangers=strangers((span.epoch for span in spans), recorded),
        pgbouncer_ended=stage.pgbouncer.ended if stage.pgbouncer else 0,
    )
