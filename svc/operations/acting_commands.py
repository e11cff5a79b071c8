"""What each command does by which an operator acts: dead updates, jobs, pauses, the lead. Each is recorded.

As in `commands`, each imports what it needs when it is chosen.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from svc.operations.arguments.command import reporting

if TYPE_CHECKING:
    from svc.actions.dead_letters import DeadLetterAction
    from svc.operations.orders_command import Target
    from svc.settings.environment import Settings


@reporting
def updates_replay(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates replay`: these ids, or those that fit."""
    from svc.actions.dead_letters import REPLAY

    return _to_dead_updates(settings, arguments, REPLAY, agreed=True)


@reporting
def updates_discard(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates discard`: these ids, or those that fit, once somebody has agreed."""
    from svc.actions.dead_letters import DISCARD
    from svc.operations.arguments.selection import agreement_missing

    if fault := agreement_missing(arguments):
        arguments.bad_usage(fault)
    return _to_dead_updates(settings, arguments, DISCARD, agreed=arguments.yes)


def _to_dead_updates(
    settings: Settings, arguments: Namespace, action: DeadLetterAction, *, agreed: bool
) -> Callable[[], Awaitable[bool]]:
    from svc.actions.dead_letters import Selection
    from svc.actions.record import operator_named
    from svc.operations.arguments.selection import fault_of
    from svc.operations.dead_command import settle_ids, settle_selection

    if fault := fault_of(arguments):
        arguments.bad_usage(fault)
    who = operator_named(arguments.operator)
    how = {"as_json": arguments.json, "dry_run": arguments.dry_run, "agreed": agreed}
    if arguments.ids:
        return partial(settle_ids, settings, action, who, update_ids=arguments.ids, **how)
    selection = Selection(arguments.reason, arguments.older_than, arguments.younger_than)
    return partial(settle_selection, settings, action, who, selection=selection, **how)


@reporting
def pause(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc pause`."""
    from svc.actions.record import operator_named
    from svc.operations import orders_command

    how = {"reason": arguments.reason, "as_json": arguments.json}
    return partial(orders_command.pause, settings, operator_named(arguments.operator), _target(arguments), **how)


@reporting
def resume(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc resume`."""
    from svc.actions.record import operator_named
    from svc.operations import orders_command

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
    from svc.actions.record import operator_named
    from svc.operations import orders_command

    who = operator_named(arguments.operator)
    return partial(orders_command.step_down, settings, who, as_json=arguments.json)


@reporting
def jobs_cancel(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs cancel`."""
    from svc.actions.record import operator_named
    from svc.operations.jobs_command import end_job

    who = operator_named(arguments.operator)
    return partial(end_job, settings, who, job_id=arguments.id, as_json=arguments.json)
