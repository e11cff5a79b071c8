"""`svc status --watch`: the status again and again, redrawn in place on a terminal, one after the other elsewhere.

Ctrl-C ends it, which is no failure. A database that is away is said to be, and the last that was known stays.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import trio

from svc.operations.inspect import missing_schema, whole_status
from svc.operations.printing.document import Document, Words, line
from svc.operations.printing.durations import duration_text
from svc.operations.printing.output import cleaning, is_terminal, json_text, short_moment, show, terminal_console
from svc.operations.texts.status import status_document
from svc.settings.environment import Settings
from svc.storage.database import Database, DatabaseUnavailable, open_database


@dataclass(frozen=True)
class Look:
    """What was found `at` a time; where that failed, what was found last, `seen_at`, and the problem."""

    at: datetime
    status: dict[str, Any] | None
    seen_at: datetime | None
    problem: str | None = None


Put = Callable[[Look], None]


async def watch_status(settings: Settings, *, every: float, as_json: bool) -> bool:
    """Look `every` so many seconds until Ctrl-C; True. Raises nothing for a database that is away."""
    latest = Look(datetime.now(UTC), None, None)
    async with open_database(settings.database_url) as database:
        with _screen(settings, every, as_json=as_json) as put:
            async with trio.open_nursery() as nursery:
                await nursery.start(_cancel_at_ctrl_c, nursery.cancel_scope)
                while not nursery.cancel_scope.cancel_called:
                    latest = await _look(settings, database, latest)
                    put(latest)
                    await trio.sleep(every)
    return True


def watch_document(look: Look, every: float) -> Document:
    """When this was, what is wrong, and the status as it is or was last known to be."""
    seconds = duration_text(every)
    blocks: Document = [line(Words(f"{short_moment(look.at)}  every {seconds}, until Ctrl-C", "faint"))]
    if look.problem is not None:
        known = "nothing is known yet"
        if look.seen_at is not None:
            known = f"as of {duration_text((look.at - look.seen_at).total_seconds())} ago"
        blocks = [*blocks, line(Words(look.problem, "bad"), f" ({known})")]
    return [*blocks, *(status_document(look.status) if look.status is not None else ())]


async def _look(settings: Settings, database: Database, latest: Look) -> Look:
    now = datetime.now(UTC)
    try:
        if latest.status is None and (fault := await missing_schema(database)):
            return Look(now, None, None, fault)
        return Look(now, await whole_status(database, settings), now)
    except DatabaseUnavailable as error:
        return Look(now, latest.status, latest.seen_at, f"the database does not answer: {error}")


async def _cancel_at_ctrl_c(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel(reason="Ctrl-C")


@contextmanager
def _screen(settings: Settings, every: float, *, as_json: bool) -> Iterator[Put]:
    """Where the looks go."""
    if as_json:
        yield partial(_print, lambda look: print(settings.hide(json_text(_as_dict(look)))))
    elif is_terminal(sys.stdout):
        with _redrawn(settings, every) as put:
            yield put
    else:
        yield partial(_print, lambda look: show([*watch_document(look, every), line()], hide=settings.hide))


def _print(put: Put, look: Look) -> None:
    put(look)
    sys.stdout.flush()  # whoever reads the pipe reads it now


@contextmanager
def _redrawn(settings: Settings, every: float) -> Iterator[Put]:
    from rich.live import Live

    from svc.operations.printing.terminal import written

    console = terminal_console(sys.stdout)
    clean = cleaning(settings.hide)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda look: live.update(written(watch_document(look, every), console, clean), refresh=True)


def _as_dict(look: Look) -> dict[str, Any]:
    return {**(look.status or {}), "at": look.at, "seen_at": look.seen_at, "problem": look.problem}
