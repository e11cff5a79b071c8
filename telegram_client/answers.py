"""Reading an answer of the Bot API: the result, or the error that it amounts to."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpx
import msgspec

from telegram_client.errors import Refused, TelegramError
from telegram_client.exchange import Exchange

# A page of 100 updates is well below this; an answer that is larger is not Telegram's.
MAX_ANSWER = 8 * 1024 * 1024
LONGEST_RETRY_AFTER = 24 * 3600.0
NOT_MODIFIED = "Bad Request: message is not modified"

_GZIP = b"\x1f\x8b"


class Answer(msgspec.Struct):
    """The object that every answer of Telegram's is (https://core.telegram.org/bots/api#making-requests).

    Only `ok` has to be what it should: it alone says whether the call was made. The others may be of any type, as a
    gateway in between may write them: a message is not sent twice because of the words that came with it.
    """

    ok: bool
    result: Any = None
    description: Any = None
    parameters: Any = None

    @property
    def words(self) -> str:
        """The description, if there is one."""
        return self.description if isinstance(self.description, str) else ""


_decode_answer = msgspec.json.Decoder(Answer).decode


def decode(body: bytes) -> Answer | None:
    """The answer, or None if it is not one of Telegram's."""
    try:
        return _decode_answer(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # A name or a text in a result may hold a lone surrogate or a byte that is not UTF-8, which msgspec refuses, and
        # a proxy may compress what it was asked not to. The call was made all the same, so such answers are read too.
        try:
            return msgspec.convert(json.loads(_unzipped(body).decode("utf-8-sig", "replace")), Answer)
        except (ValueError, RecursionError, zlib.error):
            return None


def result_of(exchange: Exchange, status: int, headers: httpx.Headers, answer: Answer | None) -> Any:
    """The decoded result of the call; raises Refused, NotSent or InDoubt. An edit that changes nothing is True."""
    if answer is not None and answer.ok and 200 <= status < 300:
        return answer.result
    if status == 400 and answer is not None and answer.words.startswith(NOT_MODIFIED):
        return True
    raise _error(exchange, status, headers, answer)


def _error(exchange: Exchange, status: int, headers: httpx.Headers, answer: Answer | None) -> TelegramError:
    description = answer.words if answer is not None else "the answer is not JSON"
    parameters = answer.parameters if answer is not None and isinstance(answer.parameters, dict) else {}
    if status == 429:
        wait = _seconds(parameters.get("retry_after")) or _seconds(headers.get("retry-after"))
        return exchange.not_sent(description, status=status, retry_after=wait)
    if not (400 <= status < 500 and _is_refusal(exchange, status, answer)):
        return exchange.inconclusive(description, status=status)
    moved_to = parameters.get("migrate_to_chat_id")
    return Refused(
        exchange.method,
        description,
        chat_id=exchange.chat_id,
        status=status,
        migrate_to_chat_id=moved_to if isinstance(moved_to, int) else None,
    )


def _is_refusal(exchange: Exchange, status: int, answer: Answer | None) -> bool:
    if answer is not None:
        return not answer.ok
    # A page of a proxy's. That a request is too large for it is certain, and will be the same next time.
    return status == 413 and not exchange.all_written


def _unzipped(body: bytes) -> bytes:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, MAX_ANSWER) if body.startswith(_GZIP) else body


def _seconds(value: Any) -> float | None:
    """What was said of how long to wait, a day at most; None if that is no time that can be waited for."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None
