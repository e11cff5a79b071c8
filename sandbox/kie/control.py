"""The control surface of the stand-in: what was created, and the faults to come.

GET    /control/tasks      the tasks, the oldest first; ?callback_url=http://... those of one address
GET    /control/creates    how many tasks were created for each callBackUrl ("" for none), and how many were refused
GET    /control/faults     what is ordered and not yet used up
POST   /control/faults     {"kind": "callback_twice", "count": null, "share": 0.1}
DELETE /control/faults     take all orders back
GET    /control/durations  how many seconds tasks take
POST   /control/durations  {"image": 0.5, "video": 1}: for those that are created from now on
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sandbox.api import HttpResponse
from sandbox.control.reading import error_answer, json_answer, object_of, query_of
from sandbox.http_server import HttpRequest
from sandbox.kie.faults import Faults
from sandbox.kie.tasks import Task, Tasks


class Control:
    """Answers every request under /control."""

    def __init__(self, tasks: Tasks, faults: Faults) -> None:
        self._tasks = tasks
        self._faults = faults
        self._routes = {
            ("GET", "tasks"): self._list_tasks,
            ("GET", "creates"): self._count_creates,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._order_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "durations"): self._show_durations,
            ("POST", "durations"): self._change_durations,
        }

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; what is wrong with it is said in a JSON `error`."""
        path, _, _ = request.target.partition("?")
        route = self._routes.get((request.method, path.removeprefix("/control/")))
        if route is None:
            return error_answer(404, "no such page")
        try:
            return json_answer(200, route(request))
        except (ValueError, TypeError, RecursionError) as problem:
            return error_answer(400, str(problem))

    def _list_tasks(self, request: HttpRequest) -> Any:
        asked = query_of(request).get("callback_url")
        now = self._tasks.now()
        tasks = [task for task in self._tasks.all() if asked is None or task.callback_url == asked]
        return {"tasks": [_shown(task, now) for task in tasks]}

    def _count_creates(self, request: HttpRequest) -> Any:
        return {"creates": self._tasks.creates(), "refused": self._tasks.refused}

    def _list_faults(self, request: HttpRequest) -> Any:
        return {"faults": [asdict(fault) for fault in self._faults.rules]}

    def _order_fault(self, request: HttpRequest) -> Any:
        wanted = object_of(request)
        return asdict(self._faults.order(wanted.pop("kind", ""), **wanted))

    def _clear_faults(self, request: HttpRequest) -> Any:
        self._faults.clear()
        return self._list_faults(request)

    def _show_durations(self, request: HttpRequest) -> Any:
        return asdict(self._tasks.durations)

    def _change_durations(self, request: HttpRequest) -> Any:
        self._tasks.durations = replace(self._tasks.durations, **object_of(request))
        return self._show_durations(request)


def _shown(task: Task, now: float) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "model": task.model,
        "input": task.request["input"],
        "callback_url": task.callback_url,
        "state": task.state(now),
        "created_at": task.created_at,
        "ends_at": task.ends_at,
        "faults": sorted(task.faults),
        "callbacks": task.callbacks,
        "fetched": task.fetched,
    }
