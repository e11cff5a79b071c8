"""The bot of this project, as the service knows it."""

from __future__ import annotations

from svc.bot.catalog import Catalog, load_catalog
from svc.bot.handlers import apology, make_decide
from svc.handler.bot import Bot
from svc.handler.known import Known
from svc.handler.reply import Call, Reply
from telegram_client.updates import Update


class MenuBot(Bot):
    """A menu of the models in `catalog`."""

    def __init__(self, catalog: Catalog) -> None:
        self._decide = make_decide(catalog)

    def decide(self, update: Update, known: Known) -> Reply:
        """What to do about an update."""
        return self._decide(update)

    def apology(self, update: Update, known: Known) -> Call | None:
        """What is said to whoever sent an update that could not be handled."""
        return apology(update)


bot = MenuBot(load_catalog())
