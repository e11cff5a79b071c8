"""The arguments of `svc updates replay` and `svc updates discard`: ids, or --all, or filters; one of them is needed."""

from __future__ import annotations

import argparse
import sys

from svc.operations.arguments.types import any_id, hours, short_text

REPLAY = """\
Put dead updates back into the inbox, as if they had just come: attempts and age count from here; history and sends in
doubt are kept. Whoever wrote them is answered when their turn comes, however long ago that was: --younger-than leaves
out those to whom an answer would be strange by now. One that may have been sent is sent once more, and one that has
ended processes may do so again.

Filters can be combined. With many updates it works in batches: stopped half-way, it can simply be run again.
"""
DISCARD = """\
Give dead updates up for good: whoever wrote them gets no answer, and what they wrote is deleted. That they came, and
that they were discarded, stays known for as long as that of other updates. This cannot be undone; --dry-run says what
it would do. On a terminal it asks first, elsewhere it wants --yes.

Filters can be combined. With many updates it works in batches: stopped half-way, it can simply be run again.
"""


def add_selection(parser: argparse.ArgumentParser, description: str) -> None:
    """All that says which, and --dry-run."""
    parser.formatter_class, parser.description = argparse.RawDescriptionHelpFormatter, description
    parser.set_defaults(bad_usage=parser.error)
    parser.add_argument("ids", type=any_id, nargs="*", metavar="ID")
    parser.add_argument("--all", action="store_true", help="every dead update")
    parser.add_argument(
        "--reason", type=short_text, metavar="TEXT", help="those whose reason contains TEXT, in upper or lower case"
    )
    add_ages(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say how many, and why they are dead")


def add_ages(parser: argparse.ArgumentParser) -> None:
    """By the time since an update was first received."""
    parser.add_argument("--older-than", type=hours, metavar="HOURS", help="those received over HOURS hours ago")
    parser.add_argument("--younger-than", type=hours, metavar="HOURS", help="those received in the last HOURS hours")


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


def agreement_missing(arguments: argparse.Namespace) -> str | None:
    """What is wrong where a discard needs a person's agreement, and nobody can be asked."""
    if arguments.yes or arguments.dry_run or (sys.stdin is not None and sys.stdin.isatty()):
        return None
    return "nobody can be asked here: say --yes to discard them, or --dry-run to see how many"
