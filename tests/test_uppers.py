"""What was known when looking for a message was due, however late the look comes."""

from __future__ import annotations

from svc.delivery.uppers import MOST_UPPERS, Uppers
from telegram_client.message_ids import MessageIds

USER, SUPERGROUP = 7, -1_001_000_000_000


def test_what_is_known_when_it_is_due_is_kept() -> None:
    """Neither what is known before nor what comes later, and of the chat's own sequence."""
    uppers, ids = Uppers(), MessageIds()
    ids.note(USER, 10)
    ids.note(SUPERGROUP, 500)
    uppers.expect(1, USER, at=5.0)
    uppers.expect(2, SUPERGROUP, at=6.0)
    uppers.note_due(4.9, ids)
    assert uppers.of(1) is None
    ids.note(USER, 20)
    uppers.note_due(5.1, ids)
    ids.note(USER, 30)
    uppers.note_due(6.1, ids)
    assert (uppers.of(1), uppers.of(2)) == (20, 500)
    uppers.keep(1, 40)
    assert uppers.of(1) == 20
    uppers.forget(1)
    assert uppers.of(1) is None


def test_they_are_bounded() -> None:
    """The oldest give way; without it more is probed, and nothing else."""
    uppers, ids = Uppers(), MessageIds()
    ids.note(USER, 10)
    for update_id in range(2 * MOST_UPPERS):
        uppers.expect(update_id, USER, at=0.0)
        uppers.note_due(1.0, ids)
    assert uppers.of(MOST_UPPERS - 1) is None
    assert uppers.of(MOST_UPPERS) == 10
