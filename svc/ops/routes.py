"""The ops page over HTTP, as a part of the Quart-Trio application.

    GET  /ops                   the page
    GET  /ops/page/NAME         its style sheets and modules; those of the plots are among them
    GET  /ops/stream?hours=1    server-sent events (see stream.py); hours: 0.25, 1, 6, 24, 168
    GET  /ops/states            {"states": [...], "edges": [{"source", "target", "trigger", "meaning"}]}
    GET  /ops/search?q=TEXT     Found
    GET  /ops/updates/ID        LifeView; 404
    GET  /ops/jobs/ID           JobView; 404
    GET  /ops/jobs?state=NAME   a list of JobRow, 50 at most: what goes on by when it is looked at next, else the latest
    GET  /ops/makers            a list of MakerView: what the latest jobs are made with
    GET  /ops/dead?reason=TEXT&older_than=HOURS&younger_than=HOURS    DeadView, of 100 rows at most
    GET  /ops/actions           a list of ActionRow, the latest 50
    POST /ops/act               {"action": NAME, ...}: 200 {"done": "in a sentence"}, 409 {"error": "..."}, 400;
                                it is done to its end, whoever waits for that (see under_way.py)
                                pause {"scope", "name", "reason"}, resume {"scope", "name"}, step_down {},
                                replay or discard {"ids": [...]} or {"reason", "older_than", "younger_than", "expected":
                                how many the operator was told that fit; 409 with {"error", "fitting"} where that
                                differs by now}, cancel_job {"job_id"}
    POST /ops/login             the form: token, name; 303 to /ops with a cookie, 401, 429 with Retry-After
    POST /ops/logout            303 to /ops

Errors are JSON with an `error`, but for the login's. What is not allowed is decided by access.py before any of these.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial, wraps
from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from statemachine import EDGES, State
from svc.actions.orders import CannotBeDone
from svc.actions.record import Operator, latest_actions
from svc.ops import actions, request_fields
from svc.ops.details import dead_view, found_view, job_view, jobs_in, life_view
from svc.ops.door import Door, visitor
from svc.ops.masking import shown_json
from svc.ops.plots import WINDOWS
from svc.ops.request_fields import BadRequest
from svc.ops.security_headers import HEADERS
from svc.ops.site import Site
from svc.ops.stream import PageStream
from svc.ops.topics import OVERVIEW, plots_of
from svc.reports.jobs import makers
from svc.reports.search import asked_for
from svc.reports.views import ActionRow
from svc.storage.errors import DatabaseUnavailable

ACTIONS_SHOWN = 50
MOST_BYTES = 64 * 1024
"""Of a request's body."""

BODY_DEADLINE = 10
"""Seconds in which it must have come."""

Route = Callable[..., Awaitable[ResponseReturnValue]]


def add_ops(app: QuartTrio, site: Site) -> None:
    """Add the page to an application, which serves no other requests with a body."""
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["BODY_TIMEOUT"] = BODY_DEADLINE
    app.register_blueprint(_blueprint(site, Door(site.token, site.proxies, site.templates)))

    @app.after_request
    async def guarded(answer: Response) -> Response:
        # Also what no route has answered: a wrong method, a page that there is not.
        if request.path == "/ops" or request.path.startswith("/ops/"):
            answer.headers.update(HEADERS)
            if answer.is_json:
                answer.set_data(json.dumps(shown_json(await answer.get_json(), site.hide)))
        return answer


def _blueprint(site: Site, door: Door) -> Blueprint:
    """All routes below /ops, behind `door`."""
    pages = Blueprint("ops", __name__, url_prefix="/ops")
    pages.before_request(door.check)
    pages.get("")(door.page)
    pages.get("/")(door.to_the_page)
    pages.post("/login")(door.login)
    pages.post("/logout")(door.logout)
    _add_files(pages, site)
    _add_stream(pages, site)
    _add_reading(pages, site)
    _add_acting(pages, site)
    return pages


def _answering(route: Route) -> Route:
    """A route, with what can go wrong in it as JSON with an `error`."""

    @wraps(route)
    async def answered(**names: Any) -> ResponseReturnValue:
        try:
            return await route(**names)
        except (BadRequest, ValueError) as error:
            return {"error": str(error)}, 400
        except actions.ChangedMeanwhile as error:
            return {"error": str(error), "fitting": error.fitting}, 409
        except CannotBeDone as error:
            return {"error": str(error)}, 409
        except HTTPException as error:
            return {"error": error.name.lower()}, error.code or 500
        except DatabaseUnavailable as error:
            return {"error": f"the database does not answer ({error})"}, 503

    return answered


def _add_files(pages: Blueprint, site: Site) -> None:
    @pages.get("/page/<name>")
    async def file(name: str) -> ResponseReturnValue:
        found = site.files.get(name)
        return Response(found[0], content_type=found[1]) if found else ({"error": "no such page"}, 404)

    @pages.get("/<path:rest>")
    async def nothing(rest: str) -> ResponseReturnValue:
        return {"error": "no such page"}, 404


def _add_stream(pages: Blueprint, site: Site) -> None:
    @pages.get("/stream")
    @_answering
    async def stream() -> ResponseReturnValue:
        hours = request.args.get("hours", str(WINDOWS[0]))
        if hours not in map(str, WINDOWS):
            raise BadRequest(f"hours must be one of {', '.join(map(str, WINDOWS))}")
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        if site.streams.full:
            return {"error": "too many pages are open"}, 503
        topics = [site.watch.topics[OVERVIEW], site.watch.topics[plots_of(float(hours))]]
        body = PageStream(site.streams, topics, seconds=visitor().seconds_left)
        response = Response(body, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        response.timeout = None
        return response


def _add_reading(pages: Blueprint, site: Site) -> None:
    @pages.get("/states")
    async def states() -> ResponseReturnValue:
        edges = [
            {"source": source.name, "target": edge.target.name, "trigger": edge.trigger, "meaning": edge.meaning}
            for edge in EDGES
            for source in edge.sources
        ]
        return {"states": [state.name for state in State], "edges": edges}

    @pages.get("/search")
    @_answering
    async def search_page() -> ResponseReturnValue:
        return asdict(await found_view(site.database, site.bot_id, asked_for(request.args.get("q", ""))))

    @pages.get("/updates/<int(signed=True):number>")
    @_answering
    async def update(number: int) -> ResponseReturnValue:
        view = await life_view(
            site.database, site.bot_id, request_fields.number({"update": number}, "update"), site.hide
        )
        return asdict(view) if view else ({"error": f"nothing is known of update {number}"}, 404)

    @pages.get("/jobs/<int:number>")
    @_answering
    async def job(number: int) -> ResponseReturnValue:
        view = await job_view(site.database, site.bot_id, request_fields.number({"job": number}, "job"), site.hide)
        return asdict(view) if view else ({"error": f"nothing is known of job {number}"}, 404)

    @pages.get("/jobs")
    @_answering
    async def jobs() -> ResponseReturnValue:
        state = request_fields.job_state(request.args)
        return [asdict(row) for row in await jobs_in(site.database, site.bot_id, state)]

    @pages.get("/makers")
    @_answering
    async def all_makers() -> ResponseReturnValue:
        return [asdict(row) for row in await makers(site.database, site.bot_id)]

    @pages.get("/dead")
    @_answering
    async def dead() -> ResponseReturnValue:
        chosen = request_fields.selection(request.args)
        return asdict(await dead_view(site.database, site.bot_id, chosen, site.hide))

    @pages.get("/actions")
    @_answering
    async def latest() -> ResponseReturnValue:
        rows = await latest_actions(site.database, site.bot_id, ACTIONS_SHOWN)
        return [asdict(_action_row(row)) for row in rows]


def _action_row(row: dict[str, Any]) -> ActionRow:
    names = ("operator", "via", "action", "detail", "outcome")
    return ActionRow(at=row["at"].isoformat(), **{name: row[name] for name in names})


def _add_acting(pages: Blueprint, site: Site) -> None:
    @pages.post("/act")
    @_answering
    async def act() -> ResponseReturnValue:
        if request.mimetype != "application/json":
            raise BadRequest("the request must be JSON (Content-Type: application/json)")
        asked = request_fields.json_object(await request.get_data())
        context = actions.Context(site.database, site.bot_id, Operator(visitor().operator, "page"))
        name, action = actions.action(asked)
        return {"done": await site.under_way.do(name, partial(action, context, asked))}
