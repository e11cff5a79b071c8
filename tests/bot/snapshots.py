"""Snapshots: what the bot says, as committed text files to look at.

`UPDATE_SNAPSHOTS=1 pytest tests/bot` writes them anew; what has changed is then in `git diff`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svc.handler.reply import Call, Reply

FOLDER = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"


def check_snapshot(name: str, text: str) -> None:
    """Compare `text` with the file of that name ("en/menu"), or write the file if UPDATE_SNAPSHOTS is set."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get(UPDATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is missing: run with {UPDATE}=1 and look at it"
    assert text == path.read_text("utf-8"), f"{path} has changed: if that is meant, run with {UPDATE}=1"


def draw_reply(reply: Reply) -> str:
    """All calls of a reply, in order, and those that are made instead; what would be repeated there is left out."""
    parts = [draw_calls(reply.calls)]
    said = {str(call.params.get("text")) for call in reply.calls}
    for calls in reply.instead:
        shown = [
            f"{call.method} of the same\n" if call.params.get("text") in said else draw_call(call) for call in calls
        ]
        parts += ["--- or, if that is refused:\n", *shown]
    return "\n".join(parts)


def draw_calls(calls: Sequence[Call]) -> str:
    """Each call: its method, what it says, and its buttons."""
    return "\n".join(map(draw_call, calls)) or "(nothing)\n"


def draw_call(call: Call) -> str:
    """One call as text."""
    params = call.params
    words = params.get("text", params.get("caption", ""))
    told = {key: value for key, value in params.items() if key in _TOLD}
    lines = [f"{call.method} {told}" if told else call.method, *([words] if words else [])]
    return "\n".join([*lines, *map(draw_row, params.get("reply_markup", {}).get("inline_keyboard", ()))]) + "\n"


def draw_row(row: Sequence[dict[str, Any]]) -> str:
    """The buttons of a row, with what they ask for."""
    return "  ".join(f"[{each['text']} | {each.get('callback_data') or each.get('url')}]" for each in row)


_TOLD = ("photo", "video", "animation", "audio", "voice", "document", "show_alert", "message_thread_id")
