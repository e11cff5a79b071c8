"""The arguments of `svc updates replay`: ids, or --all, or filters; one of them has to be given."""

from __future__ import annotations

import argparse
import math

LONGEST_HOURS = 10 * 365 * 24.0

DESCRIPTION = """\
Put dead updates back into the inbox, as if they had just come: attempts and age count from here; history and sends in
doubt are kept. Whoever wrote them is answered when their turn comes, however long ago that was: --younger-than leaves
out those to whom an answer would be strange by now. One that may have been sent is sent once more, and one that has
ended processes may do so again.

Filters can be combined. With many updates it works in batches: stopped half-way, it can simply be run again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All but the ids."""
    parser.formatter_class, parser.description = argparse.RawDescriptionHelpFormatter, DESCRIPTION
    parser.set_defaults(bad_usage=parser.error)
    parser.add_argument("--all", action="store_true", help="every dead update")
    parser.add_argument(
        "--reason", type=_text, metavar="TEXT", help="those whose reason contains TEXT, in upper or lower case"
    )
    parser.add_argument("--older-than", type=_hours, metavar="HOURS", help="those received over HOURS hours ago")
    parser.add_argument("--younger-than", type=_hours, metavar="HOURS", help="those received in the last HOURS hours")
    parser.add_argument("--dry-run", action="store_true", help="only say how many, and why they are dead")


def fault_of(arguments: argparse.Namespace) -> str | None:
    """What is wrong with these arguments taken together."""
    filters = [arguments.reason, arguments.older_than, arguments.younger_than]
    filtered = any(value is not None for value in filters)
    match bool(arguments.ids), arguments.all, filtered:
        case (False, False, False):
            return "say which: ids, --all, or at least one of --reason, --older-than and --younger-than"
        case (True, True, _) | (True, _, True):
            return "ids are not combined with --all or with filters"
        case (_, True, True):
            return "--all is not combined with filters"
    return None


def _hours(text: str) -> float:
    """Seconds."""
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= LONGEST_HOURS:
        raise argparse.ArgumentTypeError(f"must be hours from 0 to {LONGEST_HOURS:.0f}, not {text!r}")
    return hours * 3600


def _text(text: str) -> str:
    """As Postgres can take it."""
    if not text or "\0" in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be a text that can be printed, not {text!r}")
    return text
