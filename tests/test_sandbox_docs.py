"""docs/sandbox.md against the sandbox: methods, routes, faults, rules and bounds both ways, and its code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sandbox import call_log, control, faults, files, http_server, state, world
from sandbox.faults import FaultKind, Faults
from sandbox.rules import Edits, Ids
from sandbox.telegram import Telegram, _method_table
from tests.guides import DOCS, its_tests, run_blocks, run_test
from tests.processes import environment_of_checkout, python, run

GUIDE = "sandbox.md"
TEXT = (DOCS / GUIDE).read_text("utf-8")
BOTS = DOCS.parent / "tests" / "echo_bots"
# What the page itself asks besides; it is not for others to rely on.
OF_THE_PAGE = re.compile(r"/|/page/.*|/people|/stream/.*")
DEFINED = run_blocks(GUIDE)


def rows(heading: str) -> Iterator[list[str]]:
    """The rows of the tables below a heading, without their heads: the cells."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for table in re.findall(r"^\|.*\n\|[-|]+\|\n((?:\|.*\n)+)", section, re.MULTILINE):
        for row in table.splitlines():
            yield [cell.strip() for cell in row.strip("|").split(" | ")]


def named(heading: str, column: int = 0) -> list[str]:
    """The code spans that the cells of a column consist of."""
    return [cell.strip("`") for row in rows(heading) if (cell := row[column]).startswith("`")]


@pytest.mark.parametrize("name", its_tests(DEFINED))
def test_its_tests_pass(name: str) -> None:
    """Under the mock clock."""
    run_test(DEFINED[name])


def test_it_lists_every_method() -> None:
    """Each once, and says how far it goes."""
    listed = named("Methods")
    assert sorted(listed) == sorted(name for name, _ in _method_table(strict_webhooks=False).values())
    assert {row[1] for row in rows("Methods")} == {"behaves", "kept", "canned"}


def test_it_lists_every_route() -> None:
    """Each once; apart from those of the page."""
    routes = control.Control(Telegram(), Faults())._routes
    unlisted = [route for route in routes if not OF_THE_PAGE.fullmatch(route[1].pattern)]
    for request in named("What a user does, faults, logs"):
        method, path = request.split()
        (route,) = (route for route in unlisted if route[0] == method and route[1].fullmatch(path))
        unlisted.remove(route)
    assert unlisted == []


def test_it_lists_every_fault_and_rule() -> None:
    """All kinds, all values."""
    assert set(named("Faults")) == set(FaultKind)
    assert named("Rules") == ["ids", "edits", "unseen_for"]
    assert named("Rules", 1) == [*Ids, *Edits]


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("updates", f"{world.MAX_PENDING:,}"),
        ("users", f"{state.MAX_CHATS:,}"),
        ("messages of a chat", f"{state.MAX_MESSAGES_PER_CHAT:,}"),
        ("presses", f"{state.MAX_QUERIES:,}"),
        ("calls", f"{call_log.MAX_CALLS:,}"),
        ("messages in", f"{state.MAX_SENT:,}"),
        ("files", f"{files.MAX_FILES:,}, with {files.MAX_STORED // 2**20} MiB in all"),
        ("connections", f"{http_server.MAX_CONNECTIONS:,}"),
        ("faults", f"{faults.MAX_RULES:,}"),
    ],
)
def test_its_bounds_are_those_of_the_code(what: str, most: str) -> None:
    """Number by number."""
    (row,) = (row for row in rows("Bounds") if row[0].startswith(what))
    assert row[1] == most


def test_its_settings_are_those_of_the_bots_that_were_run() -> None:
    """Word for word, in the file that the row names."""
    shown = [row for row in rows("Point your bot at it") if "echo_bots" in row[2]]
    assert len(shown) == len(list(BOTS.glob("*_bot.*")))
    for row in shown:
        (file,) = re.findall(r"\]\((.+)\)", row[2])
        assert row[1].strip("`") in (DOCS / file).read_text("utf-8")


@pytest.mark.processes
async def test_it_names_every_option() -> None:
    """Those that --help shows."""
    done = await run(*python("-m", "sandbox", "--help"), env=environment_of_checkout())
    options = {option.partition(" ")[0] for option in named("Start it")}
    assert options == set(re.findall(r"--[a-z]+", done.stdout)) - {"--help"}
