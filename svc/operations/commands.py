"""What each command does: settings and arguments in, the work out, as a function that returns the exit code.

Each imports what it needs when it is chosen and not before, so that `svc --help` need not wait for a database driver.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svc.operations.dead_command import Deed
    from svc.operations.orders_command import Target
    from svc.settings.environment import Settings

Work = Callable[[], int]
Command = Callable[["Settings", Namespace], Work]


def demo(_settings: Settings, arguments: Namespace) -> Work:
    """`svc demo`, with its page or as a show in the terminal."""
    from svc.operations.demo_text import missing_extra
    from svc.operations.exit_codes import FAILED

    if arguments.json and arguments.headless is None:
        arguments.bad_usage("--json goes with --headless")
    if missing := missing_extra():
        print(f"svc demo: {missing}", file=sys.stderr)
        return lambda: FAILED
    import trio

    from svc.operations.demo import run_demo, run_headless

    if arguments.headless is None:
        return partial(trio.run, run_demo, arguments.bot)
    return partial(trio.run, partial(run_headless, arguments.headless, arguments.bot, as_json=arguments.json))


def run(settings: Settings, _arguments: Namespace) -> Work:
    """`svc run`."""
    from svc.operations.process import run_process

    return partial(run_process, settings)


def print_completion(_settings: Settings, arguments: Namespace) -> Work:
    """`svc completion`."""
    from svc.operations.completion import script

    def work() -> int:
        print(script(arguments.shell))
        return 0

    return work


def _reporting(choose: Callable[[Settings, Namespace], Callable[[], Awaitable[bool]]]) -> Command:
    """A command that prints its own findings and returns whether all is well."""

    @wraps(choose)
    def command(settings: Settings, arguments: Namespace) -> Work:
        from svc.operations.reporting import run_reporting

        return partial(run_reporting, choose(settings, arguments))

    return command


@_reporting
def migrate(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc migrate`."""
    from svc.operations.migrate import migrate_database

    return partial(migrate_database, settings, check=arguments.check)


@_reporting
def check(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc check`."""
    from svc.operations.preflight import preflight

    return partial(preflight, settings)


@_reporting
def status(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc status`, once or again and again."""
    if arguments.watch is not None:
        from svc.operations.watch import watch_status

        return partial(watch_status, settings, every=arguments.watch, as_json=arguments.json)
    from svc.operations.inspect import show_status

    return partial(show_status, settings, as_json=arguments.json)


@_reporting
def transitions(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc transitions`."""
    from svc.operations.inspect import show_transitions

    return partial(show_transitions, settings, as_json=arguments.json, limit=arguments.limit)


@_reporting
def updates_list(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates list`."""
    from svc.operations.inspect import list_updates
    from svc.reports.updates import Wanted

    wanted = Wanted(arguments.chat, arguments.person, arguments.kind, arguments.older_than, arguments.younger_than)
    how = {"state": arguments.state, "limit": arguments.limit, "as_json": arguments.json}
    return partial(list_updates, settings, wanted=wanted, **how)


@_reporting
def updates_show(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates show`."""
    from svc.operations.inspect import show_update

    return partial(show_update, settings, update_id=arguments.id, as_json=arguments.json)


@_reporting
def updates_reasons(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates reasons`."""
    from svc.operations.inspect import list_reasons

    return partial(list_reasons, settings, as_json=arguments.json, limit=arguments.limit)


@_reporting
def updates_replay(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates replay`: these ids, or those that fit."""
    from svc.operations.dead_command import REPLAY

    return _to_dead_updates(settings, arguments, REPLAY, agreed=True)


@_reporting
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


@_reporting
def jobs_list(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs list`."""
    from svc.operations.jobs_command import print_jobs

    return partial(print_jobs, settings, state=arguments.state, as_json=arguments.json, limit=arguments.limit)


@_reporting
def jobs_show(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs show`."""
    from svc.operations.jobs_command import print_job

    return partial(print_job, settings, job_id=arguments.id, as_json=arguments.json)


@_reporting
def jobs_cancel(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs cancel`."""
    from svc.operations.jobs_command import end_job
    from svc.operations.operator_name import operator_named

    who = operator_named(arguments.operator)
    return partial(end_job, settings, who, job_id=arguments.id, as_json=arguments.json)


@_reporting
def pause(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc pause`."""
    from svc.operations import orders_command
    from svc.operations.operator_name import operator_named

    how = {"reason": arguments.reason, "as_json": arguments.json}
    return partial(orders_command.pause, settings, operator_named(arguments.operator), _target(arguments), **how)


@_reporting
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


@_reporting
def step_down(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc step-down`."""
    from svc.operations import orders_command
    from svc.operations.operator_name import operator_named

    who = operator_named(arguments.operator)
    return partial(orders_command.step_down, settings, who, as_json=arguments.json)


@_reporting
def actions(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc actions`."""
    from svc.operations.inspect import list_actions

    return partial(list_actions, settings, as_json=arguments.json, limit=arguments.limit)


@_reporting
def replay(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc replay`."""
    from svc.operations.providers import creating
    from svc.rehearsal.compare import rehearse

    how = {"since": arguments.since, "against": arguments.against, "as_json": arguments.json}
    return partial(rehearse, settings, creating=creating(settings), **how)


@_reporting
def webhook_set(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook set`."""
    from svc.operations.webhook_commands import set_webhook

    return partial(set_webhook, settings)


@_reporting
def webhook_info(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook info`."""
    from svc.operations.webhook_commands import show_webhook

    return partial(show_webhook, settings, as_json=arguments.json)


@_reporting
def webhook_delete(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook delete`."""
    from svc.operations.webhook_commands import delete_webhook

    return partial(delete_webhook, settings)
