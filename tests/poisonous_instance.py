"""`svc run` with a handler that three texts are too much for: `python -m tests.poisonous_instance run`.

`exit` ends the process on the spot, as a crash in a C extension would; `loop` never returns; nor does `match`, which
does not let any other thread run either.
"""

from __future__ import annotations

import os
import re
import sys

from svc.bot.menu_bot import bot as menu_bot
from svc.handler.bot import Bot
from svc.handler.known import Known
from svc.handler.reply import Call, Reply
from svc.operations import cli
from telegram_client.updates import Update


class Poisonous(Bot):
    """The bot, but for the three texts."""

    def decide(self, update: Update, known: Known) -> Reply:
        """Dies of some texts."""
        text = update.message.text if update.message is not None else None
        if text == "exit":
            os._exit(9)
        while text == "loop":
            pass
        if text == "match":
            re.match(r"(a+)+$", "a" * 60 + "b")
        return menu_bot.decide(update, known)

    def apology(self, update: Update, known: Known) -> Call | None:
        """The bot's own."""
        return menu_bot.apology(update, known)


bot = Poisonous()

if __name__ == "__main__":
    os.environ["BOT"] = "tests.poisonous_instance:bot"
    sys.exit(cli.main())
