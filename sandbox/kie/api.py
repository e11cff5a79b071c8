"""kie as a client meets it: one request in, one reply out, with the faults that were ordered."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote

import trio

from sandbox.api import HTML_PAGE, ConnectionCut, HttpResponse
from sandbox.http_server import HttpRequest
from sandbox.kie.callbacks import Callbacks
from sandbox.kie.faults import Fault, FaultKind, Faults
from sandbox.kie.files import Files
from sandbox.kie.tasks import Tasks, TooMany

HANG = 600.0
"""Seconds after which even a hanging call ends, by a closed connection."""
PRICE = 1.0
"""Credits of a task."""

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?')


class CallFailed(Exception):
    """A call is answered with this code and these words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Api:
    """The calls of one account, whose key is `key`, and the files."""

    def __init__(self, key: str, tasks: Tasks, files: Files, faults: Faults, callbacks: Callbacks) -> None:
        self.credits = 100_000.0
        self._authorization = f"Bearer {key}"
        self._tasks = tasks
        self._files = files
        self._faults = faults
        self._callbacks = callbacks
        self._calls: dict[tuple[str, str], Callable[[HttpRequest], Any]] = {
            ("GET", "/api/v1/jobs/recordInfo"): self._record_info,
            ("GET", "/api/v1/chat/credit"): lambda _: self.credits,
            ("POST", "/api/v1/common/download-url"): self._download_url,
            ("POST", "/api/file-stream-upload"): self._upload,
        }

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Perform one request. May wait, because a fault says so. Raises ConnectionCut."""
        path, _, _ = request.target.partition("?")
        if path.startswith(("/files/", "/fresh/")) and request.method in ("GET", "HEAD"):
            file = self._files.get(path)
            return HttpResponse(file.status, [("Content-Type", file.content_type)], file.content)
        fault = self._faults.of_call(path.rpartition("/")[2])
        if fault is not None and fault.kind in (FaultKind.HTML, FaultKind.CUT_BEFORE, FaultKind.HANG, FaultKind.CODE):
            return await self._instead(fault)
        reply = await self._perform(path, request)
        return reply if fault is None else await self._afterwards(fault, reply)

    async def _perform(self, path: str, request: HttpRequest) -> HttpResponse:
        try:
            if request.headers.get("authorization") != self._authorization:
                raise CallFailed(401, "You do not have access permissions")
            if (request.method, path) == ("POST", "/api/v1/jobs/createTask"):
                return _envelope(200, "success", await self._create(request))
            call = self._calls.get((request.method, path))
            if call is None:
                raise CallFailed(404, "Not Found")
            return _envelope(200, "success", call(request), word="message" if call == self._record_info else "msg")
        except CallFailed as failed:
            return _envelope(failed.code, failed.message, None)

    async def _instead(self, fault: Fault) -> HttpResponse:
        """What comes in place of the call's own answer, and of its effect."""
        if fault.kind is FaultKind.HTML:
            return HttpResponse(502, [("Content-Type", "text/html")], HTML_PAGE)
        if fault.kind is FaultKind.CODE:
            return _envelope(fault.code, fault.message, None, status=fault.status)
        if fault.kind is FaultKind.HANG:
            await trio.sleep(HANG)
        raise ConnectionCut

    async def _afterwards(self, fault: Fault, reply: HttpResponse) -> HttpResponse:
        """What comes after the call had its effect."""
        if fault.kind is FaultKind.CUT_AFTER:
            raise ConnectionCut
        if fault.kind is FaultKind.CODE_AFTER:
            return _envelope(fault.code, fault.message, None, status=fault.status)
        await trio.sleep(fault.delay)
        return reply

    async def _create(self, request: HttpRequest) -> dict[str, str]:
        wanted = _object(request)
        model, given, callback_url = wanted.get("model"), wanted.get("input"), wanted.get("callBackUrl")
        if not isinstance(model, str) or not model:
            raise CallFailed(422, "The model name you specified is not supported.")
        if not isinstance(given, dict):
            raise CallFailed(422, "input is required")
        if not isinstance(callback_url, str | None):
            raise CallFailed(422, "callBackUrl must be a string")
        if self.credits < PRICE:
            raise CallFailed(402, "Credits insufficient")
        try:
            task = self._tasks.create(wanted, self._faults.of_task(model))
        except TooMany:
            raise CallFailed(429, "Your call frequency is too high. Please try again later.") from None
        self.credits -= PRICE
        self._callbacks.follow(task)
        if FaultKind.CALLBACK_EARLY in task.faults:
            await self._callbacks.tell(task)
        return {"taskId": task.task_id}

    def _record_info(self, request: HttpRequest) -> dict[str, Any]:
        _, _, query = request.target.partition("?")
        task = self._tasks.get(parse_qs(query).get("taskId", [""])[-1])
        now = self._tasks.now()
        if task is None or not task.is_visible(now):
            raise CallFailed(422, "recordInfo is null")
        return task.record(now, self._files.base_url)

    def _download_url(self, request: HttpRequest) -> str:
        url = _object(request).get("url")
        fresh = self._files.fresh_url(url) if isinstance(url, str) else None
        if fresh is None:
            raise CallFailed(422, "The url is not one of a generated file")
        return fresh

    def _upload(self, request: HttpRequest) -> dict[str, Any]:
        parts = _parts(request)
        file = parts.get("file")
        folder, name = _text(parts, "uploadPath"), _text(parts, "fileName")
        if file is None or not folder:
            raise CallFailed(400, "file and uploadPath are required")
        name = name or file[0] or secrets.token_hex(8)
        path = f"/files/uploads/{secrets.token_hex(8)}/{quote(folder)}/{quote(name, safe='')}"
        self._files.keep(path, file[1], "application/octet-stream")
        return {
            "fileName": name,
            "filePath": f"{folder}/{name}",
            "downloadUrl": self._files.base_url + path,
            "fileSize": len(file[1]),
            "mimeType": "application/octet-stream",
        }


def _object(request: HttpRequest) -> dict[str, Any]:
    try:
        wanted = json.loads(request.body)
    except (ValueError, RecursionError):
        raise CallFailed(400, "the body is not JSON") from None
    if not isinstance(wanted, dict):
        raise CallFailed(400, "the body is not an object")
    return wanted


def _parts(request: HttpRequest) -> dict[str, tuple[str, bytes]]:
    """The fields of a form: the name of the file ("" for none) and the content of each."""
    boundary = _BOUNDARY.search(request.content_type)
    if boundary is None or "multipart/form-data" not in request.content_type:
        raise CallFailed(400, "a form is expected")
    parts: dict[str, tuple[str, bytes]] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        words = dict(re.findall(r'(\w+)="([^"]*)"', head.decode("utf-8", "replace")))
        if "name" in words:
            parts[words["name"]] = words.get("filename", ""), content
    return parts


def _text(parts: dict[str, tuple[str, bytes]], field: str) -> str:
    return parts[field][1].decode("utf-8", "replace") if field in parts else ""


def _envelope(code: int, message: str, data: Any, *, word: str = "msg", status: int = 200) -> HttpResponse:
    content = json.dumps({"code": code, word: message, "data": data}).encode()
    return HttpResponse(status, [("Content-Type", "application/json")], content)
