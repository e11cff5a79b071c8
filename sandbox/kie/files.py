"""The files that are served: what was uploaded, and what tasks have made, which is drawn when it is first asked for."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache

from sandbox.kie.faults import FaultKind
from sandbox.kie.tasks import Task, Tasks
from sandbox.kie.works import CONTENT_TYPES, make

MAX_BYTES = 200 * 1024 * 1024
"""Of all files together; the oldest go first. One of a task's is drawn anew when it is asked for again."""
TOO_LARGE = 60 * 1024 * 1024
FRESH = 20 * 60.0
"""Seconds for which a fresh address is good (docs.kie.ai)."""

_RESULT = re.compile(r"/files/([0-9a-f]{32})-([1-9])\.[a-z0-9]+")
_FRESH = re.compile(r"/fresh/([0-9]{1,12})(/files/.+)")


@dataclass(frozen=True, slots=True)
class File:
    """What a GET of an address answers."""

    status: int
    content: bytes = b""
    content_type: str = "text/plain"


class Files:
    """All files by the paths of their addresses. `base_url` is what stands in front of the paths."""

    def __init__(self, tasks: Tasks, base_url: str) -> None:
        self.base_url = base_url
        self._tasks = tasks
        self._kept: OrderedDict[str, File] = OrderedDict()
        self._size = 0

    def keep(self, path: str, content: bytes, content_type: str) -> File:
        """Keep a file under this path."""
        self._forget(path)
        self._kept[path] = file = File(200, content, content_type)
        self._size += len(content)
        while self._size > MAX_BYTES:
            self._forget(next(iter(self._kept)))
        return file

    def get(self, path: str) -> File:
        """The file at this path, or why there is none."""
        match = _FRESH.fullmatch(path)
        if match is None:
            return self._get(path, fresh=False)
        return self._get(match[2], fresh=True) if self._tasks.now() < int(match[1]) else File(403)

    def fresh_url(self, url: str) -> str | None:
        """Another address of a task's file; None if there is no such file."""
        path = url.removeprefix(self.base_url)
        if self._task_of(path) is None:
            return None
        return f"{self.base_url}/fresh/{int(self._tasks.now() + FRESH)}{path}"

    def _get(self, path: str, *, fresh: bool) -> File:
        task = self._task_of(path)
        if task is None:
            return self._kept.get(path, File(404))
        if FaultKind.RESULT_GONE in task.faults or (FaultKind.RESULT_404 in task.faults and not fresh):
            return File(404)
        if FaultKind.RESULT_403 in task.faults and not fresh:
            return File(403)
        task.fetched += 1
        content_type = CONTENT_TYPES[task.work.suffix]
        if FaultKind.RESULT_TOO_LARGE in task.faults:
            return File(200, _too_large(), content_type)
        return self._kept.get(path) or self.keep(path, self._made(task, path), content_type)

    def _task_of(self, path: str) -> Task | None:
        """The task that has made the file at this path."""
        match = _RESULT.fullmatch(path)
        task = self._tasks.get(match[1]) if match else None
        if match is None or task is None or task.state(self._tasks.now()) != "success":
            return None
        return task if int(match[2]) <= task.work.count and path.endswith(f".{task.work.suffix}") else None

    def _made(self, task: Task, path: str) -> bytes:
        match = _RESULT.fullmatch(path)
        assert match is not None
        return make(task.model, task.request["input"], task.work, int(match[2]), self._find)

    def _find(self, url: str) -> bytes | None:
        """A file that a task was given, if it is one of those kept here: nothing is fetched from elsewhere."""
        file = self._kept.get(url.removeprefix(self.base_url))
        return file.content if file is not None else None

    def _forget(self, path: str) -> None:
        file = self._kept.pop(path, None)
        if file is not None:
            self._size -= len(file.content)


@cache
def _too_large() -> bytes:
    return bytes(TOO_LARGE)
