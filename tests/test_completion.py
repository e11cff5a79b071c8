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


# A zsh at a terminal: the words with their Tab are typed, and it is waited for what it makes of them.
IN_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'autoload -Uz compinit; compinit -u -D; eval "$(svc completion zsh)"; print loaded-$((1 + 1))'
zpty -r shell said '*loaded-2*'
zpty -w -n shell $'svc updates list --kind callb\\t'
zpty -r shell said '*callback_query*'
zpty -d shell
"""
IN_FISH = """
svc completion fish | source
complete -C 'svc updates list --kind callb' | string match --quiet 'callback_query*'
"""


async def in_shell(shell: str, *args: str, folder: Path) -> str:
    """What a shell prints, with `svc` found on its path; a failure if it fails."""
    program = folder / "svc"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m svc "$@"\n')
    program.chmod(0o755)
    env = environment_of_checkout()
    path = {"PATH": f"{folder}:{env['PATH']}", "HOME": str(folder), "TERM": "xterm"}
    done = await run(shell, *args, env=env | path, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def completed(folder: Path, words: str) -> list[str]:
    """What bash offers after these words."""
    return (await in_shell("bash", "-c", PRESS_TAB % shlex.quote(words), folder=folder)).split()


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


@pytest.mark.parametrize(("shell", "options", "script"), [("zsh", "-fc", IN_ZSH), ("fish", "-Nc", IN_FISH)])
async def test_the_other_shells_complete_a_value(tmp_path: Path, shell: str, options: str, script: str) -> None:
    """Where they are installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    await in_shell(shell, options, script, folder=tmp_path)


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
