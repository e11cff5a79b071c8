"""Saying how far long work is, on stderr: a spinner on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from svc.operations.printing.output import is_terminal, terminal_console

# In seconds, where it is no terminal.
TELL_EVERY = 2.0


@contextmanager
def telling(so_far: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Within the block the work calls what is yielded whenever it has come further; `so_far` says how far."""
    if is_terminal(sys.stderr):
        with _spinner(so_far) as tell:
            yield tell
    else:
        yield _lines(so_far)


@contextmanager
def _spinner(so_far: Callable[[], str]) -> Iterator[Callable[[], None]]:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    console = terminal_console(sys.stderr)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(so_far(), total=None)
        yield lambda: progress.update(task, description=so_far())


def _lines(so_far: Callable[[], str]) -> Callable[[], None]:
    told = time.monotonic()

    def tell() -> None:
        nonlocal told
        if time.monotonic() >= told + TELL_EVERY:
            told = time.monotonic()
            print(f"svc: {so_far()}", file=sys.stderr, flush=True)

    return tell
