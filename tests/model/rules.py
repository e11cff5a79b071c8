"""What is explored: the bounds, the times in ticks, and the protocol as built or with one defence switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace

LEASE = 1
SERVER_TIMEOUT = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is built; every switch that is flipped is a mutant."""

    epochs: int = 2
    doubts: int = 1
    tokens: int = 2
    late_begins: bool = True
    """A begin may be executed after its sender has asked again, or is gone; otherwise only settlements may."""
    wire: int = 1
    """How many statements at a time may be that late."""
    copies: int = 0
    kills: int = 0
    """How often the server ends a lock session before its time."""
    same_chat: bool = False
    clock: bool = True
    """Time in ticks. Without: what the search with ticks shows, that no session ends before its holder's lease."""

    term_read_for_share: bool = True
    lease_from_sending: bool = True
    takeover_marks: bool = True
    epoch_for_every_term: bool = True
    begin_knows_its_token: bool = True
    takeover_two_statements: bool = True
    settle_in_any_term: bool = True
    begin_looks_at_processed: bool = True
    begin_keeps_order: bool = True
    sweeps: bool = True


CORRECT = Rules()

MUTANTS = {
    "a": replace(CORRECT, term_read_for_share=False),
    "b": replace(CORRECT, lease_from_sending=False),
    "c": replace(CORRECT, takeover_marks=False),
    "d": replace(CORRECT, epoch_for_every_term=False),
    "e": replace(CORRECT, begin_knows_its_token=False),
    "f": replace(CORRECT, takeover_two_statements=False),
    "g": replace(CORRECT, settle_in_any_term=False),
    "h": replace(CORRECT, begin_looks_at_processed=False),
    "i": replace(CORRECT, same_chat=True, begin_keeps_order=False),
}

VARIANTS = {
    "correct": CORRECT,
    "same-chat": replace(CORRECT, same_chat=True),
    "killed": replace(CORRECT, kills=1),
    **MUTANTS,
}
