"""The steps that the tests about looking for a send take."""

from __future__ import annotations

from collections.abc import Collection

from svc.settings.environment import Fallback
from svc.storage import looks
from svc.storage.inbox import Attempt, BeginOutcome, Begun, Inbox, Term, Unclear
from svc.storage.looks import Absent, DueLook, LookOutcome, LookResult
from tests.inbox_contract.under_test import InboxUnderTest, an_update, new_term

WATERMARK = 100
LONG = 1e6
"""Seconds after which everything is due that ever will be."""


async def sending(
    inbox: Inbox,
    update_id: int,
    term: Term,
    token: int = 1,
    *,
    watermark: int | None = WATERMARK,
    dead_if_sent: str | None = None,
    repeatable: bool = False,
) -> Attempt:
    """An attempt that has begun, of a send that can be looked for."""
    attempt = Attempt(update_id, term, token, repeatable, watermark, dead_if_sent)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    return attempt


async def a_send_in_doubt(
    tested: InboxUnderTest, update_id: int = 1, *, chat_id: int = 7, dead_if_sent: str | None = None
) -> Term:
    """Store an update and have its send be unclear, looks being due at once."""
    inbox = tested.inbox
    await inbox.store(an_update(update_id, chat_id, message_id=WATERMARK))
    term = await new_term(inbox)
    attempt = await sending(inbox, update_id, term, dead_if_sent=dead_if_sent)
    await inbox.settle(attempt, Unclear(0, "cut off"))
    return term


async def due(inbox: Inbox, term: Term, held: Collection[int] = (), limit: int = 10) -> list[int]:
    """The updates that are to be looked for now, each of which is counted as looked for."""
    return [each.update_id for each in await inbox.due_looks(term, held, limit)]


async def the_look(inbox: Inbox, term: Term) -> DueLook:
    """The only look that is due."""
    (found,) = await inbox.due_looks(term, (), 10)
    return found


async def look(
    inbox: Inbox, term: Term, result: LookResult, policy: Fallback = "resend", *, probes: int = 3
) -> LookOutcome:
    """The only look that is due, with this result."""
    return await inbox.settle_look(term, await the_look(inbox, term), result, policy, probes=probes)


async def cleared(tested: InboxUnderTest, term: Term) -> None:
    """Look for the only send in doubt until it may be sent again."""
    for outcome in (LookOutcome.LOOK_AGAIN, LookOutcome.SEND):
        assert await look(tested.inbox, term, Absent()) is outcome
        if outcome is LookOutcome.LOOK_AGAIN:
            await tested.pass_time(looks.LOOK_GAP)


async def begin_again(inbox: Inbox, update_id: int, term: Term, token: int = 2, watermark: int = 900) -> Begun:
    """What `begin` says to another attempt, which knows of later messages."""
    return await inbox.begin(Attempt(update_id, term, token, watermark=watermark))
