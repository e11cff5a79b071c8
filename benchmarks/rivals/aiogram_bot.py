"""The bot in aiogram 3, on its aiohttp webhook server: a middleware writes each update's id down before the handlers
and skips what it has seen; the update is acknowledged after its handler has run. With UVLOOP set it runs on uvloop.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from aiogram import BaseMiddleware, Bot, Dispatcher, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message, TelegramObject, Update
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

from benchmarks.rivals.common import ROWS, first_seen, greeting, log_to_stdout, open_pool

MENU = InlineKeyboardMarkup(
    inline_keyboard=[
        [InlineKeyboardButton(text=item, callback_data=f"menu:{item.lower()}") for item in row] for row in ROWS
    ]
)
# To the Bot API, at once.
MOST_CONNECTIONS = 100

router = Router()


class SkipSeen(BaseMiddleware):
    """Lets an update through the first time only."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Write the id down; go on only if it was not there."""
        assert isinstance(event, Update)
        if await first_seen(self._pool, event.update_id, event.event_type):
            return await handler(event, data)
        return None


@router.message(CommandStart())
async def start(message: Message) -> None:
    """Greets and shows the menu."""
    name = message.from_user.first_name if message.from_user else "there"
    await message.answer(greeting(name), reply_markup=MENU)


async def make_app() -> web.Application:
    """The whole application, ready to be served."""
    pool = await open_pool()
    api = TelegramAPIServer.from_base(os.environ["TELEGRAM_API_ROOT"])
    bot = Bot(os.environ["BOT_TOKEN"], session=AiohttpSession(api=api, limit=MOST_CONNECTIONS))
    # The bot has no dialogues, so it pays for no dialogue state either.
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.include_router(router)
    dispatcher.update.outer_middleware(SkipSeen(pool))
    dispatcher.shutdown.register(pool.close)

    app = web.Application()
    app.router.add_get("/healthz", _health)
    handler = SimpleRequestHandler(
        dispatcher, bot, handle_in_background=False, secret_token=os.environ["WEBHOOK_SECRET"]
    )
    handler.register(app, "/webhook")
    setup_application(app, dispatcher, bot=bot)
    return app


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"state": "ACTIVE"})


def main() -> None:
    """Serves until SIGTERM."""
    log_to_stdout()
    if os.environ.get("UVLOOP"):
        import uvloop

        uvloop.install()
    # No access log: one line an update, aiogram's own, is enough to follow the bot by.
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)


if __name__ == "__main__":
    main()
