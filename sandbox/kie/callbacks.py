"""Callbacks: the end of each task is posted to its callBackUrl, with the misfortunes that were ordered for it.

A callback has 15 s to be answered with 2xx and is sent a few times (docs.kie.ai of other products; for this one it is
not published). Ids are written `taskId` in one half of the callbacks and `task_id` in the other, as clients meet both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import trio

from sandbox.kie.faults import FaultKind
from sandbox.kie.tasks import Task, Tasks
from sandbox.webhooks import Post

ANSWER_TIMEOUT = 15.0
PAUSES = (3.0, 10.0, 30.0)
"""Seconds before each further try."""
FORGED_URL = "http://127.0.0.1:9/forged.png"


class Callbacks:
    """Sends callbacks while `run` runs. With a `key` they are signed with it."""

    def __init__(self, tasks: Tasks, base_url: Callable[[], str], key: str | None) -> None:
        self._tasks = tasks
        self._base_url = base_url
        self._key = key
        self._post: Post | None = None
        self._nursery: trio.Nursery | None = None

    async def run(self, post: Post, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send through `post` until cancelled. Tasks that were created before get no callback."""
        async with trio.open_nursery() as nursery:
            self._nursery, self._post = nursery, post
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = self._post = None

    def follow(self, task: Task) -> None:
        """Send what is to be sent of a new task, in time."""
        # As many as there are tasks that run, and those whose callbacks are being tried again: bounded by the creates.
        if self._nursery is not None and task.callback_url is not None:
            self._nursery.start_soon(self._follow, task)

    async def tell(self, task: Task) -> bool:
        """Send one callback of a task that is over, in one try; whether it was taken."""
        return await self._send(task, self._body(task), self._key)

    async def _follow(self, task: Task) -> None:
        if FaultKind.CALLBACK_FORGED in task.faults:
            await self._sleep_until((task.created_at + task.ends_at) / 2)
            await self._send(task, _forged(task), "not the key" if self._key else None)
        await self._sleep_until(task.ends_at)
        if FaultKind.CALLBACK_NEVER in task.faults:
            return
        if FaultKind.CALLBACK_EARLY not in task.faults:  # it was told of before its create was answered
            await self._tell_until_taken(task)
        if FaultKind.CALLBACK_TWICE in task.faults:
            await self._tell_until_taken(task)

    async def _tell_until_taken(self, task: Task) -> None:
        for pause in (*PAUSES, None):
            if await self.tell(task) or pause is None:
                return
            await trio.sleep(pause)

    async def _sleep_until(self, when: float) -> None:
        # More than once where a Unix time is too coarse for the last bit of the wait.
        while (left := when - self._tasks.now()) > 0:  # noqa: ASYNC110 (nothing but time is waited for)
            await trio.sleep(left)

    async def _send(self, task: Task, body: dict[str, Any], key: str | None) -> bool:
        url = task.callback_url
        if self._post is None or url is None:
            return False
        content = json.dumps(body).encode()
        headers = [
            ("Host", urlsplit(url).netloc),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(content))),
        ]
        if key is not None:
            headers += self._signed(_id_in(body), key)
        status = 0
        try:
            with trio.move_on_after(ANSWER_TIMEOUT):
                status = (await self._post(url, headers, content)).status
        except OSError:
            pass  # nobody is there; it is tried again
        task.callbacks.append(status)
        return 200 <= status < 300

    def _signed(self, task_id: str, key: str) -> list[tuple[str, str]]:
        timestamp = str(int(self._tasks.now()))
        signature = hmac.digest(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
        return [
            ("X-Webhook-Timestamp", timestamp),
            ("X-Webhook-Signature", base64.b64encode(signature).decode()),
        ]

    def _body(self, task: Task) -> dict[str, Any]:
        record = task.record(self._tasks.now(), self._base_url())
        record["costTime"] = round(task.ends_at - task.created_at)  # in seconds here, for once
        if int(task.task_id, 16) % 2:
            record["task_id"] = record.pop("taskId")
        if record["state"] == "success":
            return {"code": 200, "msg": "Playground task completed successfully.", "data": record}
        return {"code": 501, "msg": "Playground task failed.", "data": record}


def _forged(task: Task) -> dict[str, Any]:
    """What somebody sends who knows the address: a task that is none, made, somewhere else."""
    record = {
        "taskId": hashlib.md5(task.task_id.encode()).hexdigest(),
        "model": task.model,
        "state": "success",
        "param": json.dumps(task.request),
        "resultJson": json.dumps({"resultUrls": [FORGED_URL]}),
    }
    return {"code": 200, "msg": "Playground task completed successfully.", "data": record}


def _id_in(body: dict[str, Any]) -> str:
    data = body["data"]
    return str(data.get("taskId") or data.get("task_id"))
