"""`python -m sandbox` as a process of its own."""

from __future__ import annotations

import signal

import pytest

from tests.peers import silent_port
from tests.processes import environment_of_checkout, python, run, running

pytestmark = pytest.mark.processes

TOKEN = "1:" + "A" * 35


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_0_and_without_a_word(how: signal.Signals) -> None:
    command = python("-m", "sandbox", "--port", "0", "--token", TOKEN)
    async with running(*command, env=environment_of_checkout()) as sandbox:
        await sandbox.says("\n")
        sandbox.process.send_signal(how)
        assert await sandbox.exit_code() == 0
    (line,) = sandbox.printed.splitlines()
    assert line.startswith("Bot API sandbox on http://127.0.0.1:")
    assert TOKEN not in line


async def test_a_taken_port_is_said_in_one_line() -> None:
    with silent_port() as port:
        done = await run(*python("-m", "sandbox", "--port", str(port)), env=environment_of_checkout())
    assert done.returncode == 1
    assert done.stderr.startswith(f"cannot serve on port {port}: ")
    assert len(done.stderr.splitlines()) == 1
