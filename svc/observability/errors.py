"""An error as one line, for a log, a row in the database or a terminal."""

from __future__ import annotations

import trio

LONGEST = 500


def describe(error: BaseException) -> str:
    """Class and text of `error` on one line; the class alone where there is no text, and none to give it."""
    text = " ".join(str(error).split())
    if not text and isinstance(error, TimeoutError | trio.TooSlowError):
        text = "no answer in time"  # neither asyncio nor Trio gives it a text
    name = type(error).__name__
    return f"{name}: {text}"[:LONGEST] if text else name


def leaves(error: BaseException) -> list[BaseException]:
    """The single errors within an exception group, groups in groups too; of any other error that one itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for each in error.exceptions for leaf in leaves(each)]
