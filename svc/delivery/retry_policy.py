"""What follows from the error of a call: pure decisions, whether to repeat it at once and how the attempt ends."""

from __future__ import annotations

import random

from svc.observability.errors import describe
from svc.settings.environment import InDoubtPolicy
from svc.storage.inbox import Dead, Done, Ending, Retry
from svc.waiting import Backoff
from telegram_client.errors import InDoubt, NotSent, Refused

MAX_ATTEMPTS = 5
# Seconds until the next attempt: 1, 2, 4, ... 60, each less up to a quarter at random.
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# What could not be sent for a day, which is as long as Telegram itself keeps an update, is dead and can be replayed.
GIVE_UP_AFTER = 24 * 3600.0
FLOOD = 429

# Refusals that are the user's doing: nothing is wrong with the update or the bot.
_GONE = ("chat not found", "user is deactivated", "have no rights", "not enough rights", "message to edit not found")


def after_failure(
    error: Exception, *, attempts: int, age: float, repeatable: bool, policy: InDoubtPolicy, rng: random.Random
) -> Ending:
    """How an attempt ends that failed with `error`.

    `attempts` includes this one; `age` is how long ago the update arrived, in seconds; `repeatable` tells whether
    the failed call may be made twice without harm.
    """
    text = describe(error)
    backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF, rng)
    match error:
        case Refused() if _users_doing(error):
            return Done("refused")
        case Refused():
            return Dead(text)
        case NotSent():
            return _later(max(backoff.after(attempts), error.retry_after or 0), text, age)
        case InDoubt() if repeatable:
            return _later(backoff.after(attempts), text, age)
        case InDoubt() if policy == "skip":
            return Done("in_doubt", doubts=1)
        case InDoubt():
            return _later(backoff.after(attempts), text, age, doubts=1)
    return Dead(text) if attempts >= MAX_ATTEMPTS else Retry(backoff.after(attempts), text)


def may_repeat_at_once(error: Exception, repeatable: bool) -> bool:
    """Whether a call that failed with `error` may be made again within the attempt.

    It may if it certainly had no effect, or if it is `repeatable`: having its effect twice does no harm. After a 429 it
    may not, for it would be refused again.
    """
    if isinstance(error, NotSent):
        return error.status != FLOOD
    return isinstance(error, InDoubt) and repeatable


def outcome_of(error: Exception | None) -> str:
    """What became of a call, in the word that is stored with the update (`CallMade.outcome`)."""
    match error:
        case None:
            return "ok"
        case Refused():
            return "refused"
        case NotSent():
            return "not_sent"
        case InDoubt():
            return "in_doubt"
    return "failed"


def _users_doing(error: Refused) -> bool:
    return error.status == 403 or (error.status == 400 and any(text in error.description for text in _GONE))


def _later(delay: float, text: str, age: float, *, doubts: int = 0) -> Ending:
    if age + delay > GIVE_UP_AFTER:
        return Dead(f"cannot be sent within {GIVE_UP_AFTER / 3600:.0f} h: {text}", doubts)
    return Retry(delay, text, doubts)
