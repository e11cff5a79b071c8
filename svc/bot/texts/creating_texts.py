"""What there is to say about creating, results and history, without a word of it (see texts.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from svc.bot.catalog import Part
from svc.bot.texts.plural import Plural
from svc.handler.job import JobError, JobState


@dataclass(frozen=True)
class CreatingButtons:
    """The words on buttons: plain text."""

    create: str
    options: str
    more: str
    fewer: str
    done: str
    remove: str
    skip: str
    cancel: str
    not_set: str
    back: str
    stop: str
    again: str
    change: str
    another: str
    next_result: str
    send_again: str


@dataclass(frozen=True)
class CreatingTexts:
    """One language. `fields` are the names of what models take, `values` those of choices that need one; all plain.

    `asks` says what a text is wanted for, by the model's task, where `ask` does not fit, `asks_option` what to
    send for an option, by its field's name. `failures` is what a person is
    told about a job that has failed, `states` how one stands in the history.
    """

    buttons: CreatingButtons
    fields: Mapping[str, str]
    values: Mapping[str, str]

    # Questions.
    ask: str
    asks: Mapping[str, str]
    ask_file: Mapping[Part, str]
    ask_files: Mapping[Part, str]
    ask_choice: str
    ask_number: str
    ask_number_or_press: str
    ask_text: str
    asks_option: Mapping[str, str]
    at_once: str
    options_first: str
    up_to: str
    caption_counts: str
    received: str

    # What does not fit.
    no_file: Mapping[Part, str]
    no_text: str
    text_kept: str
    no_use_for_text: str
    no_use_for_file: str
    file_too_large: str
    files_enough: str
    too_long: str
    too_much: str
    no_number: str
    out_of_range: str
    no_choice: str

    # The draft.
    draft_ready: str
    given_text: str
    given_files: Mapping[Part, str]
    files: Plural
    characters: Plural
    draft_over: str
    draft_left: str

    # What keeps a job from being asked for.
    not_set_up: str
    rests: str
    only_private: str
    too_many_at_once: Plural
    too_many_today: str
    cannot_repeat: str

    # While it is made.
    queued: str
    handed_in: str
    generating: str
    percent: str
    done: str
    stopped: str
    too_late_to_stop: str
    over_already: str

    # How it ended.
    result: str
    result_of: str
    link: str
    failed_status: str
    failed: str
    failures: Mapping[JobError, str]
    provider_says: str
    unknown: str
    operator_cancelled: str
    result_gone: str

    # History.
    history: str
    history_empty: str
    history_job: str
    states: Mapping[JobState, str]
    not_delivered: str
    job_gone: str

    # Times.
    seconds: str
    minutes: str
    hours: str
    days: str
    ago: str
    just_now: str
