"""Guides whose code runs: the Python blocks of a document are one module, and its tests are tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import trio
import trio.testing

from tests.harness import DEADLOCK

DOCS = Path(__file__).parent.parent / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(guide: str) -> Iterator[re.Match[str]]:
    """The Python blocks of a document; group 1 is the code."""
    return _BLOCK.finditer((DOCS / guide).read_text("utf-8"))


def run_blocks(guide: str) -> dict[str, Any]:
    """What the blocks define, run one after the other as one module."""
    names: dict[str, Any] = {"__name__": Path(guide).stem.replace("-", "_")}
    for block in blocks(guide):
        # So that a traceback names the line of the guide.
        lines_before = "\n" * block.string.count("\n", 0, block.start(1))
        exec(compile(lines_before + block[1], f"docs/{guide}", "exec"), names)
    return names


def its_tests(names: dict[str, Any]) -> list[str]:
    """Which of the names are tests."""
    return [name for name in names if name.startswith("test_")]


def run_test(test: Callable[[], Any]) -> None:
    """Run a test; an asynchronous one under the mock clock."""
    if not inspect.iscoroutinefunction(test):
        test()
        return

    async def within_the_deadline() -> None:
        with trio.fail_after(DEADLOCK):
            await test()

    trio.run(within_the_deadline, clock=trio.testing.MockClock(autojump_threshold=0))
