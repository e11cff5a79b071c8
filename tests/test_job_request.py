"""A job that no row could hold is refused where the handler asks for it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from svc.handler.job import LONGEST, JobRequest


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": 2**63},
        {"status_message_id": -(2**63) - 1},
        {"seconds": 0.0},
        {"seconds": math.nan},
        {"seconds": math.inf},
        {"seconds": LONGEST + 1},
        {"input": {"prompt": object()}},
        {"context": {"prompt": object()}},
    ],
)
def test_what_no_row_can_hold(wrong: dict[str, Any]) -> None:
    """The handler has failed then, and its update is not settled with what cannot be written."""
    right: dict[str, Any] = {
        "provider": "kie",
        "model": "kling",
        "input": {"prompt": "a\0 cat\ud83d"},
        "user_id": 7,
        "seconds": LONGEST,
    }
    JobRequest(**right)
    with pytest.raises((ValueError, TypeError)):
        JobRequest(**right | wrong)
