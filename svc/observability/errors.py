"""An error as one line, for a log, a row in the database or a terminal."""

from __future__ import annotations

LONGEST = 500


def describe(error: BaseException) -> str:
    """Class and text of `error` on one line; the class alone where there is no text."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}"[:LONGEST] if text else name


def leaves(error: BaseException) -> list[BaseException]:
    """The single errors within an exception group, groups in groups too; of any other error that one itself."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for each in error.exceptions for leaf in leaves(each)]
