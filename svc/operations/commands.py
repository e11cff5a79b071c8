"""What each command does that runs something or asks something; those by which an operator acts are in
`acting_commands`.

Each imports what it needs when it is chosen and not before, so that `svc --help` need not wait for a database driver.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from svc.operations.arguments.command import Work, reporting

if TYPE_CHECKING:
    from svc.settings.environment import Settings


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
    from svc.operations.arguments.completion import script

    def work() -> int:
        print(script(arguments.shell))
        return 0

    return work


@reporting
def migrate(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc migrate`."""
    from svc.operations.migrate import migrate_database

    return partial(migrate_database, settings, check=arguments.check)


@reporting
def check(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc check`."""
    from svc.operations.preflight import preflight

    return partial(preflight, settings)


@reporting
def status(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc status`, once or again and again."""
    if arguments.watch is not None:
        from svc.operations.watch import watch_status

        return partial(watch_status, settings, every=arguments.watch, as_json=arguments.json)
    from svc.operations.inspect import show_status

    return partial(show_status, settings, as_json=arguments.json)


@reporting
def transitions(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc transitions`."""
    from svc.operations.inspect import show_transitions

    return partial(show_transitions, settings, as_json=arguments.json, limit=arguments.limit)


@reporting
def updates_list(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates list`."""
    from svc.operations.inspect import list_updates
    from svc.reports.updates import Filters

    filters = Filters(arguments.chat, arguments.person, arguments.kind, arguments.older_than, arguments.younger_than)
    how = {"state": arguments.state, "limit": arguments.limit, "as_json": arguments.json}
    return partial(list_updates, settings, filters=filters, **how)


@reporting
def updates_show(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates show`."""
    from svc.operations.inspect import show_update

    return partial(show_update, settings, update_id=arguments.id, as_json=arguments.json)


@reporting
def updates_reasons(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc updates reasons`."""
    from svc.operations.inspect import list_reasons

    return partial(list_reasons, settings, as_json=arguments.json, limit=arguments.limit)


@reporting
def jobs_list(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs list`."""
    from svc.operations.jobs_command import print_jobs

    return partial(print_jobs, settings, state=arguments.state, as_json=arguments.json, limit=arguments.limit)


@reporting
def jobs_show(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc jobs show`."""
    from svc.operations.jobs_command import print_job

    return partial(print_job, settings, job_id=arguments.id, as_json=arguments.json)


@reporting
def actions(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc actions`."""
    from svc.operations.inspect import list_actions

    return partial(list_actions, settings, as_json=arguments.json, limit=arguments.limit)


@reporting
def replay(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc replay`."""
    from svc.operations.printing.long_work import telling
    from svc.operations.providers import creating
    from svc.rehearsal.compare import rehearse

    how = {"since": arguments.since, "against": arguments.against, "as_json": arguments.json}
    return partial(rehearse, settings, creating=creating(settings), telling=telling, **how)


@reporting
def webhook_set(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook set`."""
    from svc.operations.webhook_commands import set_webhook

    return partial(set_webhook, settings)


@reporting
def webhook_info(settings: Settings, arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook info`."""
    from svc.operations.webhook_commands import show_webhook

    return partial(show_webhook, settings, as_json=arguments.json)


@reporting
def webhook_delete(settings: Settings, _arguments: Namespace) -> Callable[[], Awaitable[bool]]:
    """`svc webhook delete`."""
    from svc.operations.webhook_commands import delete_webhook

    return partial(delete_webhook, settings)
