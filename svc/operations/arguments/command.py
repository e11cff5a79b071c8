"""A command of `svc` as the parser knows it: settings and arguments in, out the work that returns the exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svc.settings.environment import Settings

Work = Callable[[], int]
Command = Callable[["Settings", Namespace], Work]


def reporting(choose: Callable[[Settings, Namespace], Callable[[], Awaitable[bool]]]) -> Command:
    """A command that prints its own findings and returns whether all is well."""

    @wraps(choose)
    def command(settings: Settings, arguments: Namespace) -> Work:
        from svc.operations.reporting import run_reporting

        return partial(run_reporting, choose(settings, arguments))

    return command
