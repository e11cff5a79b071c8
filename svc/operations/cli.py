"""The command line. Exit codes: 0 done, 1 the check or the work failed, 2 bad usage or settings, 130 interrupted."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import trio

from svc.settings.environment import REQUIRED, Settings, SettingsError, load_settings

DONE, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
LARGEST_ID = 2**63 - 1
LARGEST_LIMIT = 100_000

_WORDS = {
    "DatabaseUnavailable": "the database does not answer: ",
    "DatabaseRefused": "the database will not have us: ",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings(required=arguments.required)
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return BAD_USAGE
    code = INTERRUPTED
    try:
        code = arguments.command(settings, arguments)
    except* KeyboardInterrupt:
        print(file=sys.stderr)  # behind the terminal's ^C
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="svc", description="A Telegram bot that never loses an update and never answers twice."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str,
        run: Callable[[Settings, argparse.Namespace], int],
        text: str,
        required: Collection[str],
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=run, required=required)
        return added

    command("demo", _demo, "everything on this machine: a Postgres, a sandbox Telegram, two instances", ())
    command("run", _run, "one instance, settings from the environment", REQUIRED)
    migrate = command("migrate", _migrate, "apply the database's migrations", ("DATABASE_URL",))
    migrate.add_argument("--check", action="store_true", help="only say what is missing (exit 1)")
    command("check", _check, "preflight: database, token and webhook address, one line each", REQUIRED)
    status_needs = ("BOT_TOKEN", "DATABASE_URL")
    status = command("status", _status, "who is ACTIVE, and what waits", status_needs)
    status.add_argument("--json", action="store_true", help="as one JSON object")
    history = command("transitions", _transitions, "the state history of all instances", status_needs)
    history.add_argument("--json", action="store_true", help="as a JSON array")
    history.add_argument("--limit", type=_positive, default=50, metavar="N", help="the latest N (default 50)")
    _add_webhook(command("webhook", _webhook, "the bot's webhook at Telegram", ("BOT_TOKEN",)))
    _add_updates(command("updates", _updates, "explains an update's life; replays dead ones", status_needs))
    return parser


def _add_webhook(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    setting = actions.add_parser("set", help="set it to WEBHOOK_URL with WEBHOOK_SECRET; pending updates are kept")
    setting.set_defaults(required=("BOT_TOKEN", "WEBHOOK_URL", "WEBHOOK_SECRET"))
    info = actions.add_parser("info", help="what Telegram has and how its deliveries go")
    info.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser("delete", help="delete it; pending updates are kept")


def _add_updates(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="updates in one state")
    listing.add_argument("--state", choices=("pending", "processing", "dead", "done"), default="pending")
    listing.add_argument("--limit", type=_positive, default=50, metavar="N", help="at most N (default 50)")
    show = actions.add_parser("show", help="one update's whole life")
    show.add_argument("id", type=_update_id, metavar="ID")
    replay = actions.add_parser("replay", help="put dead updates back into the inbox")
    replay.add_argument("ids", type=_update_id, nargs="+", metavar="ID")
    for action in (listing, show, replay):
        action.add_argument("--json", action="store_true", help="as JSON")


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= LARGEST_LIMIT:
        raise argparse.ArgumentTypeError(f"must be from 1 to {LARGEST_LIMIT}")
    return number


def _update_id(text: str) -> int:
    number = int(text)
    if not 0 <= number <= LARGEST_ID:
        raise argparse.ArgumentTypeError("is not an update's id")
    return number


def _run(settings: Settings, _arguments: argparse.Namespace) -> int:
    # Until the service listens for it, and again while it drains, SIGTERM ends the process at once. Without a handler
    # it would be ignored where the process is PID 1, as in a container.
    signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))

    import structlog

    from svc.bot.catalog import CatalogError
    from svc.intake.http_server import ConfigError
    from svc.leadership.postgres_lock import PoolerInTheWay
    from svc.observability.logs import configure_logging
    from svc.observability.metrics import Metrics
    from svc.operations.run import run_instance
    from svc.storage.database import DatabaseRefused
    from svc.storage.migrate import MigrationError

    metrics = Metrics()
    configure_logging(
        log_format=settings.log_format,
        level=settings.log_level,
        instance=settings.instance_id,
        secrets=settings.secrets,
        count=metrics.count,
    )
    log = structlog.get_logger()
    # What the imports made lives for ever: the collector need not look at it again. Seldom is enough for the rest:
    # at the default threshold it costs 5 % of the throughput and frees next to nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    expected = (ConfigError, CatalogError, DatabaseRefused, MigrationError, PoolerInTheWay, OSError)
    code = DONE
    try:
        trio.run(partial(run_instance, settings, metrics))
    except* expected as group:
        code = FAILED
        for error in _leaves(group):
            log.error("FAILED", reason=f"{type(error).__name__}: {error}")  # noqa: TRY400 (one line, no traceback)
    except* Exception:
        code = FAILED
        log.exception("FAILED", reason="an unforeseen error")
    log.info("EXIT", code=code)
    return code


def _migrate(settings: Settings, arguments: argparse.Namespace) -> int:
    from svc.operations.preflight import migrate_database

    return _with_database(partial(migrate_database, settings, check=arguments.check))


def _check(settings: Settings, _arguments: argparse.Namespace) -> int:
    from svc.operations.preflight import preflight

    return _with_database(partial(preflight, settings))


def _status(settings: Settings, arguments: argparse.Namespace) -> int:
    from svc.operations.inspect import show_status

    return _with_database(partial(show_status, settings, as_json=arguments.json))


def _transitions(settings: Settings, arguments: argparse.Namespace) -> int:
    from svc.operations.inspect import show_transitions

    return _with_database(partial(show_transitions, settings, as_json=arguments.json, limit=arguments.limit))


def _updates(settings: Settings, arguments: argparse.Namespace) -> int:
    from svc.operations import inspect

    as_json = arguments.json
    match arguments.action:
        case "list":
            work = partial(inspect.list_updates, state=arguments.state, as_json=as_json, limit=arguments.limit)
        case "show":
            work = partial(inspect.show_update, update_id=arguments.id, as_json=as_json)
        case _:
            work = partial(inspect.replay_updates, update_ids=arguments.ids, as_json=as_json)
    return _with_database(partial(work, settings))


def _webhook(settings: Settings, arguments: argparse.Namespace) -> int:
    from svc.operations import webhook_commands

    match arguments.action:
        case "set":
            work = partial(webhook_commands.set_webhook, settings)
        case "info":
            work = partial(webhook_commands.show_webhook, settings, as_json=arguments.json)
        case _:
            work = partial(webhook_commands.delete_webhook, settings)
    return DONE if trio.run(work) else FAILED


def _demo(_settings: Settings, _arguments: argparse.Namespace) -> int:
    from svc.operations.demo import run_demo

    return trio.run(run_demo)


def _with_database(command: Callable[[], Awaitable[bool]]) -> int:
    """Run a command that reports its own findings; True is success."""
    from svc.storage.database import DatabaseRefused, DatabaseUnavailable, asyncio_loop
    from svc.storage.migrate import MigrationError

    async def run() -> bool:
        async with asyncio_loop():
            return await command()

    code = FAILED
    try:
        code = DONE if trio.run(run) else FAILED
    except* (DatabaseRefused, DatabaseUnavailable, MigrationError) as group:
        for error in _leaves(group):
            print(f"svc: {_WORDS.get(type(error).__name__, '')}{error}", file=sys.stderr)
    return code


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
