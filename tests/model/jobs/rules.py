"""The protocol of jobs as built, or with one defence switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rules:
    """The bounds, and a switch for each defence; one that is flipped makes a mutant."""

    epochs: int = 2
    creates: int = 2
    """How often it is handed in, at most."""
    attempts: int = 2
    """At each row, at most."""
    start_comes: bool = True
    """The other update of the chat."""

    job_in_the_askers_commit: bool = True
    doubt_is_no_refusal: bool = True
    """A create in doubt is never made again."""
    own_create_is_held: bool = True
    """A create that is under way in this process is not in doubt."""
    given_up_late: bool = True
    """It is only given up when its answer can have been neither on its way nor about to be recorded."""
    hints_are_verified: bool = True
    end_and_row_in_one_commit: bool = True
    ends_once: bool = True
    """A job that has ended is not ended again, nor is the row of its end told again that was done."""
    one_lane: bool = True
    """No row of a chat begins while another of it is under way or in doubt."""
    row_of_the_end_is_older: bool = True
    """Updates of the chat wait while the row of the end is there."""
    ended_terms_leave_doubts: bool = True
    """A row that an older term has begun is in doubt, not unsent."""
    token_is_compared: bool = True
    """Only the latest create of a job records what became of it."""
    row_ends_the_job: bool = True
    """The commit that ends the row of the end also makes the job delivered."""


BASE = Rules()
ALONE = replace(BASE, start_comes=False)
CORRECT = {
    "beside another update": replace(BASE, creates=1),
    "handed in again": ALONE,
    "three terms": replace(ALONE, epochs=3, creates=1),
}
# What takes longer than a few seconds.
WIDER = {"all at once": BASE, "handed in again, three terms": replace(ALONE, epochs=3)}

# Each with the law that its search must find broken.
MUTANTS: dict[str, tuple[Rules, str]] = {
    "the job in a commit of its own": (replace(BASE, job_in_the_askers_commit=False), "not lost"),
    "created again after a doubt": (replace(BASE, doubt_is_no_refusal=False), "created once"),
    "a create under way taken for in doubt": (replace(BASE, own_create_is_held=False), "unknown only in doubt"),
    "given up too early": (replace(BASE, given_up_late=False), "unknown only in doubt"),
    "an older create's record taken for the latest's": (
        replace(ALONE, token_is_compared=False, creates=3),
        "created once",
    ),
    "a hint trusted": (replace(BASE, hints_are_verified=False), "its own task"),
    "the end told before it is committed": (replace(BASE, end_and_row_in_one_commit=False), "told when over"),
    "ended twice": (replace(BASE, ends_once=False), "delivered once"),
    "the end begun beside another send": (replace(BASE, one_lane=False), "one send of a chat at a time"),
    "an update begun beside the end": (
        replace(BASE, row_of_the_end_is_older=False, one_lane=False),
        "one send of a chat at a time",
    ),
    "delivered again after a takeover": (replace(BASE, ended_terms_leave_doubts=False), "delivered once"),
    "delivery in a commit of its own": (replace(BASE, row_ends_the_job=False), "delivered is told"),
}
