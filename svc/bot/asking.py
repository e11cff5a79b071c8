"""From an update to the route that answers it."""

from __future__ import annotations

from dataclasses import dataclass

from svc.bot.incoming import Command, Incoming, Typed
from svc.bot.routes import ANSWERS, COMMANDS, PRESSES, SENT_FILE, TYPED, UNKNOWN_COMMAND, UNKNOWN_PRESS, Route


@dataclass(frozen=True)
class Asked:
    """A route, and the argument that it is asked with."""

    route: Route
    argument: str = ""


def asked_by_message(incoming: Incoming, asking: str, *, private: bool) -> Asked | None:
    """What a message asks for, while the chat is asked `asking`; None: nothing."""
    if isinstance(incoming, Command):
        route = COMMANDS.get(incoming.name)
        if route is None and not private and incoming.to is None:
            return None
        return Asked(route or UNKNOWN_COMMAND, incoming.argument)
    return Asked(ANSWERS.get(asking) or (TYPED if isinstance(incoming, Typed) else SENT_FILE))


def asked_by_edit(incoming: Incoming) -> Asked | None:
    """What an edited message asks for: only one that has become a command asks for anything."""
    if isinstance(incoming, Command) and incoming.name in COMMANDS:
        return Asked(COMMANDS[incoming.name], incoming.argument)
    return None


def asked_by_press(data: str | None) -> Asked:
    """What a button with that data asks for."""
    name, _, argument = (data or "").partition(":")
    return Asked(PRESSES.get(name, UNKNOWN_PRESS), argument)
