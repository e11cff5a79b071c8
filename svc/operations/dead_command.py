"""`svc updates replay` and `svc updates discard`: asks for it, shows how far it is, prints what came of it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from svc.actions.dead_letters import DeadLetterAction, Selection, Tally
from svc.actions.record import Operator
from svc.operations.inspect import with_schema
from svc.operations.printing.document import Document, line
from svc.operations.printing.long_work import telling
from svc.operations.printing.output import answer, show
from svc.operations.texts.updates import tally_document
from svc.settings.environment import Settings
from svc.storage.database import Database, DatabaseUnavailable


async def settle_ids(
    settings: Settings,
    action: DeadLetterAction,
    operator: Operator,
    *,
    update_ids: Sequence[int],
    as_json: bool,
    dry_run: bool = False,
    agreed: bool = True,
) -> bool:
    """Do it to these dead updates; False if one of them is not dead, or the operator does not agree."""

    async def do(database: Database, *, dry_run: bool) -> dict[int, bool]:
        return await action.by_ids(database, settings.bot_id, operator, update_ids, dry_run=dry_run)

    async def count(database: Database) -> int:
        return sum((await do(database, dry_run=True)).values())

    async def work(database: Database) -> bool:
        dead = await do(database, dry_run=dry_run)
        answer(dead, lambda _: _ids_document(dead, action, dry_run), as_json=as_json)
        return all(dead.values())

    if not (dry_run or agreed) and not await _agrees(settings, action, count):
        return False
    return await with_schema(settings, work)


async def settle_selection(
    settings: Settings,
    action: DeadLetterAction,
    operator: Operator,
    *,
    selection: Selection,
    as_json: bool,
    dry_run: bool,
    agreed: bool = True,
) -> bool:
    """Do it to the dead updates that `selection` fits, however many; False if the operator does not agree."""

    async def do(database: Database, tally: Tally, *, dry_run: bool) -> None:
        with telling(lambda: _so_far(tally)) as tell:
            where = database, settings.bot_id, operator
            await action.by_selection(*where, selection, dry_run=dry_run, tally=tally, tell=tell)

    async def count(database: Database) -> int:
        tally = Tally()
        await do(database, tally, dry_run=True)
        show(tally_document(tally, f"would be {action.done}"), hide=settings.hide, out=sys.stderr)
        return tally.chosen.total()

    async def work(database: Database) -> bool:
        tally = Tally()
        try:
            await do(database, tally, dry_run=dry_run)
        except DatabaseUnavailable:
            print(f"svc: stopped: {_so_far(tally)}; the same command goes on with the rest", file=sys.stderr)
            raise
        done = f"would be {action.done}" if dry_run else action.done
        data = _as_dict(tally, f"would_{action.name}" if dry_run else action.done)
        answer(data, lambda _: tally_document(tally, done), as_json=as_json, hide=settings.hide)
        return True

    if not (dry_run or agreed) and not await _agrees(settings, action, count):
        return False
    return await with_schema(settings, work)


async def _agrees(settings: Settings, action: DeadLetterAction, count: Callable[[Database], Awaitable[int]]) -> bool:
    """Whether whoever sits at the terminal types yes, once told of how many there are and what follows."""

    async def ask(database: Database) -> bool:
        if not (number := await count(database)):
            return True  # there is nothing to agree to, and the work says so
        many = "1 dead update is" if number == 1 else f"{number} dead updates are"
        print(f"{many} about to be {action.done}. {action.consequence}", file=sys.stderr)
        print(f'Type "yes" to {action.name}: ', end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() == "yes":
            return True
        print(f"svc: nothing was {action.done}", file=sys.stderr)
        return False

    return await with_schema(settings, ask)


def _ids_document(dead: dict[int, bool], action: DeadLetterAction, dry_run: bool) -> Document:
    words = {True: f"would be {action.done}" if dry_run else action.done, False: "is not dead"}
    return [line(f"{update_id} {words[found]}") for update_id, found in dead.items()]


def _so_far(tally: Tally) -> str:
    return f"{tally.chosen.total()} of {tally.looked_at} dead updates so far"


def _as_dict(tally: Tally, number: str) -> dict[str, Any]:
    reasons = [{"reason": reason, "updates": updates} for reason, updates in tally.chosen.most_common()]
    return {"dead": tally.looked_at, number: tally.chosen.total(), "reasons": reasons}
