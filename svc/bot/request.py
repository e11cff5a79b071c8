"""What a view is made from: all that it may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from svc.bot.catalog import Catalog
from svc.bot.memory import Memory
from svc.bot.texts import Texts
from svc.handler.known import Known
from telegram_client.updates import Message

PROVIDER = "kie"
"""Who makes what the catalogue offers."""


@dataclass(frozen=True)
class Press:
    """A press on a button of the message `message_id`, or of one that was sent inline.

    `has_text`: the message is a text, or can't be seen any more; a photo with buttons can't become a text. `expired`:
    Telegram takes no answer to it any more.
    """

    query_id: str
    message_id: int | None = None
    inline_message_id: str | None = None
    has_text: bool = True
    expired: bool = False


@dataclass(frozen=True)
class Request:
    """Somebody wants something: typed a command, pressed a button, or answered a question.

    `argument` is what follows the name of the route, in the button's data or behind the command. `message` is what was
    written, None for a press. `update_id` is that of the update, and of the job if one is asked for. `where` are the
    parameters that send a message to the place that it came from: `chat_id`, and the topic's if there is one. `memory`
    is as it will be kept if the route says nothing else. `follows`: it is one more file of an album whose first
    has been taken.
    """

    catalog: Catalog
    texts: Texts
    known: Known
    memory: Memory
    user_id: int
    update_id: int = 0
    where: Mapping[str, int] = field(default_factory=dict)
    private: bool = True
    argument: str = ""
    press: Press | None = None
    message: Message | None = None
    follows: bool = False

    @property
    def can_create(self) -> bool:
        """Whether creating is set up here."""
        return PROVIDER in self.known.creating.providers
