"""The client of kie over a fake transport, and the check that every error of its has to pass."""

from __future__ import annotations

import traceback

import httpx

from providers.kie.client import ROOT, Kie
from sandbox.kie.app import DEMO_KEY
from tests.transports import Answer, FakeTransport


class FakedKie:
    """A client whose transport is a fake."""

    def __init__(self, answer: Answer, *, root: str = ROOT, reads_body: bool = True) -> None:
        self.transport = FakeTransport(answer, reads_body=reads_body)
        self.kie = Kie(DEMO_KEY, root, open_transport=lambda: self.transport)


def shows_no_key(error: BaseException) -> None:
    """Nothing that a log could make of `error` holds the key, nor does an httpx exception hang on it."""
    todo: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while todo:
        each = todo.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        for text in (str(each), repr(each), repr(each.args), repr(vars(each))):
            assert DEMO_KEY not in text
        assert not isinstance(each, httpx.HTTPError)
        todo += [each.__cause__, each.__context__]
    assert DEMO_KEY not in "".join(traceback.format_exception(error))
