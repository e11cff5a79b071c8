"""What happened to a call that did not end in a result: refused, not sent, or in doubt.

Refused    Telegram answered and did not do it. Asking again gives the same answer.
NotSent    It certainly had no effect (no connection, cut off before all of it had left, flood control, a file that
           cannot be read). Asking again is safe.
InDoubt    It may or may not have had its effect (no answer, a connection cut after it had left, 5xx, an answer that
           is not JSON).

No error holds the token, nor an httpx exception that does (those carry the request and so its URL).
"""

from __future__ import annotations


class TelegramError(Exception):
    """A call that did not end in a result.

    `status` is the HTTP status, or None without an answer; `retry_after` is in seconds, where Telegram said so.
    `timed_out`: there was no answer in time, so the server may still be at it.
    """

    def __init__(
        self,
        method: str,
        description: str,
        *,
        chat_id: int | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        migrate_to_chat_id: int | None = None,
        timed_out: bool = False,
    ) -> None:
        super().__init__(method, description)
        self.method = method
        self.description = description
        self.chat_id = chat_id
        self.status = status
        self.retry_after = retry_after
        self.migrate_to_chat_id = migrate_to_chat_id
        self.timed_out = timed_out

    def __str__(self) -> str:
        where = f" chat_id={self.chat_id}" if self.chat_id is not None else ""
        status = f" {self.status}" if self.status is not None else ""
        return f"{self.method}{where}:{status} {self.description}"


class Refused(TelegramError):
    """Telegram said no: 400, 401, 403, 404 and the like."""


class NotSent(TelegramError):
    """The call had no effect: no connection could be made, not all of it had left, 429, or a file was not there."""


class InDoubt(TelegramError):
    """The call may have had its effect."""
