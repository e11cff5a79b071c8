"""Every step of the model of jobs that can happen next. None is ever forced."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.jobs.rules import Rules
from tests.model.jobs.state import (
    ANOTHERS,
    END,
    FRESH,
    OVER,
    OWN,
    START,
    Create,
    CreateStage,
    Job,
    Process,
    Row,
    Send,
    SendStage,
    State,
    put,
)

Step = tuple[str, State]


def steps(state: State, rules: Rules) -> Iterator[Step]:
    """All successors of `state`, each with the name of the step that leads there."""
    yield from _asking(state, rules)
    yield from _terms(state, rules)
    yield from _provider(state, rules)
    yield from _late(state)
    for number, process in enumerate(state.processes):
        name = "AB"[number]
        for label, after in _create_goes_on(state, rules, number, process):
            yield f"{name}.{label}", after
        for row in (END, START):
            for label, after in _send_goes_on(state, rules, number, process, row):
                yield f"{name}.{label}({'end' if row == END else 'start'})", after
    if state.leader >= 0:
        for label, after in _leader(state, rules, state.leader, state.processes[state.leader]):
            yield f"{'AB'[state.leader]}.{label}", after


def _asking(state: State, rules: Rules) -> Iterator[Step]:
    if state.asked == "begun":
        job = Job("wanted") if rules.job_in_the_askers_commit else Job()
        yield "asker_settles", state._replace(asked="done", job=job)
        if not rules.job_in_the_askers_commit:
            yield "job_is_written", state._replace(asked="done", job=Job("wanted"))
    if rules.start_comes and state.rows[START].state == "none":
        yield "start_comes", state.with_row(START, Row("pending"))


# Terms and processes.


def _terms(state: State, rules: Rules) -> Iterator[Step]:
    for number, process in enumerate(state.processes):
        if state.leader < 0 and state.epoch < rules.epochs and not (number == 1 and state.epoch == 0):
            yield f"{'AB'[number]}.leads", _new_term(state, rules, number)
        if process != FRESH or state.leader == number:
            yield f"{'AB'[number]}.dies", _dies(state, number)
    if state.leader >= 0:
        yield "term_ends", _term_ends(state)


def _new_term(state: State, rules: Rules, number: int) -> State:
    after = state._replace(epoch=state.epoch + 1, leader=number)
    if rules.ended_terms_leave_doubts:
        return after
    rows = tuple(row._replace(state="pending") if row.state == "processing" else row for row in state.rows)
    return after._replace(rows=rows)  # type: ignore[arg-type]


def _term_ends(state: State) -> State:
    """What has not left yet does not leave any more; what has left is still heard and recorded."""
    number = state.leader
    process = state.processes[number]
    create = process.create
    unheard = False
    if create is not None and create.stage in ("asked", "begun"):
        unheard = state.job.state == "submitting" and state.job.token == create.token
        create = None
    sends = tuple(None if send and send.stage == "begun" else send for send in process.sends)
    left = Process(create, sends)  # type: ignore[arg-type]
    after = state.with_process(number, left)
    return after._replace(leader=-1, unheard=state.unheard or unheard)


def _dies(state: State, number: int) -> State:
    """Its calls that have left may still be carried out."""
    process, create = state.processes[number], state.processes[number].create
    lost = create is not None and state.job.state == "submitting" and state.job.token == create.token
    late = tuple(
        before or (send is not None and send.stage == "called")
        for before, send in zip(state.late_sends, process.sends, strict=True)
    )
    return state.with_process(number, FRESH)._replace(
        leader=-1 if state.leader == number else state.leader,
        unheard=state.unheard or lost,
        late_create=state.late_create or (create is not None and create.stage == "left"),
        late_sends=late,  # type: ignore[arg-type]
    )


# What the provider and Telegram do.


def _provider(state: State, rules: Rules) -> Iterator[Step]:
    if state.created and not state.over:
        yield "task_is_over", state._replace(over=True)
    for task in (OWN, ANOTHERS):
        if (task == ANOTHERS or state.created) and state.job.state not in ("none", *OVER):
            yield ("callback" if task == OWN else "forged_callback"), _hinted(state, rules, task)


def _hinted(state: State, rules: Rules, task: int) -> State:
    job = state.job._replace(hint=task)
    if not rules.hints_are_verified and job.state == "submitting":
        job = job._replace(state="running", task=task)
    return state._replace(job=job)


def _late(state: State) -> Iterator[Step]:
    if state.late_create:
        gone = state._replace(late_create=False)
        yield "late_create_is_lost", gone
        yield "late_create_is_carried_out", gone._replace(created=state.created + 1)
    for row, late in enumerate(state.late_sends):
        if late:
            gone = state._replace(late_sends=put(state.late_sends, row, False))
            yield f"late_send_is_lost({row})", gone
            yield f"late_send_is_carried_out({row})", _message(gone, row)


def _message(state: State, row: int) -> State:
    return state._replace(messages=put(state.messages, row, state.messages[row] + 1))


# A create.


def _create_goes_on(state: State, rules: Rules, number: int, process: Process) -> Iterator[Step]:
    create = process.create
    if create is None:
        return

    def to(stage: CreateStage, after: State = state) -> State:
        changed = after.with_process(number, process._replace(create=create._replace(stage=stage)))
        return changed._replace(unheard=True) if stage == "unheard" else changed

    match create.stage:
        case "begun" if state.leader == number:
            yield "create_leaves", to("left")
        case "left":
            yield "create_is_lost", to("unheard")
            yield "create_is_refused", to("refused")
            yield "create_is_carried_out", to("carried", state._replace(created=state.created + 1))
        case "carried":
            yield "answer_comes", to("answered")
            yield "answer_is_lost", to("unheard")
        case "answered" | "refused" | "unheard":
            recorded = _recorded(state, rules, create)
            yield f"records_{create.stage}_unheard", recorded
            yield f"records_{create.stage}", recorded.with_process(number, process._replace(create=None))


def _recorded(state: State, rules: Rules, create: Create) -> State:
    job = state.job
    latest = job.token == create.token or not rules.token_is_compared
    if create.stage == "unheard" or job.state != "submitting" or not latest:
        return state
    changed = job._replace(state="wanted") if create.stage == "refused" else job._replace(state="running", task=OWN)
    return state._replace(job=changed)


# A send, of either row.


def _send_goes_on(state: State, rules: Rules, number: int, process: Process, row: int) -> Iterator[Step]:
    send = process.sends[row]
    if send is None:
        return

    def to(stage: SendStage | None, after: State = state) -> State:
        changed = None if stage is None else send._replace(stage=stage)
        return after.with_process(number, process._replace(sends=put(process.sends, row, changed)))

    match send.stage:
        case "begun" if state.leader == number:
            yield "calls", to("called")
        case "called":
            yield "call_is_lost", to("unheard")
            yield "call_is_carried_out", to("carried", _message(state, row))
        case "carried":
            yield "answer_comes", to("answered")
            yield "answer_is_lost", to("unheard")
        case "unheard":
            yield "is_in_doubt", to(None)
        case "answered":
            ours = state.rows[row]
            settled = ours.state == "processing" and ours.attempt == send.attempt
            yield "settles", to(None, _done(state, rules, row) if settled else state)


def _done(state: State, rules: Rules, row: int) -> State:
    after = state.with_row(row, state.rows[row]._replace(state="done"))
    if row == START or state.job.state != "ready" or not rules.row_ends_the_job:
        return after
    return after._replace(job=state.job._replace(state="delivered"))


# What only who leads does.


def _leader(state: State, rules: Rules, number: int, process: Process) -> Iterator[Step]:
    yield from _creates(state, rules, number, process)
    yield from _looks_at_doubt(state, rules, process)
    yield from _follows(state, rules, number, process)
    for row in (END, START):
        yield from _begins(state, rules, number, process, row)
        yield from _looks_for_send(state, rules, process, row)


def _creates(state: State, rules: Rules, number: int, process: Process) -> Iterator[Step]:
    job, create = state.job, process.create
    if create is None and job.state == "wanted":
        yield "gives_up", _ended(state, rules, "failed")
        if job.token < rules.creates:
            yield "asks_to_create", state.with_process(number, process._replace(create=Create("asked", job.token + 1)))
    if create is None or create.stage != "asked":
        return
    if job.state == "wanted":
        begun = state._replace(job=job._replace(state="submitting", epoch=state.epoch, token=create.token))
        yield "begin_create_unheard", begun
    elif job.state == "submitting" and (job.epoch, job.token) == (state.epoch, create.token):
        begun = state
    else:
        yield "may_not_create", state.with_process(number, process._replace(create=None))
        return
    yield "begin_create", begun.with_process(number, process._replace(create=Create("begun", create.token)))


def _looks_at_doubt(state: State, rules: Rules, process: Process) -> Iterator[Step]:
    job = state.job
    held = process.create is not None and process.create.token == job.token
    if job.state != "submitting" or (job.epoch == state.epoch and held and rules.own_create_is_held):
        return
    if job.hint == OWN:
        yield "identifies", state._replace(job=job._replace(state="running", task=OWN))
    if not rules.doubt_is_no_refusal:
        yield "creates_again", state._replace(job=job._replace(state="wanted"))
    if not (rules.given_up_late and (state.late_create or _creating(state))):
        # So long after it was begun that no call of it is under way any more, and what was heard is recorded.
        yield "knows_no_more", _ended(state, rules, "unknown")


def _creating(state: State) -> bool:
    stages = {process.create.stage for process in state.processes if process.create}
    return bool(stages & {"left", "carried", "answered", "refused"})


def _follows(state: State, rules: Rules, number: int, process: Process) -> Iterator[Step]:
    job = state.job
    if job.state == "running":
        if state.over and not process.result:
            yield "hears_result", state.with_process(number, process._replace(result=True))
        yield "task_has_failed", _ended(state, rules, "failed")
        if not rules.end_and_row_in_one_commit and state.over:
            yield "tells_the_end", state.with_row(END, Row("pending"))
    if process.result:
        forgotten = process._replace(result=False)
        ended = _ended(state, rules, "ready")
        yield "end_job_unheard", ended
        yield "end_job", ended.with_process(number, forgotten)


def _ended(state: State, rules: Rules, how: str) -> State:
    if state.job.state in OVER and rules.ends_once:
        return state
    after = state._replace(job=state.job._replace(state=how))  # type: ignore[arg-type]
    told = state.rows[END].state != "none" and rules.ends_once
    earlier = how == "ready" and not rules.end_and_row_in_one_commit
    return after if told or earlier else after.with_row(END, Row("pending"))


def _begins(state: State, rules: Rules, number: int, process: Process, row: int) -> Iterator[Step]:
    ours, other = state.rows[row], state.rows[1 - row]
    busy = other.state == "processing" and rules.one_lane
    waits = row == START and other.state in ("pending", "processing") and rules.row_of_the_end_is_older
    if ours.state != "pending" or ours.attempt >= rules.attempts or busy or waits or process.sends[row]:
        return
    begun = Row("processing", state.epoch, ours.attempt + 1)
    sends = put(process.sends, row, Send("begun", begun.attempt))
    after = state.with_row(row, begun).with_process(number, process._replace(sends=sends))
    yield f"begins({'end' if row == END else 'start'})", after._replace(crossed=other.state == "processing")


def _looks_for_send(state: State, rules: Rules, process: Process, row: int) -> Iterator[Step]:
    ours, send = state.rows[row], process.sends[row]
    held = send is not None and send.attempt == ours.attempt
    if ours.state != "processing" or (ours.epoch == state.epoch and held) or _sending(state, row):
        return
    if state.messages[row]:
        yield f"finds({'end' if row == END else 'start'})", _done(state, rules, row)
    else:
        yield f"finds_nothing({'end' if row == END else 'start'})", state.with_row(row, ours._replace(state="pending"))


def _sending(state: State, row: int) -> bool:
    """Whether a call for that row may still be carried out: looks are late enough for that."""
    calls = [process.sends[row] for process in state.processes]
    return state.late_sends[row] or any(call is not None and call.stage == "called" for call in calls)
