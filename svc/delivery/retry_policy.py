"""What follows from the error of a call: pure decisions, whether to repeat it at once and how the attempt ends."""

from __future__ import annotations

import random

from svc.delivery.refusals import is_nobodys, may_be_the_bots
from svc.observability.errors import describe
from svc.settings.environment import Fallback
from svc.storage.inbox import CANNOT_BE_TOLD, SENDS_IN_DOUBT, Dead, Done, Ending, Retry, Unclear
from svc.waiting import Backoff
from telegram_client.errors import InDoubt, NotSent, Refused

MAX_ATTEMPTS = 5
# Seconds until the next attempt: 1, 2, 4, ... 60, each less up to a quarter at random.
FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# What could not be sent for a day, which is as long as Telegram itself keeps an update, is dead and can be replayed.
GIVE_UP_AFTER = 24 * 3600.0
FLOOD = 429
# When a send in doubt is first looked for. Without an answer in time the server may still be at it.
LOOK_AFTER = 1.0
LOOK_AFTER_TIMEOUT = 5.0
# And where a file is on its way, which the server passes on to others before there is a message.
LOOK_AFTER_FILE = 30.0


def after_failure(
    error: BaseException,
    *,
    attempts: int,
    doubts: int,
    age: float,
    repeatable: bool,
    can_be_looked_for: bool,
    moves_file: bool = False,
    policy: Fallback,
    bot_is_fine: bool,
    rng: random.Random,
) -> Ending:
    """How an attempt ends that failed with `error`.

    `attempts` includes this one, `doubts` are those of the attempts before; `age` is how long ago the update arrived,
    in seconds; `repeatable` tells whether the failed call may be made twice without harm, `can_be_looked_for` whether
    its message can: where it cannot, `policy` decides; `moves_file` that the call takes as long as a file does;
    `bot_is_fine` that it is certain that Telegram knows the bot, so that a refusal that may be the bot's fault is not.
    """
    text = describe(error)
    backoff = Backoff(FIRST_BACKOFF, LONGEST_BACKOFF, rng)
    match error:
        case Refused() if may_be_the_bots(error):
            return Dead(text) if bot_is_fine and attempts >= MAX_ATTEMPTS else Retry(backoff.after(attempts), text)
        case Refused() if is_nobodys(error):
            return Done("refused")
        case Refused():
            return Dead(text)
        case NotSent():
            return _later(max(backoff.after(attempts), error.retry_after or 0), text, attempts, age)
        case InDoubt() if repeatable:
            return _later(backoff.after(attempts), text, attempts, age)
        case InDoubt() if can_be_looked_for:
            return unclear(error, moves_file=moves_file)
        case InDoubt() if policy == "skip":
            return Done("in_doubt", doubts=1)
        case InDoubt() if doubts + 1 >= SENDS_IN_DOUBT:
            return Dead(f"{CANNOT_BE_TOLD}: {text}", doubts=1)
        case InDoubt():
            return _later(backoff.after(attempts), text, attempts, age, doubts=1)
    return Dead(text) if attempts >= MAX_ATTEMPTS else Retry(backoff.after(attempts), text)


def unclear(error: InDoubt, *, moves_file: bool = False) -> Unclear:
    """How an attempt ends whose message is to be looked for."""
    delay = LOOK_AFTER_TIMEOUT if error.timed_out else LOOK_AFTER
    return Unclear(LOOK_AFTER_FILE if moves_file else delay, describe(error))


def may_repeat_at_once(error: BaseException, repeatable: bool) -> bool:
    """Whether a call that failed with `error` may be made again within the attempt.

    It may if it certainly had no effect, or if it is `repeatable`: having its effect twice does no harm. After a 429 it
    may not, for it would be refused again.
    """
    if isinstance(error, NotSent):
        return error.status != FLOOD
    return isinstance(error, InDoubt) and repeatable


def outcome_of(error: BaseException | None) -> str:
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


def _later(delay: float, text: str, attempts: int, age: float, *, doubts: int = 0) -> Ending:
    # An old update that has hardly been tried has waited for the bot, not for Telegram.
    if age + delay > GIVE_UP_AFTER and attempts >= MAX_ATTEMPTS:
        return Dead(f"cannot be sent within {GIVE_UP_AFTER / 3600:.0f} h: {text}", doubts)
    return Retry(delay, text, doubts)
