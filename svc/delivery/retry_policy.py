"""What follows from a failure: pure decisions, from an error to how the attempt ends."""

from __future__ import annotations

import random

from svc.settings.environment import InDoubtPolicy
from svc.storage.inbox import Dead, Done, Ending, Retry
from telegram_client.errors import InDoubt, NotSent, Refused

MAX_ATTEMPTS = 5
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# What cannot be sent for a day (Telegram itself keeps an update no longer) is kept as dead, and can be replayed.
GIVE_UP_AFTER = 24 * 3600.0

# Refusals that are the user's doing: nothing is wrong with the update or the bot.
_GONE = ("chat not found", "user is deactivated", "have no rights", "not enough rights", "message to edit not found")


def backoff(attempts: int, rng: random.Random) -> float:
    """Seconds before the next attempt, after `attempts` of them: 1, 2, 4, ... 60, less up to a quarter at random."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(attempts - 1, 10))
    return longest * rng.uniform(0.75, 1.0)


def after_failure(
    error: Exception, *, attempts: int, age: float, repeatable: bool, policy: InDoubtPolicy, rng: random.Random
) -> Ending:
    """How an attempt ends that failed with `error`.

    `attempts` includes this one; `age` is how long ago the update arrived, in seconds; `repeatable` tells whether
    the failed call may be made twice without harm.
    """
    text = describe(error)
    match error:
        case Refused() if _users_doing(error):
            return Done("refused")
        case Refused():
            return Dead(text)
        case NotSent():
            delay = backoff(attempts, rng)
            return _later(max(delay, error.retry_after or 0), text, age)
        case InDoubt() if repeatable:
            return _later(backoff(attempts, rng), text, age)
        case InDoubt() if policy == "skip":
            return Done("in_doubt", doubts=1)
        case InDoubt():
            return _later(backoff(attempts, rng), text, age, doubts=1)
    if attempts >= MAX_ATTEMPTS:
        return Dead(text)
    return Retry(backoff(attempts, rng), text)


def describe(error: Exception) -> str:
    """One line on `error` for the log and the row."""
    return f"{type(error).__name__}: {error}"[:500]


def _users_doing(error: Refused) -> bool:
    return error.status == 403 or (error.status == 400 and any(text in error.description for text in _GONE))


def _later(delay: float, text: str, age: float, *, doubts: int = 0) -> Ending:
    if age + delay > GIVE_UP_AFTER:
        return Dead(f"cannot be sent within {GIVE_UP_AFTER / 3600:.0f} h: {text}", doubts)
    return Retry(delay, text, doubts)
