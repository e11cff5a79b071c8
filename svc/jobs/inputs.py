"""The files among a job's inputs: each is fetched from Telegram and given to the provider, who names an address for it.

All of that may be repeated, and is done before anything is created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.provider import Provider
from telegram_client.files import Files


async def with_addresses(given: Mapping[str, Any], files: Files, provider: Provider) -> dict[str, Any]:
    """`given` with an address in place of every file.

    Raises TelegramError, which is Refused where a file is gone or too large to be had, and ProviderError.
    """
    return {name: await _with_address(value, files, provider) for name, value in given.items()}


async def _with_address(value: Any, files: Files, provider: Provider) -> Any:
    if isinstance(value, list):
        return [await _with_address(each, files, provider) for each in value]
    if not is_file(value):
        return value
    async with files.open_download(value["file_id"]) as download:
        return await provider.upload(download.name, download.content, download.size)


def is_file(value: Any) -> bool:
    """Whether this stands for a file that somebody has sent to the bot."""
    return isinstance(value, dict) and value.keys() == {"file_id"} and isinstance(value["file_id"], str)


def has_files(given: Mapping[str, Any]) -> bool:
    """Whether any of these inputs is a file, or has one in its list."""
    return any(is_file(each) for value in given.values() for each in (value if isinstance(value, list) else [value]))
