"""The echo bot in aiogram 3."""

import asyncio
from os import environ
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.types import BufferedInputFile, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

SECRET = "aiogram-secret"
BUTTON = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Press me", callback_data="press")]])

dispatcher = Dispatcher()


@dispatcher.message(CommandStart())
async def start(message: Message) -> None:
    await message.answer("Hello!", reply_markup=BUTTON)


@dispatcher.callback_query(F.data == "press")
async def press(query: CallbackQuery) -> None:
    await query.answer("Thank you")
    await query.message.edit_text("Pressed.")


@dispatcher.message(F.photo)
async def photo(message: Message) -> None:
    await message.answer_photo(message.photo[-1].file_id, caption=message.caption)


@dispatcher.message(F.document)
async def document(message: Message, bot: Bot) -> None:
    content = await bot.download(message.document)
    await message.answer_document(BufferedInputFile(content.read(), message.document.file_name))


@dispatcher.message()
async def echo(message: Message) -> None:
    await message.send_copy(chat_id=message.chat.id)


def main() -> None:
    token, root = environ["BOT_TOKEN"], environ["API_ROOT"]
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(root)))
    url = environ.get("WEBHOOK_URL")
    if not url:
        asyncio.run(dispatcher.start_polling(bot))
        return

    async def set_webhook(bot: Bot) -> None:
        await bot.set_webhook(url, secret_token=SECRET)

    dispatcher.startup.register(set_webhook)
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(app, urlsplit(url).path)
    setup_application(app, dispatcher, bot=bot)
    web.run_app(app, host="127.0.0.1", port=urlsplit(url).port)


if __name__ == "__main__":
    main()
