"""The tasks: what was asked for, and how each goes, which follows from the time alone."""

from __future__ import annotations

import json
import random
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import Clock
from sandbox.kie.faults import Fault, FaultKind
from sandbox.kie.works import Work, work_of

MAX_TASKS = 10_000
MAX_RUNNING = 100
"""Tasks of an account at once ("about 100", docs.kie.ai)."""
CREATES, CREATES_PERIOD = 20, 10.0
"""Creates of an account in so many seconds; more are refused, not queued."""

# The share of a task's time in which it is in each state.
_STATES = ((0.1, "waiting"), (0.25, "queuing"), (1.0, "generating"))
STRANGE_STATE = "postprocessing"


@dataclass(slots=True)
class Durations:
    """Seconds that a task takes, by what it makes."""

    image: float = 2.0
    video: float = 6.0
    audio: float = 2.0

    def __post_init__(self) -> None:
        for seconds in (self.image, self.video, self.audio):
            if not isinstance(seconds, int | float) or not 0 <= seconds <= 86_400:
                raise ValueError("a duration is 0 to 86400 s")


@dataclass(slots=True)
class Task:
    """One task. Times are Unix times; `request` is the whole body of its create."""

    task_id: str
    request: Mapping[str, Any]
    work: Work
    faults: Mapping[FaultKind, Fault]
    created_at: float
    ends_at: float
    callbacks: list[int] = field(default_factory=list)
    """The HTTP status that each callback was answered with; 0 where there was no answer."""
    fetched: int = 0
    """How often one of its addresses was asked for, and answered."""

    @property
    def model(self) -> str:
        """The model's id."""
        return str(self.request["model"])

    @property
    def callback_url(self) -> str | None:
        """Where its end is told."""
        url = self.request.get("callBackUrl")
        return url if isinstance(url, str) else None

    def is_over(self, now: float) -> bool:
        """Whether it has ended."""
        return now >= self.ends_at

    def state(self, now: float) -> str:
        """The word for how it goes."""
        if self.is_over(now):
            return "fail" if FaultKind.FAILS in self.faults else "success"
        if FaultKind.STRANGE_STATE in self.faults:
            return STRANGE_STATE
        return next(word for share, word in _STATES if self.share(now) < share)

    def share(self, now: float) -> float:
        """How much of its time is over, from 0 to 1."""
        if self.is_over(now):
            return 1.0
        return max(now - self.created_at, 0.0) / (self.ends_at - self.created_at)

    def is_visible(self, now: float) -> bool:
        """Whether recordInfo knows it already."""
        unseen = self.faults.get(FaultKind.UNSEEN)
        return unseen is None or now >= self.created_at + unseen.delay

    def record(self, now: float, base_url: str) -> dict[str, Any]:
        """Its record, as recordInfo tells it."""
        state = self.state(now)
        failure = self.faults[FaultKind.FAILS] if state == "fail" else None
        over_at = round(self.ends_at * 1000) if self.is_over(now) else None
        return {
            "taskId": self.task_id,
            "model": self.model,
            "state": state,
            "param": json.dumps(self.request),
            "resultJson": json.dumps(self._result(base_url)) if state == "success" else None if failure else "",
            "failCode": str(failure.code) if failure else None,
            "failMsg": failure.message if failure else None,
            "costTime": round((self.ends_at - self.created_at) * 1000) if over_at else None,
            "completeTime": over_at,
            "createTime": round(self.created_at * 1000),
            "updateTime": round(min(now, self.ends_at) * 1000),
            "progress": round(100 * self.share(now)),
        }

    def _result(self, base_url: str) -> dict[str, Any]:
        if FaultKind.NO_URLS in self.faults:
            return {"resultUrls": []}
        names = [f"{self.task_id}-{number}.{self.work.suffix}" for number in range(1, self.work.count + 1)]
        return {"resultUrls": [f"{base_url}/files/{name}" for name in names]}


class TooMany(Exception):
    """A limit of the account is reached: 429, and nothing is queued."""


class Tasks:
    """The last 10,000 tasks. `rng` makes their ids."""

    def __init__(self, now: Clock, rng: random.Random) -> None:
        self.now = now
        self.durations = Durations()
        self.refused = 0
        """Creates that were refused for a limit."""
        self._rng = rng
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._created_at: deque[float] = deque()
        self._going: dict[str, Task] = {}

    def create(self, request: Mapping[str, Any], faults: Mapping[FaultKind, Fault]) -> Task:
        """A new task for this request. Raises TooMany."""
        now = self.now()
        self._check_limits(now)
        work = work_of(request["model"], request["input"])
        seconds: float = getattr(self.durations, work.kind)
        if FaultKind.LONG in faults:
            seconds += faults[FaultKind.LONG].delay
        if FaultKind.CALLBACK_EARLY in faults:
            seconds = 0.0
        task = Task(f"{self._rng.getrandbits(128):032x}", request, work, faults, now, now + seconds)
        self._tasks[task.task_id] = self._going[task.task_id] = task
        if len(self._tasks) > MAX_TASKS:
            self._tasks.popitem(last=False)
        return task

    def get(self, task_id: str) -> Task | None:
        """The task with this id."""
        return self._tasks.get(task_id)

    def all(self) -> list[Task]:
        """All that are kept, the oldest first."""
        return list(self._tasks.values())

    def running(self) -> int:
        """How many are not over."""
        now = self.now()
        self._going = {task_id: task for task_id, task in self._going.items() if not task.is_over(now)}
        return len(self._going)

    def creates(self) -> Counter[str]:
        """How many tasks were created for each callBackUrl ("" for none)."""
        return Counter(task.callback_url or "" for task in self._tasks.values())

    def _check_limits(self, now: float) -> None:
        while self._created_at and self._created_at[0] <= now - CREATES_PERIOD:
            self._created_at.popleft()
        if len(self._created_at) >= CREATES or self.running() >= MAX_RUNNING:
            self.refused += 1
            raise TooMany
        self._created_at.append(now)
