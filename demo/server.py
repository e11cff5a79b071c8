"""The demo's page over HTTP, on the address of the stand-in for Telegram, so that the messenger is part of it.

    GET  /                   the page
    GET  /demo/actions       what can be done: a list of ActionView
    GET  /demo/stream        server-sent events: `system` (SystemView, twice a second), `plots` (SVG by name, once a
                             second), `log` (a list of LogLineView: what is new)
    POST /demo/do            {"action": "crash", "instance": "first"}; 409 with {"error": "..."} where it is refused
    POST /demo/load          {"rate": 20}
    POST /demo/tour          {"step": "deploy"}: answered at once, the stream tells how it goes; 409 while one runs

Everything else is the sandbox's: the Bot API, /user/..., /page/..., /stream/....
"""

from __future__ import annotations

import trio

from demo.system import System
from sandbox.http_server import serve


async def serve_page(
    system: System, port: int, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; starts with the address of the page."""
    async with trio.open_nursery() as nursery:
        bound: int = await nursery.start(serve, system.sandbox.handle, port)
        task_status.started(f"http://127.0.0.1:{bound}")
