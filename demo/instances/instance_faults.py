"""What can be done to a running instance and is undone by itself: it is frozen, or cut from what it needs."""

from __future__ import annotations

import signal
from collections.abc import Callable

import trio

from demo.instances.links import Links
from demo.timed_fault import TimedFault


def instance_faults(
    name: str,
    nursery: trio.Nursery,
    links: Links,
    send: Callable[[signal.Signals], object],
    happened: Callable[[str], object],
) -> dict[str, TimedFault]:
    """The faults by name: frozen, no_postgres, no_bot_api. `send` sends a signal to its process; `happened` is told in
    a sentence that one is over."""

    def thaw() -> None:
        send(signal.SIGCONT)
        happened(f"The {name} instance goes on.")

    def heal_postgres() -> None:
        links.heal_postgres()
        happened(f"The {name} instance reaches Postgres again.")

    def heal_bot_api() -> None:
        links.heal_bot_api()
        happened(f"The {name} instance reaches the Bot API again.")

    return {
        "frozen": TimedFault(nursery, lambda: send(signal.SIGSTOP), thaw),
        "no_postgres": TimedFault(nursery, links.cut_postgres, heal_postgres),
        "no_bot_api": TimedFault(nursery, links.cut_bot_api, heal_bot_api),
    }
