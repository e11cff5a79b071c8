"""The check that an error shows no secret, which every error of a client has to pass."""

from __future__ import annotations

import traceback

import httpx


def hides(secret: str, error: BaseException) -> None:
    """Nothing that a log could make of `error` holds the secret, nor does an httpx exception hang on it."""
    todo: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while todo:
        each = todo.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        for text in (str(each), repr(each), repr(each.args), repr(vars(each)), *map(str, each.args)):
            assert secret not in text
        assert not isinstance(each, httpx.HTTPError)
        todo += [each.__cause__, each.__context__]
    assert secret not in "".join(traceback.format_exception(error))
