"""`svc run` with a handler that three texts are too much for: `python -m tests.poisonous_instance run`.

`exit` ends the process on the spot, as a crash in a C extension would; `loop` never returns; nor does `match`, which
does not let any other thread run either.
"""

from __future__ import annotations

import os
import re
import sys

from svc.bot.catalog import Catalog
from svc.bot.handlers import Decide, make_decide
from svc.handler.reply import Reply
from svc.operations import cli, run
from telegram_client.updates import Update


def make_poisonous(catalog: Catalog) -> Decide:
    """The bot, but for the three texts."""
    decide = make_decide(catalog)

    def poisonous(update: Update) -> Reply:
        text = update.message.text if update.message is not None else None
        if text == "exit":
            os._exit(9)
        while text == "loop":
            pass
        if text == "match":
            re.match(r"(a+)+$", "a" * 60 + "b")
        return decide(update)

    return poisonous


if __name__ == "__main__":
    setattr(run, "make_decide", make_poisonous)  # noqa: B010 (mypy: it is not the module's to give)
    sys.exit(cli.main())
