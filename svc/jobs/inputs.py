"""The files among a job's inputs: each is fetched from Telegram and given to the provider, who names an address for it.

All of that may be repeated, and is done before anything is created.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from providers.provider import Provider


class InputGone(Exception):
    """A file that somebody has sent cannot be had any more, or never could: it is too large. The message says which."""


class Download(Protocol):
    """A file of Telegram's that is being read: what it is called, its size in bytes, and its content as it comes."""

    @property
    def name(self) -> str:
        """With its extension."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def content(self) -> AsyncIterable[bytes]:
        """Its bytes, once."""


class Files(Protocol):
    """Where the files are that people have sent."""

    def open(self, file_id: str) -> AbstractAsyncContextManager[Download]:
        """Read one inside the block. Raises TelegramError: Refused where it is gone or too large to be had."""


async def with_addresses(given: Mapping[str, Any], files: Files, provider: Provider) -> dict[str, Any]:
    """`given` with an address in place of every file. Raises TelegramError, ProviderError."""
    return {name: await _with_address(value, files, provider) for name, value in given.items()}


async def _with_address(value: Any, files: Files, provider: Provider) -> Any:
    if isinstance(value, list):
        return [await _with_address(each, files, provider) for each in value]
    if not is_file(value):
        return value
    async with files.open(value["file_id"]) as download:
        return await provider.upload(download.name, download.content, download.size)


def is_file(value: Any) -> bool:
    """Whether this stands for a file that somebody has sent to the bot."""
    return isinstance(value, dict) and value.keys() == {"file_id"} and isinstance(value["file_id"], str)


def has_files(given: Mapping[str, Any]) -> bool:
    """Whether any of these inputs is a file, or has one in its list."""
    return any(is_file(each) for value in given.values() for each in (value if isinstance(value, list) else [value]))
