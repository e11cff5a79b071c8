"""The typed methods: what each of them sends, what it returns, and what it refuses before it is too late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio.testing

from sandbox.app import Sandbox
from sandbox.telegram import DEMO_TOKEN
from telegram_client.client import BotApi
from telegram_client.errors import InDoubt, Refused
from telegram_client.methods import Me, Methods, WebhookInfo
from telegram_client.updates import Chat, Message

SENT = {"message_id": 9, "date": 1, "chat": {"id": 5, "type": "private", "first_name": "A"}, "text": "hi", "new": {}}
KEYBOARD = {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]}


class Recorder(Methods):
    """Answers every call with one result, and remembers it."""

    def __init__(self, result: Any = True) -> None:
        self._result = result
        self.calls: list[tuple[str, Any, float | None]] = []

    async def call(self, method: str, params: Any = None, *, timeout: float | None = None) -> Any:
        await trio.lowlevel.checkpoint()
        self.calls.append((method, params, timeout))
        return self._result


Do = Callable[[Methods], Awaitable[object]]

CALLS: list[tuple[Do, Any, str, Any, Any]] = [
    (
        lambda bot: bot.send_message(5, "hi"),
        SENT,
        "sendMessage",
        {"chat_id": 5, "text": "hi"},
        Message(9, Chat(5), None, "hi"),
    ),
    (
        lambda bot: bot.send_message(
            "@channel", "hi", reply_markup=KEYBOARD, parse_mode="HTML", disable_notification=False, message_thread_id=3
        ),
        SENT,
        "sendMessage",
        {
            "chat_id": "@channel",
            "text": "hi",
            "reply_markup": KEYBOARD,
            "parse_mode": "HTML",
            "disable_notification": False,
            "message_thread_id": 3,
        },
        Message(9, Chat(5), None, "hi"),
    ),
    (
        lambda bot: bot.edit_message_text(5, 9, "ho", reply_markup=KEYBOARD),
        SENT,
        "editMessageText",
        {"chat_id": 5, "message_id": 9, "text": "ho", "reply_markup": KEYBOARD},
        None,
    ),
    (
        lambda bot: bot.answer_callback_query("77"),
        True,
        "answerCallbackQuery",
        {"callback_query_id": "77"},
        None,
    ),
    (
        lambda bot: bot.answer_callback_query("77", "no", show_alert=True),
        True,
        "answerCallbackQuery",
        {"callback_query_id": "77", "text": "no", "show_alert": True},
        None,
    ),
    (lambda bot: bot.delete_message(5, 9), True, "deleteMessage", {"chat_id": 5, "message_id": 9}, None),
    (
        lambda bot: bot.get_me(),
        {"id": 1, "is_bot": True, "first_name": "Bot", "username": "a_bot"},
        "getMe",
        {},
        Me(1, "Bot", "a_bot"),
    ),
    (
        lambda bot: bot.get_webhook_info(),
        {"url": "https://a.example", "has_custom_certificate": False, "pending_update_count": 3, "last_error_date": 7},
        "getWebhookInfo",
        {},
        WebhookInfo("https://a.example", 3, last_error_date=7),
    ),
    (
        lambda bot: bot.set_webhook("https://a.example/webhook"),
        True,
        "setWebhook",
        {"url": "https://a.example/webhook"},
        None,
    ),
    (
        lambda bot: bot.set_webhook(
            "https://a.example",
            secret_token="s_-",
            max_connections=100,
            allowed_updates=["message"],
            drop_pending_updates=True,
        ),
        True,
        "setWebhook",
        {
            "url": "https://a.example",
            "secret_token": "s_-",
            "max_connections": 100,
            "allowed_updates": ["message"],
            "drop_pending_updates": True,
        },
        None,
    ),
    (lambda bot: bot.delete_webhook(), True, "deleteWebhook", None, None),
    (
        lambda bot: bot.delete_webhook(drop_pending_updates=True),
        True,
        "deleteWebhook",
        {"drop_pending_updates": True},
        None,
    ),
]


@pytest.mark.parametrize(("do", "result", "method", "params", "returned"), CALLS)
async def test_a_method_is_a_call(do: Do, result: Any, method: str, params: Any, returned: Any) -> None:
    """It sends what was given and nothing that was not, and returns the fields that are used."""
    bot = Recorder(result)
    assert await do(bot) == returned
    assert bot.calls == [(method, params, None)]


async def test_a_long_poll_is_given_its_time() -> None:
    """The call may take what the poll asks for and ten seconds more; the updates come as Telegram sent them."""
    updates = [{"update_id": 1, "message": {"x": 1}}, {"update_id": 2, "of_tomorrow": {}}]
    bot = Recorder(updates)
    assert await bot.get_updates(1, limit=100, timeout=50, allowed_updates=[]) == updates
    asked = {"offset": 1, "limit": 100, "timeout": 50, "allowed_updates": []}
    assert bot.calls == [("getUpdates", asked, 60)]


@pytest.mark.parametrize(
    ("do", "result"),
    [
        (lambda bot: bot.send_message(5, "hi"), True),
        (lambda bot: bot.send_message(5, "hi"), {"message_id": "nine"}),
        (lambda bot: bot.get_me(), []),
        (lambda bot: bot.get_webhook_info(), None),
        (lambda bot: bot.get_updates(), {"update_id": 1}),
        (lambda bot: bot.get_updates(), [1]),
    ],
)
async def test_a_result_of_another_shape_is_in_doubt(do: Do, result: Any) -> None:
    """Something answered, but hardly Telegram: nobody can know what it did."""
    with pytest.raises(InDoubt, match="not Telegram's") as caught:
        await do(Recorder(result))
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("", {}),
        ("a.example", {}),
        ("ftp://a.example", {}),
        ("https://a.example", {"secret_token": ""}),
        ("https://a.example", {"secret_token": "a b"}),
        ("https://a.example", {"secret_token": "a\n"}),
        ("https://a.example", {"secret_token": "x" * 257}),
        ("https://a.example", {"max_connections": 0}),
        ("https://a.example", {"max_connections": 101}),
    ],
)
async def test_a_webhook_that_would_be_refused_is_not_asked_for(url: str, more: dict[str, Any]) -> None:
    """Telegram closes the old webhook before it looks at the new one."""
    bot = Recorder()
    with pytest.raises(ValueError, match="webhook"):
        await bot.set_webhook(url, **more)
    assert bot.calls == []


async def test_the_sandbox_and_the_methods_understand_each_other(autojump_clock: trio.testing.MockClock) -> None:
    """Every method against the stand-in for Telegram."""
    sandbox = Sandbox()
    sandbox.telegram.user_sends_text(5, "/start")
    async with BotApi(DEMO_TOKEN, open_transport=sandbox.transport) as bot:
        assert (await bot.get_me()).username is not None
        assert [update["message"]["text"] for update in await bot.get_updates(timeout=5)] == ["/start"]
        sent = await bot.send_message(5, "one", reply_markup=KEYBOARD)
        assert (sent.chat.id, sent.text) == (5, "one")
        for _ in range(2):
            await bot.edit_message_text(5, sent.message_id, "two", reply_markup=KEYBOARD)
        assert sandbox.telegram.messages(5)[-1]["text"] == "two"
        await bot.delete_message(5, sent.message_id)
        with pytest.raises(Refused, match="query"):
            await bot.answer_callback_query("1")
        await bot.set_webhook("https://bot.example/webhook", secret_token="s", max_connections=7)
        info = await bot.get_webhook_info()
        assert (info.url, info.max_connections) == ("https://bot.example/webhook", 7)
        await bot.delete_webhook()
        assert (await bot.get_webhook_info()).url == ""
    assert [message["text"] for message in sandbox.telegram.messages(5)] == ["/start"]
