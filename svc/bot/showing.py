"""From a view to a reply: a new message for what was written, an edit of the message for a press."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svc.bot.memory import Memory
from svc.bot.request import Press, Request
from svc.bot.view import MAX_ALERT, View, cut
from svc.handler.job import JobRequest
from svc.handler.reply import Call, Reply


def show(
    request: Request,
    view: View,
    *,
    memory: Memory | None = None,
    alert: str | None = None,
    toast: str | None = None,
    job: JobRequest | None = None,
    cancel: int | None = None,
    before: str | None = None,
    after: str | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Reply:
    """`view` is sent, or takes the place of the message that was pressed.

    `memory` is kept from then on. `alert` and `toast` are plain words over the chat for whoever pressed: an alert
    stays until it is closed, a toast goes by itself. The rest is handed on (svc/handler/reply.py).
    """
    send = Call("sendMessage", {**request.where, **view.params()})
    calls, instead = _pressed(request, request.press, view, send, alert, toast) if request.press else ((send,), ())
    return Reply(
        calls,
        instead,
        None if memory is None else memory.state(),
        job,
        cancel,
        before,
        after,
        fields or {},
    )


def answer_press(press: Press, text: str | None = None, *, alert: bool = True) -> tuple[Call, ...]:
    """What ends the press's spinner, with `text` over the chat; nothing where Telegram would not take it any more."""
    if press.expired:
        return ()
    words = {"text": cut(text, MAX_ALERT), "show_alert": alert} if text else {}
    return (Call("answerCallbackQuery", {"callback_query_id": press.query_id, **words}),)


def editing(request: Request, press: Press) -> Mapping[str, Any] | None:
    """The parameters that say which message a press edits; None where it cannot become a text."""
    if press.inline_message_id is not None:
        return {"inline_message_id": press.inline_message_id}
    if press.message_id is None or not press.has_text:
        return None
    return {"chat_id": request.where["chat_id"], "message_id": press.message_id}


def _pressed(
    request: Request, press: Press, view: View, send: Call, alert: str | None, toast: str | None
) -> tuple[tuple[Call, ...], tuple[tuple[Call, ...], ...]]:
    """The edit goes first, and the press is answered after it: so where the edit is refused, the answer can say so and
    a new message comes instead."""
    answer = answer_press(press, alert or toast, alert=alert is not None)
    target = editing(request, press)
    if target is None:
        return (*answer, send), ()
    edit = Call("editMessageText", {**target, **view.params()})
    said = answer_press(press, alert or request.texts.not_editable)
    # What was sent inline is in a chat that the bot is not in, so that only the words can come.
    other = said if press.message_id is None else (*said, send)
    return (edit, *answer), ((other,) if other else ())
