"""The bot in python-telegram-bot 22, on its own webhook server: a handler in a group before the others writes each
update's id down and stops those it has seen.

That server answers 200 as soon as it has put the update into a queue in memory, so its acknowledgements say nothing
about the database. Updates are worked on side by side (`concurrent_updates`), as without it each would wait for the one
before, and there are as many connections to the Bot API, as the documentation asks for.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, ApplicationHandlerStop, CommandHandler, ContextTypes, TypeHandler
from telegram.request import HTTPXRequest

from benchmarks.rivals.common import ROWS, first_seen, greeting, log_to_stdout, open_pool

MENU = InlineKeyboardMarkup(
    [[InlineKeyboardButton(item, callback_data=f"menu:{item.lower()}") for item in row] for row in ROWS]
)
# Of 8 to 256 at once the fewest take the least processor time for a menu: httpx goes through its whole pool for every
# call (measured: 2.8 ms with 16, 2.9 with 32, 3.3 with 64, 4.3 with 256). With 32 there are enough for a real Bot API.
AT_ONCE = 32
# Its own deadline of a second for a free connection is for bots that do less at once.
POOL_TIMEOUT = 30.0


async def skip_seen(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    """Write the id down; stop here if it was there."""
    kind = next(kind for kind in Update.ALL_TYPES if getattr(update, kind, None) is not None)
    if not await first_seen(context.bot_data["pool"], update.update_id, kind):
        raise ApplicationHandlerStop


async def start(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    """Greets and shows the menu."""
    name = update.effective_user.first_name if update.effective_user else "there"
    await update.message.reply_text(greeting(name), reply_markup=MENU)


async def _open(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    application.bot_data["pool"] = await open_pool()


async def _close(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    await application.bot_data["pool"].close()


def main() -> None:
    """Serves until SIGTERM."""
    log_to_stdout()
    # As in its examples: httpx would log a line for every call.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    application = (
        Application.builder()
        .token(os.environ["BOT_TOKEN"])
        .base_url(f"{os.environ['TELEGRAM_API_ROOT']}/bot")
        .request(HTTPXRequest(connection_pool_size=AT_ONCE, pool_timeout=POOL_TIMEOUT))
        .concurrent_updates(AT_ONCE)
        .post_init(_open)
        .post_shutdown(_close)
        .build()
    )
    application.add_handler(TypeHandler(Update, skip_seen), group=-1)
    application.add_handler(CommandHandler("start", start))
    application.run_webhook(
        "127.0.0.1",
        int(os.environ["PORT"]),
        "webhook",
        webhook_url="https://example.org/webhook",
        secret_token=os.environ["WEBHOOK_SECRET"],
        allowed_updates=Update.ALL_TYPES,
    )


if __name__ == "__main__":
    main()
