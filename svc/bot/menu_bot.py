"""The bot of this service: menus, cards and search over a catalogue of models. Pure: the service makes the calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from svc.bot.asking import asked_by_message, asked_by_press
from svc.bot.catalog import Catalog, load_catalog
from svc.bot.conversation import answer_message, answer_query
from svc.bot.create.outcome import deliver, show_progress
from svc.bot.incoming import read_for, read_message, where
from svc.bot.languages import LANGUAGES, RUSSIAN_SPEAKERS, texts_for
from svc.bot.membership import note_membership
from svc.bot.memory import read_memory
from svc.bot.payments import refuse_payment
from svc.bot.views.inline_cards import answer_inline_query
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import Update


class MenuBot(Bot):
    """The bot over one catalogue."""

    kinds = ("edited_message", "inline_query", "my_chat_member", "pre_checkout_query", "shipping_query")

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.commands = {"": _suggested("en"), **dict.fromkeys(RUSSIAN_SPEAKERS, _suggested("ru"))}

    def decide(self, update: Update, known: Known) -> Reply:
        """What is said or done about an update; nothing about a kind that the bot does not read."""
        if update.message is not None:
            return answer_message(update.message, self.catalog, known, update_id=update.update_id)
        if update.edited_message is not None:
            return answer_message(update.edited_message, self.catalog, known, update_id=update.update_id, edited=True)
        if update.callback_query is not None:
            return answer_query(update.callback_query, self.catalog, known, update_id=update.update_id)
        if update.inline_query is not None:
            return answer_inline_query(update.inline_query, self.catalog, known)
        if update.my_chat_member is not None:
            return note_membership(update.my_chat_member, known)
        if update.pre_checkout_query is not None:
            return refuse_payment(update.pre_checkout_query, known, question="pre_checkout_query")
        if update.shipping_query is not None:
            return refuse_payment(update.shipping_query, known, question="shipping_query")
        return NOTHING

    def wants_jobs(self, update: Update, state: Mapping[str, Any]) -> bool:
        """Whether the route that answers the update reads the chat's jobs."""
        if update.callback_query is not None:
            return asked_by_press(update.callback_query.data).route.wants_jobs
        message = update.message or update.edited_message
        incoming = read_message(message) if message is not None else None
        if message is None or incoming is None:
            return False
        private = message.chat.type == "private"
        asked = asked_by_message(incoming, read_memory(state).asking, private=private)
        return asked is not None and asked.route.wants_jobs

    def finished(self, job: Job, known: Known) -> Reply:
        """What the person gets whose job is over."""
        return deliver(job, self.catalog, known)

    def progress(self, job: Job, known: Known) -> Sequence[Call]:
        """How the job goes, in the one message that shows it."""
        return show_progress(job, self.catalog, known)

    def apology(self, update: Update, known: Known) -> Call | None:
        """Words for whoever wrote or pressed what could not be handled, in the place where that was; none for what
        would not have been answered anyway."""
        query = update.callback_query
        message = update.message or update.edited_message or (query.message if query else None)
        memory = read_memory(known.state)
        if message is None or memory.blocked or (query is None and read_for(known.me, message) is None):
            return None
        person = query.sender if query else message.sender
        texts = texts_for(person.language_code if person else None, memory.language)
        return Call("sendMessage", {**where(message), "text": texts.apology})


def _suggested(language: str) -> Sequence[tuple[str, str]]:
    """The commands that the app suggests, with their descriptions."""
    return tuple(asdict(LANGUAGES[language].commands).items())


bot = MenuBot(load_catalog())
