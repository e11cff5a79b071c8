"""The echo bot in python-telegram-bot 22."""

from os import environ
from urllib.parse import urlsplit

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, ContextTypes, MessageHandler, filters

SECRET = "ptb-secret"
BUTTON = InlineKeyboardMarkup([[InlineKeyboardButton("Press me", callback_data="press")]])


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text("Hello!", reply_markup=BUTTON)


async def press(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.callback_query.answer("Thank you")
    await update.callback_query.edit_message_text("Pressed.")


async def photo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_photo(update.message.photo[-1].file_id, caption=update.message.caption)


async def document(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    file = await update.message.document.get_file()
    content = await file.download_as_bytearray()
    await update.message.reply_document(bytes(content), filename=update.message.document.file_name)


async def echo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(update.message.text, entities=update.message.entities)


def main() -> None:
    token, root = environ["BOT_TOKEN"], environ["API_ROOT"]
    builder = Application.builder().token(token)
    application = builder.base_url(f"{root}/bot").base_file_url(f"{root}/file/bot").build()
    application.add_handler(CommandHandler("start", start))
    application.add_handler(CallbackQueryHandler(press))
    application.add_handler(MessageHandler(filters.PHOTO, photo))
    application.add_handler(MessageHandler(filters.Document.ALL, document))
    application.add_handler(MessageHandler(filters.TEXT & ~filters.COMMAND, echo))
    url = environ.get("WEBHOOK_URL")
    if not url:
        application.run_polling(allowed_updates=Update.ALL_TYPES)
        return
    where = urlsplit(url)
    application.run_webhook("127.0.0.1", where.port, where.path.removeprefix("/"), webhook_url=url, secret_token=SECRET)


if __name__ == "__main__":
    main()
