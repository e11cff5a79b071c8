"""Bots for tests: the project's own, and ones of which only a part matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from svc.bot.menu_bot import bot as menu_bot
from svc.handler.bot import Bot
from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import Update

Decide = Callable[[Update], Reply]
DecideKnowing = Callable[[Update, Known], Reply]


class TestBot(Bot):
    """Decides as it is told; its apology is that of the project's bot, and it wants jobs if it is told so.

    `decide` is for handlers that depend on the update alone, `knowing` for the others.
    """

    __test__ = False

    def __init__(
        self,
        decide: Decide | None = None,
        *,
        knowing: DecideKnowing | None = None,
        finished: Callable[[Job, Known], Reply] | None = None,
        wants_jobs: bool = False,
        commands: Mapping[str, Sequence[tuple[str, str]]] | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        self._decide = decide
        self._knowing = knowing
        self._finished = finished
        self._wants_jobs = wants_jobs
        self.commands = commands or {}
        self.kinds = kinds

    def decide(self, update: Update, known: Known) -> Reply:
        """What it was told to do."""
        if self._knowing is not None:
            return self._knowing(update, known)
        return self._decide(update) if self._decide is not None else NOTHING

    def wants_jobs(self, update: Update, state: Mapping[str, Any]) -> bool:
        """As told, whatever the update is."""
        return self._wants_jobs

    def finished(self, job: Job, known: Known) -> Reply:
        """What it was told to do."""
        return self._finished(job, known) if self._finished is not None else NOTHING

    def apology(self, update: Update, known: Known) -> Call | None:
        """The project's."""
        return menu_bot.apology(update, known)


reads_reactions = TestBot(kinds=["message_reaction"])
"""For BOT=tests.bots:reads_reactions."""
