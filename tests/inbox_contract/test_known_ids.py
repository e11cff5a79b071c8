"""Which message ids above a watermark are known, and so are not the one that is looked for."""

from __future__ import annotations

from svc.storage.inbox import Attempt, CallMade, Done, Retry, Unclear
from svc.storage.looks import DueLook, Found, KnownIds
from tests.inbox_contract.looking import WATERMARK, a_send_in_doubt, look, sending
from tests.inbox_contract.under_test import InboxUnderTest, an_update, new_term

GROUP, SUPERGROUP = -5, -1_000_000_000_005


async def answered(
    tested: InboxUnderTest, update_id: int, chat_id: int, *sent: int, message_id: int | None = None
) -> None:
    """An update that is done, and the messages that were sent for it."""
    inbox, term = tested.inbox, await new_term(tested.inbox)
    await inbox.store(an_update(update_id, chat_id, message_id=message_id))
    attempt = await sending(inbox, update_id, term)
    await inbox.settle(attempt, Done(), [CallMade("sendMessage", "ok", 8, each) for each in sent])


async def known(tested: InboxUnderTest, update_id: int = 5, chat_id: int = 7) -> KnownIds:
    return await tested.inbox.known_ids(DueLook(update_id, chat_id, 0, WATERMARK, 1, 0, 0.0))


async def test_nothing_is_known(tested: InboxUnderTest) -> None:
    """No id, no message of our own, and nothing that was not read."""
    assert await known(tested) == KnownIds(frozenset(), None, None)


async def test_what_updates_brought_and_answers_told(tested: InboxUnderTest) -> None:
    """Of all chats of the sequence: of updates that wait, that were answered or needed no answer. Only above the
    watermark."""
    inbox = tested.inbox
    await answered(tested, 6, 8, 105, message_id=104)
    await answered(tested, 3, GROUP, 99, message_id=WATERMARK)
    for update_id, chat_id, message_id in ((7, 9, 106), (8, 9, 107), (9, 9, None)):
        await inbox.store(an_update(update_id, chat_id, message_id=message_id))
    await inbox.dismiss(7)
    assert await known(tested) == KnownIds(frozenset({104, 105, 106, 107}), 107, (8, 105))


async def test_another_sequence_says_nothing(tested: InboxUnderTest) -> None:
    """Each supergroup has its own; all private chats and basic groups share one."""
    await answered(tested, 1, SUPERGROUP, 111, message_id=110)
    await answered(tested, 2, SUPERGROUP - 1, 121, message_id=120)
    await answered(tested, 3, GROUP, 131, message_id=130)
    await answered(tested, 4, 8, 141, message_id=140)
    assert (await known(tested)).ids == {130, 131, 140, 141}
    assert (await known(tested, chat_id=GROUP)).ids == {130, 131, 140, 141}
    assert (await known(tested, chat_id=SUPERGROUP)).ids == {110, 111}


async def test_every_message_of_the_chat(tested: InboxUnderTest) -> None:
    """Of a reply that was several messages all are known, and those of attempts before: else one of them would be taken
    for what is looked for."""
    inbox = tested.inbox
    await answered(tested, 1, 7, 101, 102, 103)
    await inbox.store(an_update(5))
    term = await new_term(inbox)
    await inbox.settle(await sending(inbox, 5, term), Retry(0, "429"), [CallMade("sendMessage", "ok", 8, 105)])
    await sending(inbox, 5, term, token=2)
    assert (await known(tested)).ids == {101, 102, 103, 105}
    await inbox.settle(Attempt(5, term, 2), Done(), [CallMade("sendMessage", "ok", 8, 106)])
    assert (await known(tested, 6)).ids == {101, 102, 103, 105, 106}


async def test_what_was_found_is_known(tested: InboxUnderTest) -> None:
    """Like any other answer."""
    await look(tested.inbox, await a_send_in_doubt(tested), Found(105))
    assert await known(tested) == KnownIds(frozenset({105}), 105, (7, 105))


async def test_a_message_of_our_own(tested: InboxUnderTest) -> None:
    """The latest of the chat itself, wherever its id lies; else of a private chat; none of a group's."""
    await answered(tested, 1, GROUP, 50)
    assert (await known(tested)).own is None
    assert (await known(tested, chat_id=GROUP)).own == (GROUP, 50)
    await answered(tested, 2, 8, 105)
    await answered(tested, 3, 9)
    assert (await known(tested)).own == (8, 105)
    assert (await known(tested, chat_id=SUPERGROUP)).own == (8, 105)
    await answered(tested, 4, 7, 60)
    await answered(tested, 6, 7, 61)
    await answered(tested, 8, 8, 106)
    assert (await known(tested)).own == (7, 61)


async def test_other_sends_in_doubt(tested: InboxUnderTest) -> None:
    """Each may have taken an id that nobody knows. One that a worker of this term is at is not in doubt."""
    inbox = tested.inbox
    for update_id in (1, 2, 3, 5):
        await inbox.store(an_update(update_id, update_id))
    old = await new_term(inbox)
    await inbox.settle(await sending(inbox, 1, old), Unclear(60, "cut off"))
    await sending(inbox, 2, old)
    await inbox.settle(await sending(inbox, 5, old), Unclear(60, "cut off"))
    await sending(inbox, 3, await new_term(inbox))
    assert (await known(tested)).in_doubt == 2


async def test_an_earlier_doubt_in_the_chat(tested: InboxUnderTest) -> None:
    """Nobody knows the id of its message, if it is there: it could be taken for the one that is looked for."""
    inbox = tested.inbox
    for update_id, chat_id in ((1, 8), (2, 7), (5, 7)):
        await inbox.store(an_update(update_id, chat_id))
    term = await new_term(inbox)
    await inbox.settle(await sending(inbox, 1, term), Done("in_doubt", doubts=1))
    assert not (await known(tested)).untold
    await inbox.settle(await sending(inbox, 2, term), Done("in_doubt", doubts=1))
    assert (await known(tested)).untold
