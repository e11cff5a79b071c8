"""A to-do list: what somebody writes is a task, and a press on it takes it off the list."""

from typing import Any

from svc.handler.bot import Bot
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import Update


class TodoBot(Bot):
    """A chat's tasks are its state, by the id of the message that asked for each."""

    def decide(self, update: Update, known: Known) -> Reply:
        """A text adds a task, a press ends one; either shows what is left."""
        tasks, press, message = dict(known.state), update.callback_query, update.message
        if press is not None and press.message is not None:
            tasks.pop(press.data or "", None)
            where = {"chat_id": press.message.chat.id, "message_id": press.message.message_id}
            answer = Call("answerCallbackQuery", {"callback_query_id": press.id})
            return Reply((answer, Call("editMessageText", where | shown(tasks))), state=tasks)
        if message is None or message.text is None:
            return NOTHING
        if not message.text.startswith("/"):
            tasks = dict([*tasks.items(), (str(message.message_id), message.text[:60])][-50:])
        return Reply((Call("sendMessage", {"chat_id": message.chat.id} | shown(tasks)),), state=tasks)


def shown(tasks: dict[str, str]) -> dict[str, Any]:
    """The list as a message, with a button for each task."""
    rows = [[{"text": f"☐ {task}", "callback_data": key}] for key, task in tasks.items()]
    text = f"To do: {len(tasks)}" if tasks else "Nothing to do. Write me what you want to remember."
    return {"text": text, "reply_markup": {"inline_keyboard": rows}}


bot = TodoBot()
