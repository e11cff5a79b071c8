"""What each command does by which an operator acts: dead updates, pauses, the lead. Each is recorded with who did it.

As in `commands`, each imports what it needs when it is chosen.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from svc.operations.command import reporting

if TYPE_CHECKING:
    from svc.operations.dead_command import Deed
    from svc.operations.orders_command import Target
    from svc.settings.environment import Settings


@reporting
def updates_replay(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates replay`: these ids, or those that fit."""
    from svc.operations.dead_command import REPLAY

    return _to_dead_updates(settings, arguments, REPLAY, agreed=True)


@reporting
def updates_discard(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates discard`: these ids, or those that fit, once somebody has agreed."""
    from svc.operations.dead_command import DISCARD
    from svc.operations.selection_arguments import agreement_missing

    if fault := agreement_missing(arguments):
        arguments.bad_usage(fault)
    return _to_dead_updates(settings, arguments, DISCARD, agreed=arguments.yes)


def _to_dead_updates(
    settings: Settings, arguments: Namespace, deed: Deed, *, agreed: bool
) -> Callable[[], Awaitable[bool]]:
    from svc.actions.replay import Selection
    from svc.operations.dead_command import settle_ids, settle_selection
    from svc.operations.operator_name import operator_named
    from svc.operations.selection_arguments import fault_of

    if fault := fault_of(arguments):
        arguments.bad_usage(fault)
    who = operator_named(arguments.operator)
    how = {"as_json": arguments.json, "dry_run": arguments.dry_run, "agreed": agreed}
    if arguments.ids:
        return partial(settle_ids, settings, deed, who, update_ids=arguments.ids, **how)
    selection = Selection(arguments.reason, arguments.older_than, arguments.younger_than)
    return partial(settle_selection, settings, deed, who, selection=selection, **how)


@reporting
def pause(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc pause`."""
    from svc.operations import orders_command
    from svc.operations.operator_name import operator_named

    how = {"reason": arguments.reason, "as_json": arguments.json}
    return partial(orders_command.pause, settings, operator_named(arguments.operator), _target(arguments), **how)


@reporting
def resume(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc resume`."""
    from svc.operations import orders_command
    from svc.operations.operator_name import operator_named

    who = operator_named(arguments.operator)
    return partial(orders_command.resume, settings, who, _target(arguments), as_json=arguments.json)


def _target(arguments: Namespace) -> Target:
    from svc.operations.orders_command import Target

    if arguments.provider is not None:
        return Target("provider", arguments.provider)
    return Target("model", arguments.model) if arguments.model is not None else Target()


@reporting
def step_down(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc step-down`."""
    from svc.operations import orders_command
    from svc.operations.operator_name import operator_named

    who = operator_named(arguments.operator)
    return partial(orders_command.step_down, settings, who, as_json=arguments.json)
