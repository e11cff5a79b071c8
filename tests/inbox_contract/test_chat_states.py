"""The state of a chat: read along with its updates, changed by what ends as done, and never decided by an old one."""

from __future__ import annotations

import json

import pytest

from svc.storage.inbox import (
    NO_CHAT,
    NO_STATE,
    Attempt,
    BeginOutcome,
    ChatState,
    Dead,
    Done,
    Effects,
    Ending,
    Inbox,
    Received,
    Retry,
    Term,
)
from tests.inbox_contract.under_test import InboxUnderTest, an_update, at_once, new_term, store

WAITING = b'{"waits": "prompt"}'


async def _decided(
    inbox: Inbox, update_id: int, term: Term, state: bytes | None, *, version: int = 0, ending: Ending | None = None
) -> None:
    attempt = Attempt(update_id, term, update_id, effects=Effects(state), state_version=version)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    await inbox.settle(attempt, ending or Done())


def _seen(state: ChatState) -> tuple[int, object]:
    return state.version, json.loads(state.json)


async def test_a_new_chat_has_none(inbox: Inbox) -> None:
    """Of a chat for which nothing has been written the state is empty, in version 0."""
    assert (await inbox.store(an_update(1))).state == NO_STATE
    assert [update.state for update in (await inbox.backfill(10)).updates] == [NO_STATE]


async def test_what_is_done_changes_it(inbox: Inbox) -> None:
    """The state of an update that is done is the chat's from then on, for what is stored and for what is read back."""
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    await _decided(inbox, 1, term, WAITING)
    expected = (1, {"waits": "prompt"})
    assert _seen((await inbox.store(an_update(3))).state) == expected
    for found in (
        (await inbox.backfill(10)).updates,
        await inbox.newest(10),
        await inbox.fetch([2]),
        (await inbox.followers([7], 10))[:1],
    ):
        assert [(update.update_id, _seen(update.state)) for update in found] == [(2, expected)]
    assert (await inbox.store(an_update(4, chat_id=8))).state == NO_STATE


@pytest.mark.parametrize("ending", [Done("refused"), Done("ignored"), Dead("gave up")])
async def test_what_ends_otherwise_changes_nothing(inbox: Inbox, ending: Ending) -> None:
    """Nothing is remembered of an answer that nobody has got."""
    await store(inbox, 1)
    await _decided(inbox, 1, await new_term(inbox), WAITING, ending=ending)
    assert (await inbox.store(an_update(2))).state == NO_STATE


async def test_the_attempt_that_is_done_counts(inbox: Inbox) -> None:
    """Of an update that was decided anew after a retry, the last decision is remembered, also if it changes nothing."""
    await store(inbox, 1)
    await store(inbox, 2, chat_id=8)
    term = await new_term(inbox)
    await _decided(inbox, 1, term, b'{"n": 1}', ending=Retry(0, "flood"))
    await _decided(inbox, 2, term, b'{"n": 1}', ending=Retry(0, "flood"))
    attempts = [Attempt(1, term, 9, effects=Effects(b'{"n": 2}')), Attempt(2, term, 9)]
    for attempt in attempts:
        await inbox.begin(attempt)
        await inbox.settle(attempt, Done())
    assert _seen((await inbox.store(an_update(3))).state) == (1, {"n": 2})
    assert (await inbox.store(an_update(4, chat_id=8))).state == NO_STATE


async def test_repeated_it_changes_it_once(inbox: Inbox) -> None:
    """A settlement that is made again after a lost answer changes nothing more."""
    await store(inbox, 1)
    attempt = Attempt(1, await new_term(inbox), 5, effects=Effects(WAITING))
    await inbox.begin(attempt)
    for _ in range(2):
        await inbox.settle(attempt, Done())
    await at_once(lambda: inbox.settle(attempt, Done()), lambda: inbox.settle(attempt, Done()))
    assert (await inbox.store(an_update(2))).state.version == 1


async def test_what_was_decided_by_an_old_state_does_not_begin(tested: InboxUnderTest) -> None:
    """Where the chat's state has changed since, the attempt is busy: the update is read again, and decided anew."""
    inbox = tested.inbox
    await store(inbox, 1, 2)
    term = await new_term(inbox)
    await _decided(inbox, 1, term, WAITING)
    assert (await inbox.begin(Attempt(2, term, 5))).outcome is BeginOutcome.BUSY
    assert (await inbox.begin(Attempt(2, term, 5, state_version=2))).outcome is BeginOutcome.BUSY
    (again,) = await inbox.fetch([2])
    attempt = Attempt(2, term, 5, state_version=again.state.version)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN


async def test_what_has_begun_stays_so(inbox: Inbox) -> None:
    """Begin asked again is answered alike, whatever the version, since this attempt has begun."""
    await store(inbox, 2)
    term = await new_term(inbox)
    attempt = Attempt(2, term, 5)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN
    await store(inbox, 1)
    await _decided(inbox, 1, term, WAITING)
    assert (await inbox.begin(attempt)).outcome is BeginOutcome.BEGUN


async def test_it_lasts(inbox: Inbox) -> None:
    """An update that changes nothing leaves state and version as they are; the next change has the next version."""
    await store(inbox, 1, 2, 3)
    term = await new_term(inbox)
    await _decided(inbox, 1, term, WAITING)
    await _decided(inbox, 2, term, None, version=1)
    await _decided(inbox, 3, term, b"{}", version=1)
    assert _seen((await inbox.store(an_update(4))).state) == (2, {})


async def test_updates_without_a_chat_have_none(inbox: Inbox) -> None:
    """What belongs to no chat remembers nothing."""
    await store(inbox, 1, chat_id=NO_CHAT)
    await _decided(inbox, 1, await new_term(inbox), WAITING)
    assert (await inbox.store(an_update(2, chat_id=NO_CHAT))).state == NO_STATE


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (rb'{"said": "a\u0000b"}', {"said": "ab"}),
        (rb'{"\ud83d": "\ud83d"}', {"?": "?"}),
        (rb'{"said": "\\u0000 \ud83d\ude00"}', {"said": "\\u0000 \U0001f600"}),
        ('{"said": "привет"}'.encode(), {"said": "привет"}),
        (b'{"n": [1.5, null, {"deep": 12345678901234567890}]}', {"n": [1.5, None, {"deep": 12345678901234567890}]}),
    ],
    ids=["NUL", "half an emoji", "what only looks like it", "Russian", "all kinds"],
)  # fmt: skip
async def test_whatever_it_holds(inbox: Inbox, given: bytes, kept: object) -> None:
    """What the database cannot hold is left out of the texts; the rest comes back as it was."""
    await store(inbox, 1)
    await _decided(inbox, 1, await new_term(inbox), given)
    assert _seen((await inbox.store(an_update(2))).state) == (1, kept)


async def test_chats_do_not_mix_in_a_group(inbox: Inbox) -> None:
    """Endings of several chats that share a group change each their own."""
    for update_id in (1, 2, 3):
        await store(inbox, update_id, chat_id=10 + update_id)
    term = await new_term(inbox)
    changes = [Effects(b'{"n": 1}'), None, Effects(b'{"n": 3}')]
    attempts = [Attempt(number, term, 5, effects=each) for number, each in enumerate(changes, 1)]
    await at_once(*(lambda it=it: inbox.begin(it) for it in attempts))
    await at_once(*(lambda it=it: inbox.settle(it, Done()) for it in attempts))

    async def state(chat_id: int) -> tuple[int, object]:
        return _seen((await inbox.store(Received(100 + chat_id, chat_id, "message", b"{}", 0.0))).state)

    assert [await state(chat_id) for chat_id in (11, 12, 13)] == [(1, {"n": 1}), (0, {}), (1, {"n": 3})]
