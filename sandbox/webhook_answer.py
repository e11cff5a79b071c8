"""What comes back from a bot's webhook, and the Bot API call that may stand in it.

Source: `WebhookActor::handle` of tdlib/telegram-bot-api, and HttpReader.cpp of tdlib/td, which reads the answer.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.answers import MethodFailed
from sandbox.params import Params, read_params

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer's body, also when unpacked. The real server takes more where there are files in it."""

_NEVER_CALLED = frozenset({"deletewebhook", "setwebhook", "close", "logout"})


class UnreadableAnswer(OSError):
    """The answer cannot be read, so it counts as a failure of the connection."""

    def __init__(self, why: str) -> None:
        super().__init__(None, why)


@dataclass(frozen=True, slots=True)
class PostResult:
    """What came back from a webhook. `reason` is the phrase that the bot's own server sent with the status."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    reason: str = ""
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the update has been taken."""
        return 200 <= self.status <= 299

    @property
    def retry_after(self) -> int:
        """The whole seconds of the Retry-After header; 0 for none, or for one that is not a number of 1 to 9 digits."""
        value = self.header("retry-after")
        return int(value) if re.fullmatch(r"\s*[0-9]{1,9}\s*", value) else 0

    def header(self, name: str) -> str:
        """The value of the header, "" if there is none; `name` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class NamedCall(NamedTuple):
    """A method that a webhook's answer names, with its parameters."""

    method: str
    params: Mapping[str, Any]


def named_call(result: PostResult) -> NamedCall | None:
    """The call in a successful answer; None where no method is named, or one that is not carried out from there.

    Raises UnreadableAnswer for a body that is not what its headers say, unless it ought to be JSON or a plain form: of
    those the real server takes no notice.
    """
    if not result.is_success or not result.body:
        return None
    content_type = result.header("content-type")
    try:
        params = read_params("", content_type, _unpacked(result))
    except MethodFailed as refused:
        if "multipart" in content_type.lower():
            raise UnreadableAnswer(refused.refusal.description) from None
        return None
    method = Params(params).text("method")
    name = method.lower()
    if not name or name in _NEVER_CALLED or name.startswith("get"):
        return None
    return NamedCall(method, {key: value for key, value in params.items() if key != "method"})


def _unpacked(result: PostResult) -> bytes:
    encoding = result.header("content-encoding").lower()
    if not encoding:
        return result.body
    if encoding not in {"gzip", "deflate"}:
        raise UnreadableAnswer("Unsupported Media Type: unsupported content-encoding")
    # Reads the headers of gzip and of zlib alike.
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        content = unpacking.decompress(result.body, MAX_ANSWER)
    except zlib.error as problem:
        raise UnreadableAnswer(f"Bad Request: {problem}") from None
    if not unpacking.eof:
        raise UnreadableAnswer("Request Entity Too Large: the answer is cut short or too long")
    return content
