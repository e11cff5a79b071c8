"""The state of the model of jobs, as immutable tuples."""

from __future__ import annotations

from typing import Literal, NamedTuple

JobState = Literal["none", "wanted", "submitting", "running", "ready", "delivered", "failed", "unknown"]
OVER: tuple[JobState, ...] = ("ready", "delivered", "failed", "unknown")

OWN = 1
ANOTHERS = 2
"""Tasks at the provider: none is 0."""

END, START = 0, 1
"""The rows of the chat: the one that tells of the job's end, and an update that comes at any time."""


class Job(NamedTuple):
    """Its row. `epoch` and `token` are those of the latest create; `hint` is the task that a callback has named."""

    state: JobState = "none"
    epoch: int = 0
    token: int = 0
    task: int = 0
    hint: int = 0


class Row(NamedTuple):
    """A row of the inbox; `epoch` and `attempt` are those of the latest attempt."""

    state: Literal["none", "pending", "processing", "done"] = "none"
    epoch: int = 0
    attempt: int = 0


CreateStage = Literal["asked", "begun", "left", "carried", "answered", "refused", "unheard"]
SendStage = Literal["begun", "called", "carried", "answered", "unheard"]


class Create(NamedTuple):
    """A create that a process is making. asked: its row is to be marked. begun: it is. left: the call is on its way.
    carried: the provider has done it. answered, refused: that was heard. unheard: no answer will come.
    """

    stage: CreateStage
    token: int


class Send(NamedTuple):
    """A message that a worker sends for an attempt at a row."""

    stage: SendStage
    attempt: int


class Process(NamedTuple):
    """The memory of one process. `result`: it has heard that the task is over, and is about to end the job."""

    create: Create | None = None
    sends: tuple[Send | None, Send | None] = (None, None)
    result: bool = False


FRESH = Process()


class State(NamedTuple):
    """Everything. `late` are calls that may still be carried out, though whoever made them is gone."""

    asked: Literal["begun", "done"] = "begun"
    """The update that asks for the job."""
    job: Job = Job()
    rows: tuple[Row, Row] = (Row(), Row())
    epoch: int = 0
    leader: int = -1
    processes: tuple[Process, Process] = (FRESH, FRESH)
    late_create: bool = False
    late_sends: tuple[bool, bool] = (False, False)
    created: int = 0
    """Tasks that the provider has made for it."""
    over: bool = False
    """Its task has ended there."""
    messages: tuple[int, int] = (0, 0)
    """What the person was sent for each row."""
    unheard: bool = False
    """Of a create that was begun nobody has recorded what became of it."""
    crossed: bool = False
    """Two sends of the chat were under way at once."""

    def with_process(self, number: int, process: Process) -> State:
        """The same with one process changed."""
        return self._replace(processes=put(self.processes, number, process))

    def with_row(self, number: int, row: Row) -> State:
        """The same with one row changed."""
        return self._replace(rows=put(self.rows, number, row))


def put(pair: tuple, number: int, value: object) -> tuple:  # type: ignore[type-arg]
    """The pair with one of its two changed."""
    return (value, pair[1]) if number == 0 else (pair[0], value)
