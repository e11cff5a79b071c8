"""Completion in a shell: the script that a shell loads, and the answers to what that script asks.

The shell runs `svc` itself with _ARGCOMPLETE set and reads the answers from file descriptor 8: whatever `make_parser`
imports delays every press of the Tab key.
"""

from __future__ import annotations

import argparse
import os

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "svc"


def complete_if_asked(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks, answer it and end the process."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        # Ids and texts are not guessed: the names of files would be offered for them.
        argcomplete.autocomplete(parser, default_completer=argcomplete.completers.SuppressCompleter())


def script(shell: str) -> str:
    """What the shell is to load."""
    from argcomplete.shell_integration import shellcode

    return shellcode([PROGRAM], use_defaults=False, shell=shell)
