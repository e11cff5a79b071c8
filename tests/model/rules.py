"""What is explored: the bounds, the times in ticks, and the protocol as built or with one defence switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace

from svc.storage.looks import ABSENT_LOOKS

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
    second_arrives: bool = False
    """The second update is not stored at first. It may be stored, or stored and begun in one commit."""
    doubts_wait: bool = False
    """A doubt is resent when its old owner's send deadline is over, and with it its call: no other search needs it."""
    clock: bool = True
    """Time in ticks. Without: what the search with ticks shows, that no session ends before its holder's lease."""
    leases: bool = True
    """Lock and lease step by step. Without: what these searches show, that a term ends before the next begins."""
    looking: bool = False
    """What is in doubt is looked for; the two updates are of one chat."""
    looks: int = 3
    """Counted in one row; with as many it is not looked for again."""
    most_looks: int = 3
    """After as many it cannot be told (`svc.storage.looks.MOST_LOOKS`, smaller)."""
    others: int = 0
    """Messages to another chat whose ids are not known."""

    # What Telegram does.
    not_found_too_early: bool = False
    """A message may not be seen by probes for a while, although its answer has been heard."""
    late_beyond_looks: bool = False
    """A call may be carried out, or its message be seen, after the second look."""
    ids_grow: bool = True
    """Otherwise a message may get an id below the watermark, so that no look ever finds it."""

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
    store_reads_term_for_share: bool = True
    store_looks_at_the_inbox: bool = True
    """As the statement sees it: what a settlement that it does not see yet has ended is there."""

    watermark_before_send: bool = True
    known_are_left_out: bool = True
    probes_its_own_chat: bool = True
    probe_is_refused: bool = True
    found_ends_the_row: bool = True
    absent_looks: int = ABSENT_LOOKS
    look_counts_once: bool = True
    """The result of a look is recorded only on the row as its claim has left it."""
    looks_outlive_terms: bool = True
    claim_ends_clearance: bool = True
    """A row that may begin again, and has not for too long, waits for the look that comes then."""
    apologies_in_rows: bool = True
    doubts_are_remembered: bool = True
    """After an update of which it could not be told, nothing is taken for the message of a later one of its chat."""
    resends_are_remembered: bool = False
    """Nor after one that was sent again: only for messages that are late beyond both looks."""
    resends_are_capped: bool = False
    """With what was sent again SENDS_IN_DOUBT messages are the last: only for ids that break the rules."""


BASE = Rules()

# With looks, what else there is between two instances is left to the other searches.
LOOKING = replace(
    BASE, clock=False, leases=False, late_begins=False, wire=0, same_chat=True, looking=True, tokens=1, doubts=0
)

# Each is exhaustive within its bounds. One search with all of them at their widest would be too large.
CORRECT = {
    "clock": replace(BASE, late_begins=False),
    "late": replace(BASE, clock=False, same_chat=True),
    "terms": replace(BASE, clock=False, same_chat=True, late_begins=False, epochs=3),
    "doubts": replace(BASE, clock=False, same_chat=True, late_begins=False, doubts=2),
    "copies": replace(BASE, clock=False, same_chat=True, late_begins=False, copies=1),
    "arrivals": replace(BASE, clock=False, same_chat=True, second_arrives=True),
    # Nothing ends in a doubt here: each update gets exactly one message.
    "looks": LOOKING,
    "looks, not found too early": replace(LOOKING, not_found_too_early=True),
    "looks that cannot tell": replace(LOOKING, doubts=1, looks=2, most_looks=2),
}

# One bound wider each, for `python -m tests.model`.
WIDER = {
    "terms, 4": replace(CORRECT["terms"], epochs=4),
    "doubts, 3": replace(CORRECT["doubts"], doubts=3),
    "copies, 2": replace(CORRECT["copies"], copies=2),
    "looks, 4": replace(LOOKING, looks=4),
    "looks, other chats": replace(LOOKING, others=1),
    "looks, 3 terms": replace(LOOKING, epochs=3),
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
    # What begins with its storing: a second delivery does although a settlement overtakes it.
    "l": (replace(BASE, store_looks_at_the_inbox=False, clock=False, late_begins=False, copies=1), "G3"),
    # It does although an older update of its chat is in the inbox.
    "m": (replace(BASE, store_looks_at_the_inbox=False, same_chat=True, second_arrives=True), "G6"),
    # Its term is read without FOR SHARE.
    "n": (replace(BASE, store_reads_term_for_share=False, clock=False, second_arrives=True), "G5"),
}

LOOKING_MUTANTS = {
    # The watermark is taken when the send is in doubt, not before it.
    "watermark after the send": (replace(LOOKING, watermark_before_send=False), "G3"),
    # Ids that an answer or an update has told are probed, too.
    "an older message counts": (replace(LOOKING, known_are_left_out=False), "G4"),
    # A probe does not say in which chat.
    "another chat's message counts": (replace(LOOKING, others=1, probes_its_own_chat=False), "G4"),
    # The row of a message that was found is begun again.
    "found and sent": (replace(LOOKING, found_ends_the_row=False), "G3"),
    # One look that finds nothing is enough.
    "looked for once": (replace(LOOKING, absent_looks=1), "G3"),
    # An apology is sent outside of a row, so that two sends of a chat are in flight at once.
    "an apology of its own": (replace(LOOKING, apologies_in_rows=False), "G4"),
    # The next update of a chat begins while the one before is in doubt.
    "two sends at once": (replace(LOOKING, begin_keeps_order=False), "G6"),
    # A takeover begins to count the looks anew.
    "looks forgotten": (replace(LOOKING, looks_outlive_terms=False), "looking ends"),
    # A probe is an edit that is allowed.
    "a probe that edits": (replace(LOOKING, probe_is_refused=False), "probes change nothing"),
    # A look whose result is recorded twice has found nothing twice.
    "one look counted twice": (replace(LOOKING, look_counts_once=False), "G3"),
    # A row that was found absent may still begin while one more look is under way.
    "begun while looked for": (replace(LOOKING, claim_ends_clearance=False), "begun after its looks"),
    # After an update of which it could not be told, messages of its chat are taken for the next one's.
    "a doubt forgotten": (replace(LOOKING, doubts=1, doubts_are_remembered=False), "G4"),
}

# What Telegram is not expected to do.
LATE = replace(LOOKING, late_beyond_looks=True, looks=2, most_looks=2, resends_are_remembered=True)
DISORDERED = replace(LOOKING, ids_grow=False)

# The server ends a lock session before its time: pg_terminate_backend, or a restart of Postgres.
KILLED = replace(BASE, clock=False, late_begins=False, same_chat=True, kills=1, doubts_wait=True)

# Each with the guarantee that its search must find broken; None: it must find nothing.
VARIANTS: dict[str, tuple[Rules, str | None]] = {
    **{name: (rules, None) for name, rules in {**CORRECT, **WIDER}.items()},
    "killed": (KILLED, "G5"),
    **MUTANTS,
    **LOOKING_MUTANTS,
}
