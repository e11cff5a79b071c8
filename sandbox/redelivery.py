"""When a failed webhook request is sent again: WebhookActor.cpp of tdlib/telegram-bot-api, as a small rule."""

from __future__ import annotations

import random

LONGEST_DOUBLED = 64.0
LATER = (60.0, 120.0)
MAX_RETRY_AFTER = 3_600


class RedeliverySchedule:
    """The pauses for one update: at once, 2, 4, ... 64 s, and from then on a random 60 to 120 s."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failed_before = False
        self._delay = 1.0

    def next(self, retry_after: int = 0) -> float:
        """Seconds to wait after one more failure. A `retry_after` from the bot is obeyed and grows nothing."""
        first, self._failed_before = not self._failed_before, True
        if retry_after > 0:
            return float(min(retry_after, MAX_RETRY_AFTER))
        if first:
            return 0.0
        self._delay = self._delay * 2 if self._delay * 2 <= LONGEST_DOUBLED else self._rng.uniform(*LATER)
        return self._delay
