"""`svc demo --headless`: steps of the tour in a terminal, with a live table and a verdict at the end."""

from __future__ import annotations

SCRIPTS = {
    "deploy": ("deploy",),
    "crash": ("crash",),
    "freeze": ("freeze",),
    "all": ("start", "deploy", "crash", "freeze", "picture"),
}
"""The names of the scripts, and the steps that each goes through."""


async def run_show(script: str, *, bot: str | None, as_json: bool) -> int:
    """Run a script. Returns the exit code: 0 if nothing was lost and nothing came twice, else 1.

    With `as_json` nothing but one JSON object is printed to stdout, at the end.
    """
    raise NotImplementedError
