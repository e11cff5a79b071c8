"""The commands and their arguments, as argparse sees them. Each names the function that prepares it (of `commands` or
`acting_commands`) and the settings that it cannot do without.

Nothing heavy is imported here: a shell that completes a word waits for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any, get_args

from svc.handler.job import JobState
from svc.operations import acting_commands, commands
from svc.operations.arguments import completion, selection, types
from svc.operations.arguments.command import Command
from svc.settings.documents import help_text
from svc.settings.table import REQUIRED
from telegram_client.update_kinds import DEFAULT_KINDS

SHOWS = ("deploy", "crash", "freeze", "all")
"""What `svc demo --headless` can show; they are defined in demo/show/show.py, which is imported when one is run."""
STATUS_NEEDS = ("BOT_TOKEN", "DATABASE_URL")
KINDS = (*DEFAULT_KINDS, "chat_member", "message_reaction", "message_reaction_count", "job")
"""Of updates; "job" are the rows that tell of a job's end."""
WATCH_EVERY = 2.0


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line.

    What it returns has `command`, a function of settings and arguments, and `required`, the names of settings.
    """
    parser = argparse.ArgumentParser(
        prog="svc", description="A Telegram bot that never loses an update and never answers twice."
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_demo(actions)
    run = _add(actions, "run", commands.run, "one instance, settings from the environment", REQUIRED)
    run.formatter_class, run.epilog = argparse.RawDescriptionHelpFormatter, help_text()
    migrate = _add(actions, "migrate", commands.migrate, "apply the database's migrations", ("DATABASE_URL",))
    migrate.add_argument("--check", action="store_true", help="only say what is missing (exit 1)")
    _add(actions, "check", commands.check, "preflight: database, token and webhook address, one line each", REQUIRED)
    _add_status(actions)
    history = _add(actions, "transitions", commands.transitions, "the state history of all instances", STATUS_NEEDS)
    _add_limit(history, "the latest N")
    _add_json(history)
    _add_webhook(_add_group(actions, "webhook", "the bot's webhook at Telegram"))
    _add_updates(_add_group(actions, "updates", "explains an update's life; replays or discards dead ones"))
    _add_jobs(_add_group(actions, "jobs", "work that people have asked for: lists, explains and ends it"))
    _add_orders(actions)
    _add_replay(actions)
    shells = _add(actions, "completion", commands.print_completion, "the script with which a shell completes svc")
    shells.add_argument("shell", choices=completion.SHELLS)
    return parser


def _add(
    actions: Any, name: str, command: Command, text: str, required: Collection[str] = ()
) -> argparse.ArgumentParser:
    epilog = f"settings: {', '.join(required)}; `svc run --help` explains them" if required else None
    added: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, epilog=epilog)
    added.set_defaults(command=command, required=required)
    return added


def _add_group(actions: Any, name: str, text: str) -> Any:
    return actions.add_parser(name, help=text, description=text).add_subparsers(metavar="ACTION", required=True)


def _add_demo(actions: Any) -> None:
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


def _add_status(actions: Any) -> None:
    status = _add(actions, "status", commands.status, "who is ACTIVE, what is paused, and what waits", STATUS_NEEDS)
    status.add_argument(
        "--watch",
        type=types.period,
        nargs="?",
        const=WATCH_EVERY,
        metavar="SECONDS",
        help=f"again and again (every {WATCH_EVERY:.0f} s) until Ctrl-C, which is exit 0 here",
    )
    _add_json(status)


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
    listing = _add(actions, "list", commands.updates_list, "updates in one state that fit all filters", STATUS_NEEDS)
    listing.add_argument("--state", choices=("pending", "processing", "dead", "done"), default="pending")
    listing.add_argument("--chat", type=types.any_id, metavar="ID", help="those of this chat")
    listing.add_argument(
        "--person",
        type=types.any_id,
        metavar="ID",
        help="those of this user: the private chat, and unless they are done also what was sent elsewhere",
    )
    listing.add_argument("--kind", choices=KINDS, metavar="KIND", help="message, callback_query, inline_query, ...")
    selection.add_ages(listing)
    _add_limit(listing, "at most N")
    show = _add(actions, "show", commands.updates_show, "one update's whole life", STATUS_NEEDS)
    show.add_argument("id", type=types.any_id, metavar="ID")
    reasons = _add(actions, "reasons", commands.updates_reasons, "why updates are dead, and how many", STATUS_NEEDS)
    _add_limit(reasons, "the N most frequent")
    replay = _add(
        actions, "replay", acting_commands.updates_replay, "put dead updates back into the inbox", STATUS_NEEDS
    )
    selection.add_selection(replay, selection.REPLAY)
    give_up = acting_commands.updates_discard
    discard = _add(actions, "discard", give_up, "give dead updates up for good", STATUS_NEEDS)
    selection.add_selection(discard, selection.DISCARD)
    discard.add_argument("--yes", action="store_true", help="do not ask")
    for action in (replay, discard):
        _add_operator(action)
    for action in (listing, show, reasons, replay, discard):
        _add_json(action)


def _add_jobs(actions: Any) -> None:
    listing = _add(actions, "list", commands.jobs_list, "jobs in one state, or the latest of all", STATUS_NEEDS)
    listing.add_argument("--state", choices=get_args(JobState), default=None)
    _add_limit(listing, "at most N")
    show = _add(actions, "show", commands.jobs_show, "one job's whole life", STATUS_NEEDS)
    cancel = _add(
        actions,
        "cancel",
        acting_commands.jobs_cancel,
        "end one that is not made yet, and tell its person",
        STATUS_NEEDS,
    )
    for action in (show, cancel):
        action.add_argument("id", type=types.job_id, metavar="ID")
    _add_operator(cancel)
    for action in (listing, show, cancel):
        _add_json(action)


def _add_orders(actions: Any) -> None:
    pause = _add(
        actions, "pause", acting_commands.pause, "stop sending, or creating by a provider or a model", STATUS_NEEDS
    )
    pause.add_argument(
        "--reason", type=types.short_text, default="by an operator", metavar="TEXT", help="why, for the others"
    )
    resume = _add(actions, "resume", acting_commands.resume, "end a pause", STATUS_NEEDS)
    for action in (pause, resume):
        which = action.add_mutually_exclusive_group()
        named: dict[str, Any] = {
            "type": types.short_text,
            "help": "only what it would create; as `svc jobs list` names it",
        }
        which.add_argument("--provider", metavar="NAME", **named)
        which.add_argument("--model", metavar="ID", **named)
    text = "have the ACTIVE instance give the lead to another one"
    step_down = _add(actions, "step-down", acting_commands.step_down, text, STATUS_NEEDS)
    for action in (pause, resume, step_down):
        _add_operator(action)
        _add_json(action)
    done = _add(
        actions, "actions", commands.actions, "what operators have done: who, when, and what came of it", STATUS_NEEDS
    )
    _add_limit(done, "the latest N")
    _add_json(done)


def _add_replay(actions: Any) -> None:
    text = "stored updates through other code: what would be answered differently (nothing is sent)"
    replay = _add(actions, "replay", commands.replay, text, STATUS_NEEDS)
    replay.add_argument(
        "--since",
        type=types.time_span,
        required=True,
        metavar="TIME",
        help="updates of the last 24h, 90m or 7d",
    )
    replay.add_argument(
        "--against", required=True, metavar="NEW", help="a folder with the new code, or package.module:name of a bot"
    )
    _add_json(replay)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_limit(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--limit", type=types.limit, default=50, metavar="N", help=f"{text} (default 50)")


def _add_operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="operator",
        type=types.short_text,
        metavar="NAME",
        help="who does this, for svc actions (default: SVC_OPERATOR, or user@host)",
    )


class _ShowVersion(argparse.Action):
    """argparse's own `version` action wants the text beforehand, and finding it out takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from svc.observability.version import installed_version

        print(f"svc {installed_version()}")
        parser.exit()
