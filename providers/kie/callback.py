"""What is read of a callback's body: which task it is about, and nothing else, as anybody can write the rest."""

from __future__ import annotations

import json
from typing import Any

from providers.kie.answers import task_id_in


def task_id_of(body: bytes) -> str | None:
    """The task that the callback names, as `taskId` or `task_id` in `data` or beside it; None if it names none."""
    try:
        callback: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(callback, dict):
        return None
    return task_id_in(callback.get("data")) or task_id_in(callback)
