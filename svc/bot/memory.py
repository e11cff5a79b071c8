"""What the bot remembers of a chat, as a struct: the state that the service keeps with every answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from svc.bot.create.brought import Brought
from svc.bot.create.draft import Draft
from svc.handler.reply import MAX_STATE


class Memory(msgspec.Struct, frozen=True, omit_defaults=True):
    """`language` is the one chosen by /lang, "" for none. `asking` is the name of the route that takes the next text
    or file as its answer, "" for none, and `draft` what has been gathered so far. `brought` is what the latest message
    has brought without being asked.

    `album` is the latest album (media_group_id) of which a message came, `edited` the message whose edit was answered
    last. `blocked`: the person wants nothing from the bot, or the group has removed it. `apologised_at` is the Unix
    time of the latest apology for an outage: what was written before it is past answering.
    """

    language: str = ""
    asking: str = ""
    draft: Draft | None = None
    brought: Brought | None = None
    album: str = ""
    edited: int | None = None
    blocked: bool = False
    apologised_at: float | None = None

    def state(self) -> dict[str, Any]:
        """As the service keeps it: JSON, without what has its default, and no larger than it may be.

        A draft and what was brought, both of long texts in letters of several bytes, are more than that together, and
        an id is as long as somebody makes it. What can be asked for again goes first.
        """
        kept = self
        for name in ("brought", "album", "draft"):
            if len(msgspec.json.encode(kept)) <= MAX_STATE:
                break
            kept = msgspec.structs.replace(kept, **{name: getattr(Memory(), name)})
        return dict(msgspec.to_builtins(kept))

    def without_question(self) -> Memory:
        """The same, waiting for nothing."""
        return msgspec.structs.replace(self, asking="", draft=None)


_FIELDS = msgspec.structs.fields(Memory)


def read_memory(state: Mapping[str, Any]) -> Memory:
    """The memory in `state`. Another version of the bot may have written it: what does not fit counts as not there."""
    try:
        return msgspec.convert(state, Memory)
    except msgspec.ValidationError:
        return Memory(**dict(_readable(state)))


def _readable(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of `state` that a memory can have."""
    for each in _FIELDS:
        if each.name in state:
            with suppress(msgspec.ValidationError):
                yield each.name, msgspec.convert(state[each.name], each.type)
