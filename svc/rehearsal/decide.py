"""A process that decides updates with the code that it finds: one line of JSON for each comes in, one goes out.

It is run by its path and imports what a bot is made of from wherever that is found first, so that this very file asks
the code of any version. The first line in says which bot it is and what it is told besides the update; the first line
out says where the code is, or why it cannot be used.

Nothing is sent from here: what a handler does besides deciding is its own fault, and raises. Both sides are seeded
alike before each update, so that a handler that rolls dice rolls the same ones. (What is random all the same, `secrets`
and `uuid4`, shows as a difference.)
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LONGEST_ERROR = 300
# In seconds. Whoever asks gives up earlier; this is for where nobody asks any more.
END_AFTER = 30

_REACHES_OUT = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")


def main() -> None:
    """Answer until nothing more comes in."""
    # What a handler prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def say(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    sys.addaudithook(_stay_within)
    setup = json.loads(sys.stdin.buffer.readline())
    try:
        decide = _load(setup)
    except (Exception, SystemExit) as error:  # whatever the code does while it is imported
        say({"fault": _words(error)})
        return
    say({"code": str(Path(sys.modules["svc"].__file__ or "").resolve().parent.parent)})
    for line in sys.stdin.buffer:
        say(_answer(decide, json.loads(line)))


def _stay_within(event: str, _arguments: tuple[Any, ...]) -> None:
    if event.startswith(_REACHES_OUT):
        raise PermissionError(f"a handler must not reach out of its process ({event})")


def _load(setup: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """The function that decides one update; raises whatever is wrong with the code."""
    from svc.handler.bot import load_bot
    from svc.handler.known import Creating, Known, Me
    from svc.handler.reply import Reply
    from telegram_client.updates import read_update

    bot = load_bot(setup["bot"])
    me = Me(**setup["me"]) if setup["me"] is not None else None
    creating = Creating(frozenset(setup["providers"]), setup["per_user"], setup["per_day"])

    def decide(given: Mapping[str, Any]) -> Any:
        update = read_update(base64.b64decode(given["payload"]))
        known = Known(me=me, state=given["state"], now=given["now"], age=given["age"], creating=creating)
        bot.wants_jobs(update, known.state)
        reply = bot.decide(update, known)
        if not isinstance(reply, Reply):
            raise TypeError(f"the handler returned {type(reply).__name__}, not a Reply")
        return _plain(reply)

    return decide


def _answer(decide: Callable[[Mapping[str, Any]], Any], given: Mapping[str, Any]) -> dict[str, Any]:
    random.seed(given["update_id"])
    signal.alarm(END_AFTER)
    try:
        return {"reply": decide(given)}
    except (Exception, SystemExit) as error:  # as in the service, it ends its own update and nothing else
        return {"error": _words(error)}
    finally:
        signal.alarm(0)


def _plain(value: Any) -> Any:
    """`value` as JSON has it, its parts in an order that does not depend on how it was made."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "__struct_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(each) for each in value), key=repr)
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]


if __name__ == "__main__":
    main()
