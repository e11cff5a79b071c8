"""What a text for operators mentions, and what of it does not exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

from statemachine import State
from svc.observability.events import EVENTS
from svc.observability.metrics import Metrics
from svc.operations.arguments.parser import make_parser
from svc.settings.table import SETTINGS

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# `kubectl exec deployment/svc -- svc status` and `... exec one svc status` are commands of ours too.
_COMMAND = re.compile(r"(?:^|-- |\bexec \w+ )svc ([a-z].*)")
_OTHERS = {"SIGTERM", "SIGKILL", "PAUSED", "PATH", "HTTPS_PROXY", "POST", "DOMAIN", "INSTANCES", "POSTGRES_PASSWORD"}
_OTHERS |= {"REGENERATE", "SELECT", "VACUUM", "ANALYZE"}
_PLACES = {"CHAT", "JOB", "NEW"}


def shell_lines(text: str) -> list[str]:
    """Every line of the blocks of shell commands, without those that only name a shorter word for a command."""
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    return [line for line in lines if not line.startswith("alias ")]


def spans(text: str) -> list[str]:
    """What stands in code spans, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", _ANY_BLOCK.sub("", text))


def unknown_commands(text: str) -> Iterator[str]:
    """Commands of ours, in code spans and blocks, that the command line does not take."""
    for span in [*spans(text), *shell_lines(text)]:
        if (found := _COMMAND.search(span)) and not _is_taken(re.sub(r"\b(?:ID|JOB|CHAT)\b", "7", found[1])):
            yield span


_parser = cache(make_parser)


def _is_taken(arguments: str) -> bool:
    try:
        _parser().parse_args(shlex.split(arguments))
    except SystemExit:
        return False
    return True


def unknown_names(text: str) -> set[str]:
    """Names in capitals in code spans that are no event, setting or state, and metrics that there are not."""
    words = {word for span in spans(text) for word in re.findall(r"\b[A-Z][A-Z_]{3,}\b", span)}
    known = {*EVENTS, *(setting.name for setting in SETTINGS), *(state.name for state in State), *_OTHERS, *_PLACES}
    shown = Metrics().page().decode()
    return words - known | {name for name in re.findall(r"\bsvc_[a-z_]+", text) if f"# TYPE {name} " not in shown}
