"""All HTTP paths of a real instance, asked as docs/openapi.yaml has them and as it does not (schemathesis).

Whatever is asked, no status comes but those that the file has for it, with the content that it has for them, and no 5xx
but 503.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis
import trio
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure, FailureGroup

from fleet.fuzz import judgement
from fleet.fuzz.findings import Row
from fleet.instances import running_fleet
from fleet.process import SECRET, THIS, ServiceProcess
from sandbox.postgres import temporary_postgres

OPENAPI = Path(__file__).parent.parent.parent / "docs" / "openapi.yaml"
EXAMPLES = 100
"""How many requests of each operation are made; of what takes no parameters all are alike."""
NOT_ASKED = frozenset({"stream"})
"""Operations whose answer has no end."""
AS_DOCUMENTED = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ANSWER_DEADLINE = 30.0
SETTINGS = {
    "OPS_TOKEN": "a-token-of-sixteen",
    "KIE_API_KEY": "a-key",
    "KIE_API_ROOT": "http://127.0.0.1:9",
    "KIE_WEBHOOK_KEY": "a-webhook-key",
    "PUBLIC_URL": "https://bot.example.org",
}
"""Whoever knows the token may do everything on the ops page, and callbacks are read; nobody is created anything for."""
# For a webhook that the service lets pass. Others are made up too.
KNOWS_THE_SECRET = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


def document() -> dict[str, Any]:
    """The OpenAPI file."""
    found: dict[str, Any] = yaml.safe_load(OPENAPI.read_text("utf-8"))
    return found


def walk(url: str, number: int, examples: int = EXAMPLES) -> Iterator[Row]:
    """Ask every operation `examples` times, of a seed; a row for each."""
    schema = schemathesis.openapi.from_dict(document())
    schema.config.update(base_url=url)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.definition.raw["operationId"] not in NOT_ASKED:
            yield _Walk(operation, url).run(number, examples)


class _Walk:
    """One operation, asked again and again."""

    def __init__(self, operation: Any, url: str) -> None:
        self._operation = operation
        self._url = url
        self._statuses: Counter[int] = Counter()
        self._breaches: list[str] = []
        self._checks = [CHECKS.get_one(name) for name in AS_DOCUMENTED]

    def run(self, number: int, examples: int) -> Row:
        good, bad = (
            self._operation.as_strategy(generation_mode=mode)
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        )
        for strategy in (good, bad):
            self._ask_all(strategy, number, examples // 2)
        figures = {str(status): f"{count:,}" for status, count in sorted(self._statuses.items())}
        return Row(self._operation.label, figures, tuple(dict.fromkeys(self._breaches)))

    def _ask_all(self, strategy: Any, number: int, examples: int) -> None:
        @seed(number)
        @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=strategy, with_secret=st.booleans())
        def ask(case: Any, with_secret: bool) -> None:
            self._ask(case, KNOWS_THE_SECRET if with_secret else {})

        try:
            ask()
        except HypothesisException as error:
            # There is nothing wrong that could be asked where there are no parameters.
            self._statuses += Counter({0: 0})
            if "Unsatisfiable" not in type(error).__name__:
                raise

    def _ask(self, case: Any, headers: dict[str, str]) -> None:
        try:
            answer = case.call(base_url=self._url, headers=headers, timeout=ANSWER_DEADLINE, allow_redirects=False)
        except OSError as error:
            self._breaches.append(f"no answer: {error!r} to {_shown(case)}")
            return
        self._statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code != 503:
            self._breaches.append(f"{answer.status_code} to {_shown(case)}")
        try:
            case.validate_response(answer, checks=self._checks)
        except FailureGroup as group:
            self._breaches += [f"{each.title}: {each.message} to {_shown(case)}" for each in group.exceptions]
        except Failure as failure:
            self._breaches.append(f"{failure.title}: {failure.message} to {_shown(case)}")


def _shown(case: Any) -> str:
    parts = {"query": case.query, "headers": case.headers, "body": case.body}
    given = ", ".join(f"{name} {str(part)[: judgement.SHOWN]}" for name, part in parts.items() if part)
    return f"{case.method} {case.formatted_path} {given}".strip()


async def attack(number: int, examples: int = EXAMPLES) -> list[Row]:
    """Walk over an instance on a Postgres of its own; the rows of the table."""
    with temporary_postgres({"fsync": "off"}) as postgres:
        return await over_an_instance(postgres.url, number, examples)


async def over_an_instance(database_url: str, number: int, examples: int) -> list[Row]:
    """The same on an empty database."""
    async with running_fleet(database_url, THIS, **SETTINGS) as fleet:
        service = await fleet.start_active()
        rows = await trio.to_thread.run_sync(lambda: list(walk(service.url, number, examples)), abandon_on_cancel=True)
        return [*rows, _own_faults(service)]


def _own_faults(service: ServiceProcess) -> Row:
    """What the instance says of itself."""
    breaches = [*judgement.wrong_lines(service.log, service.stderr)]
    if not service.running:
        breaches.append(f"it has ended with exit code {service.process.returncode}")
    return Row("instance", {"lines in its log": f"{len(service.log):,}"}, tuple(breaches))
