"""`python -m sandbox` as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

TOKEN = "1:" + "A" * 35


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0_and_without_a_word(how: signal.Signals) -> None:
    with start("--port", "0", "--token", TOKEN) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(how)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert line.startswith("Bot API sandbox on http://127.0.0.1:")
    assert TOKEN not in line
    assert errors == ""


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with start("--port", port) as process:
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.startswith(f"cannot serve on port {port}: ")
    assert len(errors.splitlines()) == 1
