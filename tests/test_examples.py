"""The examples, and the code of docs/your-own-bot.md: all of it runs."""

from __future__ import annotations

import inspect
import re
import signal
from pathlib import Path

import httpx
import pytest
import trio

import examples.todo_bot
from svc.handler.bot import Bot, load_bot
from tests.guides import blocks, its_tests, run_blocks, run_test
from tests.processes import DEADLINE, environment_of_checkout, python, running

ROOT = Path(__file__).parent.parent
GUIDE = "your-own-bot.md"
DEFINED = run_blocks(GUIDE)
TESTS = its_tests(DEFINED)
# "Under 30 lines", those that say something.
SMALL = 30


@pytest.mark.parametrize("name", TESTS)
def test_the_guides_tests_pass(name: str) -> None:
    """Those of conversations under the mock clock, as everywhere."""
    run_test(DEFINED[name])


def test_the_guide_has_tests_of_each_kind() -> None:
    """Of a handler, of a conversation, and of a job."""
    assert sum(map(inspect.iscoroutinefunction, map(DEFINED.get, TESTS))) >= 2
    assert len(TESTS) >= 5


def test_the_guide_shows_the_example_as_it_is() -> None:
    """Word for word."""
    assert Path(inspect.getfile(examples.todo_bot)).read_text("utf-8") in [block[1] for block in blocks(GUIDE)]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*_bot.py")), ids=lambda path: path.name)
def test_an_example_is_a_bot_of_a_few_lines(path: Path) -> None:
    """Complete: what BOT can name."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) < SMALL
    assert isinstance(load_bot(f"examples.{path.stem}:bot"), Bot)


@pytest.mark.processes
async def test_the_demo_runs_an_example() -> None:
    """`svc demo --bot`, as the guide says it: a task is written, and the list comes back with its button."""
    demo = python("-m", "svc", "demo", "--bot", "examples.todo_bot:bot")
    async with running(*demo, env=environment_of_checkout()) as process, httpx.AsyncClient(trust_env=False) as client:
        await process.says("Ctrl-C ends all of it")
        found = re.search(r"Open:\s+(http://\S+)/", process.printed)
        assert found is not None, process.printed
        chat = f"{found[1]}/user/7"
        await client.post(f"{chat}/send", json={"text": "milk"})
        with trio.fail_after(DEADLINE):
            while len(messages := (await client.get(f"{chat}/messages")).json()["messages"]) < 2:
                await trio.sleep(0.05)
        assert messages[-1]["text"] == "To do: 1"
        assert messages[-1]["reply_markup"]["inline_keyboard"][0][0]["text"] == "☐ milk"
        process.process.send_signal(signal.SIGINT)
        assert await process.exit_code() == 0
