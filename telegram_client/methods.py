"""The Bot API methods that a bot like this one uses, with types. Whatever else there is goes through `call`.

Optional parameters that are None are left out. Raises as `call` does; a result that is not of Telegram's shape is in
doubt like any answer that is not Telegram's.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from telegram_client.errors import InDoubt
from telegram_client.updates import Message

T = TypeVar("T")

Params = Mapping[str, Any]

# What a long poll may take beyond the time that it asks for.
POLL_MARGIN = 10.0

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Me(msgspec.Struct, frozen=True):
    """The bot itself."""

    id: int
    first_name: str = ""
    username: str | None = None


class WebhookInfo(msgspec.Struct, frozen=True):
    """What Telegram knows of the webhook; `url` is empty without one. Times are Unix seconds."""

    url: str = ""
    pending_update_count: int = 0
    has_custom_certificate: bool = False
    max_connections: int | None = None
    allowed_updates: list[str] | None = None
    ip_address: str | None = None
    last_error_date: int | None = None
    last_error_message: str | None = None
    last_synchronization_error_date: int | None = None


class Methods(ABC):
    """The methods, over `call`."""

    __slots__ = ()

    @abstractmethod
    async def call(self, method: str, params: Params | None = None, *, timeout: float | None = None) -> Any:
        """Call any method by its name."""

    async def send_message(
        self,
        chat_id: int | str,
        text: str,
        *,
        reply_markup: Params | None = None,
        parse_mode: str | None = None,
        disable_notification: bool | None = None,
        **more: Any,
    ) -> Message:
        """Send a text; returns the message as it was sent."""
        own = {
            "chat_id": chat_id,
            "text": text,
            "reply_markup": reply_markup,
            "parse_mode": parse_mode,
            "disable_notification": disable_notification,
        }
        return await self._typed(Message, "sendMessage", own | more)

    async def edit_message_text(
        self,
        chat_id: int | str,
        message_id: int,
        text: str,
        *,
        reply_markup: Params | None = None,
        parse_mode: str | None = None,
        **more: Any,
    ) -> None:
        """Change a message's text and buttons. One that is so already is done."""
        own = {
            "chat_id": chat_id,
            "message_id": message_id,
            "text": text,
            "reply_markup": reply_markup,
            "parse_mode": parse_mode,
        }
        await self.call("editMessageText", _given(own | more))

    async def answer_callback_query(
        self, callback_query_id: str, text: str | None = None, *, show_alert: bool | None = None, **more: Any
    ) -> None:
        """End a button's spinner, and show a short text if there is one."""
        own = {"callback_query_id": callback_query_id, "text": text, "show_alert": show_alert}
        await self.call("answerCallbackQuery", _given(own | more))

    async def delete_message(self, chat_id: int | str, message_id: int) -> None:
        """Delete a message."""
        await self.call("deleteMessage", {"chat_id": chat_id, "message_id": message_id})

    async def get_me(self) -> Me:
        """The bot itself: the check that the token is good."""
        return await self._typed(Me, "getMe", {})

    async def get_webhook_info(self) -> WebhookInfo:
        """The webhook's state."""
        return await self._typed(WebhookInfo, "getWebhookInfo", {})

    async def set_webhook(
        self,
        url: str,
        *,
        secret_token: str | None = None,
        max_connections: int | None = None,
        allowed_updates: Sequence[str] | None = None,
        drop_pending_updates: bool = False,
        **more: Any,
    ) -> None:
        """Have updates posted to `url`.

        Raises ValueError for what Telegram would refuse, since it closes the old webhook before it looks. Not checked
        here: https and the port, which a Bot API server of one's own takes as they are.
        """
        if not url.startswith(("https://", "http://")):
            raise ValueError("a webhook's address starts with https://")
        if secret_token is not None and not _SECRET.fullmatch(secret_token):
            raise ValueError("a webhook's secret is 1 to 256 of A-Z a-z 0-9 _ -")
        if max_connections is not None and not 1 <= max_connections <= 100:
            raise ValueError("a webhook has 1 to 100 connections")
        own = {
            "url": url,
            "secret_token": secret_token,
            "max_connections": max_connections,
            "allowed_updates": allowed_updates,
            "drop_pending_updates": drop_pending_updates or None,
        }
        await self.call("setWebhook", _given(own | more))

    async def delete_webhook(self, *, drop_pending_updates: bool = False) -> None:
        """Have no webhook; what is pending is kept unless told otherwise."""
        await self.call("deleteWebhook", {"drop_pending_updates": True} if drop_pending_updates else None)

    async def get_updates(
        self,
        offset: int | None = None,
        *,
        limit: int | None = None,
        timeout: int = 0,
        allowed_updates: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """The updates from `offset` on, as Telegram sent them; waits up to `timeout` seconds (50 at most) for one."""
        own = {"offset": offset, "limit": limit, "timeout": timeout, "allowed_updates": allowed_updates}
        result = await self.call("getUpdates", _given(own), timeout=timeout + POLL_MARGIN)
        return _as(list[dict[str, Any]], "getUpdates", None, result)

    async def _typed(self, kind: type[T], method: str, params: Params) -> T:
        return _as(kind, method, params.get("chat_id"), await self.call(method, _given(params)))


def _given(params: Params) -> Params:
    return {name: value for name, value in params.items() if value is not None}


def _as(kind: type[T], method: str, chat_id: Any, result: Any) -> T:
    try:
        return msgspec.convert(result, kind)
    except msgspec.ValidationError:
        pass
    chat_id = chat_id if isinstance(chat_id, int) else None
    raise InDoubt(method, "the result is not Telegram's", chat_id=chat_id, status=200)
