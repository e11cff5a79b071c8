"""The commands and their arguments, as argparse sees them. Each names the function that prepares it (`commands`) and
the settings that it cannot do without.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from typing import Any, get_args

from svc.handler.job import JobState
from svc.observability.version import installed_version
from svc.operations import commands, replay_arguments
from svc.settings.documents import help_text
from svc.settings.table import REQUIRED

LARGEST_ID = 2**63 - 1
LARGEST_LIMIT = 100_000

SHOWS = ("deploy", "crash", "freeze", "all")
"""What `svc demo --headless` can show; they are defined in demo/show/show.py, which is imported when one is run."""
STATUS_NEEDS = ("BOT_TOKEN", "DATABASE_URL")


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line.

    What it returns has `command`, a function of settings and arguments, and `required`, the names of settings.
    """
    parser = argparse.ArgumentParser(
        prog="svc", description="A Telegram bot that never loses an update and never answers twice."
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    demo = _add(actions, "demo", commands.demo, "everything on this machine: a Postgres, stand-ins, two instances")
    demo.add_argument("--bot", metavar="PACKAGE.MODULE:NAME", help="another bot, as in BOT (docs/your-own-bot.md)")
    demo.add_argument(
        "--headless",
        metavar="SCRIPT",
        choices=SHOWS,
        help=f"a show in this terminal, without a page: {', '.join(SHOWS)}",
    )
    demo.add_argument("--json", action="store_true", help="with --headless: the outcome as JSON")
    demo.set_defaults(bad_usage=demo.error)
    run = _add(actions, "run", commands.run, "one instance, settings from the environment", REQUIRED)
    run.formatter_class, run.epilog = argparse.RawDescriptionHelpFormatter, help_text()
    migrate = _add(actions, "migrate", commands.migrate, "apply the database's migrations", ("DATABASE_URL",))
    migrate.add_argument("--check", action="store_true", help="only say what is missing (exit 1)")
    _add(actions, "check", commands.check, "preflight: database, token and webhook address, one line each", REQUIRED)
    status = _add(actions, "status", commands.status, "who is ACTIVE, and what waits", STATUS_NEEDS)
    _add_json(status)
    history = _add(actions, "transitions", commands.transitions, "the state history of all instances", STATUS_NEEDS)
    _add_json(history)
    _add_limit(history, "the latest N")
    _add_webhook(_add_group(actions, "webhook", "the bot's webhook at Telegram"))
    _add_updates(_add_group(actions, "updates", "explains an update's life; replays dead ones"))
    _add_jobs(_add_group(actions, "jobs", "work that people have asked for: lists, explains and ends it"))
    return parser


def _add(
    actions: Any, name: str, command: commands.Command, text: str, required: Collection[str] = ()
) -> argparse.ArgumentParser:
    epilog = f"settings: {', '.join(required)}; `svc run --help` explains them" if required else None
    added: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, epilog=epilog)
    added.set_defaults(command=command, required=required)
    return added


def _add_group(actions: Any, name: str, text: str) -> Any:
    return actions.add_parser(name, help=text, description=text).add_subparsers(metavar="ACTION", required=True)


def _add_webhook(actions: Any) -> None:
    _add(
        actions,
        "set",
        commands.webhook_set,
        "set it to WEBHOOK_URL with WEBHOOK_SECRET; pending updates are kept",
        ("BOT_TOKEN", "WEBHOOK_URL", "WEBHOOK_SECRET"),
    )
    info = _add(actions, "info", commands.webhook_info, "what Telegram has and how its deliveries go", ("BOT_TOKEN",))
    _add_json(info)
    _add(actions, "delete", commands.webhook_delete, "delete it; pending updates are kept", ("BOT_TOKEN",))


def _add_updates(actions: Any) -> None:
    listing = _add(actions, "list", commands.updates_list, "updates in one state", STATUS_NEEDS)
    listing.add_argument("--state", choices=("pending", "processing", "dead", "done"), default="pending")
    _add_limit(listing, "at most N")
    show = _add(actions, "show", commands.updates_show, "one update's whole life", STATUS_NEEDS)
    show.add_argument("id", type=_update_id, metavar="ID")
    reasons = _add(actions, "reasons", commands.updates_reasons, "why updates are dead, and how many", STATUS_NEEDS)
    _add_limit(reasons, "the N most frequent")
    replay = _add(actions, "replay", commands.updates_replay, "put dead updates back into the inbox", STATUS_NEEDS)
    replay.add_argument("ids", type=_update_id, nargs="*", metavar="ID")
    replay_arguments.add_arguments(replay)
    for action in (listing, show, reasons, replay):
        _add_json(action)


def _add_jobs(actions: Any) -> None:
    listing = _add(actions, "list", commands.jobs_list, "jobs in one state, or the latest of all", STATUS_NEEDS)
    listing.add_argument("--state", choices=get_args(JobState), default=None)
    _add_limit(listing, "at most N")
    show = _add(actions, "show", commands.jobs_show, "one job's whole life", STATUS_NEEDS)
    cancel = _add(
        actions, "cancel", commands.jobs_cancel, "end one that is not made yet, and tell its person", STATUS_NEEDS
    )
    for action in (show, cancel):
        action.add_argument("id", type=_whole_number(1, LARGEST_ID), metavar="ID")
    for action in (listing, show, cancel):
        _add_json(action)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_limit(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--limit", type=_whole_number(1, LARGEST_LIMIT), default=50, metavar="N", help=f"{text} (default 50)"
    )


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
        return number

    return parse


_update_id = _whole_number(-LARGEST_ID, LARGEST_ID)


class _ShowVersion(argparse.Action):
    """argparse's own `version` action wants the text beforehand, and finding it out takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"svc {installed_version()}")
        parser.exit()
