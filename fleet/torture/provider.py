"""The provider of the scene `jobs`: the stand-in for kie, with faults by their shares, and a list of its creates.

All instances reach it at one address. Its callbacks go to the instances in turn, as behind a load balancer.
"""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import trio

from fleet.instances import Fleet
from fleet.torture.jobs import Made
from sandbox.api import HttpResponse
from sandbox.http_client import HttpPoster
from sandbox.http_server import HttpRequest, serve
from sandbox.kie.app import DEMO_KEY, KieSandbox
from sandbox.kie.faults import FaultKind
from sandbox.webhooks import PostResult
from svc.callback_url import read_path

CREATE = "createTask"
FAULTS: tuple[tuple[FaultKind, dict[str, Any]], ...] = (
    (FaultKind.CODE, {"share": 0.05, "call": CREATE, "code": 429}),
    (FaultKind.CODE, {"share": 0.02, "call": CREATE, "code": 455}),
    (FaultKind.CUT_BEFORE, {"share": 0.02, "call": CREATE}),
    (FaultKind.CUT_AFTER, {"share": 0.03, "call": CREATE}),
    (FaultKind.CODE_AFTER, {"share": 0.01, "call": CREATE}),
    (FaultKind.SLOW, {"share": 0.05, "call": CREATE, "delay": 2.0}),
    (FaultKind.HTML, {"share": 0.1, "call": "recordInfo"}),
    (FaultKind.CALLBACK_EARLY, {"share": 0.05}),
    (FaultKind.CALLBACK_TWICE, {"share": 0.1}),
    (FaultKind.CALLBACK_NEVER, {"share": 0.2}),
    (FaultKind.CALLBACK_FORGED, {"share": 0.1}),
    (FaultKind.UNSEEN, {"share": 0.1, "delay": 5.0}),
    (FaultKind.FAILS, {"share": 0.03}),
    (FaultKind.NO_URLS, {"share": 0.02}),
    (FaultKind.RESULT_404, {"share": 0.05}),
    (FaultKind.RESULT_GONE, {"share": 0.02}),
)
NO_RESULT = frozenset({FaultKind.FAILS, FaultKind.NO_URLS, FaultKind.RESULT_GONE, FaultKind.RESULT_TOO_LARGE})
"""With these there is nothing to deliver."""
# A killed instance may have had a create on its way, or its answer unread.
AROUND_A_KILL = 3.0


@dataclass(frozen=True)
class CreateSeen:
    """A create that has arrived: for which job, when (Unix time), and whether an answer left that tells what it did."""

    job_id: int
    at: float
    answered: bool


class TorturedKie:
    """The stand-in and what it saw."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.kie = KieSandbox(seed=seed)
        self.creates: list[CreateSeen] = []
        self._fleet = fleet
        self._turn = itertools.count()

    async def run(self, *, task_status: trio.TaskStatus[dict[str, str]]) -> None:
        """Serve until cancelled; starts with the settings by which instances find it."""
        with closing(HttpPoster()) as poster:
            async with trio.open_nursery() as nursery:

                async def post(url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
                    return await self._call_back(poster, url, headers, body)

                await nursery.start(self.kie.run_callbacks, post)
                port = await nursery.start(serve, self._handle, 0)
                root = self.kie.files.base_url = f"http://127.0.0.1:{port}"
                task_status.started(
                    {"KIE_API_KEY": DEMO_KEY, "KIE_API_ROOT": root, "PUBLIC_URL": "https://bot.example"}
                )

    def make_trouble(self) -> None:
        """From now on calls and tasks go wrong by their shares."""
        for kind, settings in FAULTS:
            self.kie.faults.order(kind, count=None, **settings)

    def calm(self) -> None:
        """No more of it."""
        self.kie.faults.clear()

    def made(self) -> list[Made]:
        """All tasks."""
        now = self.kie.tasks.now()
        return [
            Made(
                _job_of(task.callback_url),
                task.ends_at if task.state(now) == "success" else None,
                frozenset(fault.value for fault in task.faults if fault in NO_RESULT),
            )
            for task in self.kie.tasks.all()
        ]

    def excuses(self, kills: list[float], handed_in: dict[int, float]) -> dict[int, str]:
        """The jobs of whose create nobody could know: its answer was cut off, or an instance was killed around it.

        `kills` and when each job was last handed in are Unix times.
        """
        found = {seen.job_id: "its answer was cut off" for seen in self.creates if not seen.answered}
        at = {seen.job_id: seen.at for seen in self.creates}
        for job_id, when in (handed_in | at).items():
            if any(abs(kill - when) < AROUND_A_KILL for kill in kills):
                found.setdefault(job_id, "an instance was killed")
        return found

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        if not request.target.endswith(CREATE):
            return await self.kie.handle(request)
        job_id, at, answered = _job_of(json.loads(request.body).get("callBackUrl")), self.kie.tasks.now(), False
        try:
            answer = await self.kie.handle(request)
            answered = answer.status == 200 and json.loads(answer.content)["code"] != 500
        finally:
            self.creates.append(CreateSeen(job_id, at, answered))
        return answer

    async def _call_back(self, poster: HttpPoster, url: str, headers: list[tuple[str, str]], body: bytes) -> PostResult:
        targets, first = list(self._fleet.targets), next(self._turn)
        for step in range(len(targets)):
            service = targets[(first + step) % len(targets)]
            try:
                return await poster.post(f"{service.url}{urlsplit(url).path}", headers, body)
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError("no instance is up")


def _job_of(url: str | None) -> int:
    path = read_path(urlsplit(url or "").path)
    return path.job_id if path is not None else 0
