"""The client of kie over a fake transport."""

from __future__ import annotations

from providers.kie.client import ROOT, Kie
from sandbox.kie.app import DEMO_KEY
from tests.hidden import hides
from tests.transports import Answer, FakeTransport


class FakedKie:
    """A client whose transport is a fake."""

    def __init__(self, answer: Answer, *, root: str = ROOT, reads_body: bool = True) -> None:
        self.transport = FakeTransport(answer, reads_body=reads_body)
        self.kie = Kie(DEMO_KEY, root, open_transport=lambda: self.transport)


def shows_no_key(error: BaseException) -> None:
    """Nothing that a log could make of `error` holds the key."""
    hides(DEMO_KEY, error)
