"""What is explored: the bounds, the times in ticks, and the protocol as built or with one defence switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace

LEASE = 1
SERVER_TIMEOUT = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol as it is built; every switch that is flipped is a mutant."""

    epochs: int = 2
    """Terms."""
    doubts: int = 1
    """On record for one update; with as many nothing more is decided on."""
    tokens: int = 2
    """Attempts of one term that something still refers to."""
    late_begins: bool = True
    """A begin may be executed after its sender has asked again, or is gone; otherwise only settlements may."""
    wire: int = 1
    """How many statements at a time may be that late."""
    copies: int = 0
    """Redeliveries that slip into the inbox beside the settlement."""
    kills: int = 0
    """How often the server ends a lock session before its time."""
    same_chat: bool = False
    doubts_wait: bool = False
    """A doubt is resent when its old owner's send deadline is over, and with it its call: no other search needs it."""
    clock: bool = True
    """Time in ticks. Without: what the search with ticks shows, that no session ends before its holder's lease."""

    term_read_for_share: bool = True
    lease_from_sending: bool = True
    epoch_for_every_term: bool = True
    begin_knows_its_token: bool = True
    begin_returns_own_row: bool = True
    settle_in_any_term: bool = True
    begin_looks_at_processed: bool = True
    begin_keeps_order: bool = True
    begin_leaves_doubts: bool = True
    call_looks_at_lease: bool = True
    resolve_finds_older_terms: bool = True
    resolve_finds_lost: bool = True
    resolve_caps_doubts: bool = True
    settle_caps_doubts: bool = True


BASE = Rules()

# Each is exhaustive within its bounds. One search with all of them at their widest would be too large.
CORRECT = {
    "clock": replace(BASE, late_begins=False),
    "late": replace(BASE, clock=False, same_chat=True),
    "terms": replace(BASE, clock=False, same_chat=True, late_begins=False, epochs=3),
    "doubts": replace(BASE, clock=False, same_chat=True, late_begins=False, doubts=2),
    "copies": replace(BASE, clock=False, same_chat=True, late_begins=False, copies=1),
}

# One bound wider each, for `python -m tests.model`.
WIDER = {
    "terms, 4": replace(CORRECT["terms"], epochs=4),
    "doubts, 3": replace(CORRECT["doubts"], doubts=3),
    "copies, 2": replace(CORRECT["copies"], copies=2),
}

MUTANTS = {
    # The epoch is read without FOR SHARE.
    "a": (replace(BASE, term_read_for_share=False), "G5"),
    # The lease is counted from the heartbeat's answer.
    "b": (replace(BASE, lease_from_sending=False), "G5"),
    # Begin takes what an older term has left processing: by its epoch nobody works on it.
    "c": (replace(BASE, begin_leaves_doubts=False), "G3"),
    # A restarted process takes its term again without a new epoch.
    "d": (replace(BASE, epoch_for_every_term=False), "G3"),
    # Begin takes any row of its own term for its own; after a lost answer a new token asks.
    "e": (replace(BASE, begin_knows_its_token=False), "G3"),
    # What is found in doubt is sent again however often that has been done.
    "f": (replace(BASE, resolve_caps_doubts=False, clock=False, late_begins=False, doubts=2), "G3"),
    # A settlement demands the current term.
    "g": (replace(BASE, settle_in_any_term=False, clock=False, late_begins=False), "G3"),
    # Begin does not look at what is processed.
    "h": (replace(BASE, begin_looks_at_processed=False, clock=False, copies=1), "G3"),
    # Begin does not look for an older update of the chat.
    "i": (replace(BASE, begin_keeps_order=False, same_chat=True), "G6"),
    # No look at the lease before a call.
    "j": (replace(BASE, call_looks_at_lease=False), "G2"),
    # What was called without an answer is sent again however often.
    "k": (replace(BASE, settle_caps_doubts=False, clock=False, late_begins=False, doubts=2), "G3"),
}

# The server ends a lock session before its time: pg_terminate_backend, or a restart of Postgres.
KILLED = replace(BASE, clock=False, late_begins=False, same_chat=True, kills=1, doubts_wait=True)

# Each with the guarantee that its search must find broken; None: it must find nothing.
VARIANTS: dict[str, tuple[Rules, str | None]] = {
    **{name: (rules, None) for name, rules in {**CORRECT, **WIDER}.items()},
    "killed": (KILLED, "G5"),
    **MUTANTS,
}
