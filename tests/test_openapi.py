"""docs/openapi.yaml is the code's: every route with its method, and what the ops page is told, both ways."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
from quart_trio import QuartTrio

from fleet.fuzz.paths import document
from statemachine import State
from svc.callback_url import PREFIX
from svc.handler.job import JobState
from svc.intake.webhook import PATH
from svc.ops.actions import ACTIONS
from svc.ops.routes import add_ops
from svc.ops.sessions import COOKIE
from svc.reports import views
from svc.storage.orders import PauseScope
from tests.harness import Logs
from tests.serving import Server, our_app
from tests.test_ops_access import site_without_database

DOCUMENT = document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
TOLD = (
    views.LifeView,
    views.JobRow,
    views.JobView,
    views.MakerView,
    views.Found,
    views.DeadView,
    views.ActionRow,
)
WORDS = {"title", "description", "default"}
BY_MIDDLEWARE = {("post", PATH), ("post", f"{PREFIX}{{provider}}/{{job}}")}


def routes(app: QuartTrio) -> set[tuple[str, str]]:
    """Method and path of each route, but for those that only say that there is no such page."""
    return {
        (method.lower(), re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if "<path:" not in rule.rule
    }


async def test_every_route_is_in_the_file() -> None:
    """And nothing else is; the two paths that are no routes are middleware's."""
    documented = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    app = our_app(Server(Logs()))
    add_ops(app, site_without_database())
    assert documented == routes(app) | BY_MIDDLEWARE


def without_words(schema: Any) -> Any:
    """A schema without what is only read by people."""
    if isinstance(schema, dict):
        return {name: without_words(each) for name, each in schema.items() if name not in WORDS}
    return [without_words(each) for each in schema] if isinstance(schema, list) else schema


def test_what_the_page_is_told_is_in_the_file() -> None:
    """Each view with the types of its fields."""
    _, schemas = msgspec.json.schema_components(TOLD, ref_template="#/components/schemas/{name}")
    assert {name: SCHEMAS.get(name) for name in schemas} == without_words(schemas)


def test_what_may_be_named_is_in_the_file() -> None:
    """States, actions and what they are about; the cookie."""
    assert SCHEMAS["State"]["enum"] == [state.name for state in State]
    assert SCHEMAS["JobState"]["enum"] == list(get_args(JobState))
    assert SCHEMAS["Action"]["properties"]["action"]["enum"] == list(ACTIONS)
    assert SCHEMAS["Action"]["properties"]["scope"]["enum"] == list(get_args(PauseScope))
    assert DOCUMENT["components"]["securitySchemes"]["opsSession"]["name"] == COOKIE
