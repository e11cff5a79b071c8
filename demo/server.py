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

from demo.system import System


async def serve_page(system: System, port: int) -> None:
    """Serve until cancelled; starts with the address of the page."""
    raise NotImplementedError
