"""Completion: a real shell loads the script and completes words with it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.processes import environment_of_checkout, python, run

pytestmark = pytest.mark.processes

# What `complete -F` does when somebody presses the Tab key.
PRESS_TAB = """
eval "$(svc completion bash)"
COMP_LINE=%s
COMP_POINT=${#COMP_LINE}
_python_argcomplete svc
printf '%%s\\n' "${COMPREPLY[@]}"
"""


async def completed(folder: Path, words: str) -> list[str]:
    """What bash offers after these words, with `svc` found on its path."""
    program = folder / "svc"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m svc "$@"\n')
    program.chmod(0o755)
    env = environment_of_checkout()
    script = PRESS_TAB % shlex.quote(words)
    done = await run("bash", "-c", script, env=env | {"PATH": f"{folder}:{env['PATH']}"}, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("svc upd", {"updates"}),
        ("svc updates l", {"list"}),
        ("svc updates list --st", {"--state"}),
        ("svc updates list --state ", {"pending", "processing", "dead", "done"}),
        ("svc updates list --kind callb", {"callback_query"}),
        ("svc jobs list --state s", {"submitting"}),
        ("svc step-down --", {"--as", "--help", "--json"}),
        ("svc completion f", {"fish"}),
        ("svc demo --headless c", {"crash"}),
    ],
)
async def test_bash_completes_commands_flags_and_values(tmp_path: Path, words: str, offered: set[str]) -> None:
    """Without any settings, and without files' names where none belong."""
    assert set(await completed(tmp_path, words)) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_every_shell_can_read_its_script(tmp_path: Path, shell: str) -> None:
    """Its syntax, as far as that shell is there; zsh's script is bash's too."""
    done = await run(*python("-m", "svc", "completion", shell), env=environment_of_checkout(), folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert " svc" in done.stdout
    reader = shutil.which(shell) or (shutil.which("bash") if shell == "zsh" else None)
    if reader is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / f"script.{shell}"
    script.write_text(done.stdout)
    read = await run(reader, "-n", script, env=environment_of_checkout())
    assert (read.returncode, read.stderr) == (0, "")


async def test_a_shell_waits_for_no_driver_and_no_client(tmp_path: Path) -> None:
    """Whatever is imported before the words are known delays every press of the Tab key."""
    heavy = ("asyncpg", "trio", "httpx", "rich", "quart", "structlog", "prometheus_client", "svc.settings.environment")
    parse = "from svc.operations.arguments.parser import make_parser; make_parser(); import sys"
    code = f"{parse}; print(set({heavy}) & set(sys.modules))"
    done = await run(*python("-c", code), env=environment_of_checkout(), folder=tmp_path)
    assert done.stdout == "set()\n"
