"""`svc replay`: updates of the last hours are decided by this code and by other code, and what differs is told.

Each side is a process of its own, and both are given the same: the update, the state that its chat had, the time, how
old it was, what can be created; no jobs. Nothing is sent and nothing is stored.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import trio

from svc.handler.known import Creating
from svc.rehearsal.differences import Findings
from svc.rehearsal.kept import KeptUpdate, KeptUpdates
from svc.rehearsal.processes import THIS_CODE, Answer, Decider, RehearsalFailed, Side, deciding
from svc.rehearsal.texts import as_json as told_as_json
from svc.rehearsal.texts import as_text, name_unknown, nothing_kept
from svc.settings.environment import Settings
from svc.storage.database import open_database
from svc.storage.migrate import pending_migrations
from telegram_client.errors import TelegramError
from telegram_client.get_me import open_get_me, read_me
from telegram_client.updates import NotAnUpdate, read_envelope

UNREADABLE = "unreadable"

Telling = Callable[[Callable[[], str]], AbstractContextManager[Callable[[], None]]]
"""Says how far long work is; what it yields is called whenever that has come further."""


async def rehearse(
    settings: Settings, *, since: float, against: str, as_json: bool, creating: Creating, telling: Telling
) -> bool:
    """Decide the updates of the last `since` seconds twice and print what differs.

    `against` is a folder with the new code (svc/ is in it), or `package.module:name` of another bot in this one.
    `creating` is what can be created, `telling` says how far it is. False if the new code raises an exception or cannot
    be used, and where nothing is kept because KEEP_PAYLOADS is 0. Raises DatabaseUnavailable.
    """
    try:
        new = _side_of(against, settings.bot)
    except RehearsalFailed as failed:
        return _complain(str(failed))
    async with open_database(settings.database_url) as database:
        if missing := await pending_migrations(database):
            return _complain(f"the database lacks {', '.join(each.name for each in missing)}: run svc migrate")
        told = await _told(settings, creating)
        old = Side("this code", THIS_CODE, settings.bot)
        findings, stopped = await _compare(KeptUpdates(database, settings.bot_id, since), old, new, told, telling)
    if stopped is None and not findings.updates:
        print(nothing_kept(settings.keep_payloads, since), file=sys.stderr)
    if as_json:
        print(settings.hide(told_as_json(findings, since, against, stopped)))
    elif findings.updates:
        print(settings.hide(as_text(findings, since, against)))
    if stopped is not None:
        return _complain(stopped)
    return not findings.exceptions and bool(findings.updates or settings.keep_payloads)


async def _compare(
    kept: KeptUpdates, old: Side, new: Side, told: dict[str, Any], telling: Telling
) -> tuple[Findings, str | None]:
    """What was found, and why it was ended early, if it was."""
    findings = Findings()
    try:
        async with deciding(old, told) as before, deciding(new, told) as after:
            with telling(lambda: f"{findings.updates} updates so far") as tell:
                while updates := await kept.next_batch():
                    await _decide_twice(updates, before, after, findings)
                    tell()
    except RehearsalFailed as failed:
        return findings, str(failed)
    if findings.updates and (unknown := name_unknown(told)):
        print(f"svc: {unknown}", file=sys.stderr)
    return findings, None


async def _decide_twice(updates: Sequence[KeptUpdate], before: Decider, after: Decider, findings: Findings) -> None:
    answers: dict[Decider, list[Answer]] = {}
    failed: list[RehearsalFailed] = []

    async def ask(decider: Decider) -> None:
        try:
            answers[decider] = await decider.decide(updates)
        except RehearsalFailed as failure:
            failed.append(failure)

    async with trio.open_nursery() as nursery:
        for decider in (before, after):
            nursery.start_soon(ask, decider)
    if failed:
        raise failed[0]
    for update, old, new in zip(updates, answers[before], answers[after], strict=True):
        findings.note(update.update_id, _kind_of(update), old, new)


def _side_of(against: str, bot: str) -> Side:
    """The new code; raises RehearsalFailed if there is none."""
    folder = Path(against)
    if (folder / "svc" / "__init__.py").is_file():
        return Side(against, folder.resolve(), bot)
    if folder.exists() or ":" not in against:
        raise RehearsalFailed(f"{against} is neither a folder with svc/ in it nor package.module:name")
    return Side(against, THIS_CODE, against)


def _kind_of(update: KeptUpdate) -> str:
    try:
        return read_envelope(update.payload).kind
    except NotAnUpdate:
        return UNREADABLE


async def _told(settings: Settings, creating: Creating) -> dict[str, Any]:
    """What both sides are told besides the updates. Telegram is asked for the bot's name, and for nothing else."""
    me = None
    async with open_get_me(settings.bot_token, root=settings.telegram_api_root) as get_me:
        with suppress(TelegramError):  # it is said at the end what follows from that
            me = read_me(await get_me())
    return {
        "me": {"id": me.id, "username": me.username} if me is not None else None,
        "providers": sorted(creating.providers),
        "per_user": creating.per_user,
        "per_day": creating.per_day,
    }


def _complain(words: str) -> bool:
    print(f"svc: {words}", file=sys.stderr)
    return False
