"""The alert rules and the dashboard in deploy/: promtool runs the rules, and all that they name exists in the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from statemachine import State
from svc.observability.events import EVENTS
from svc.observability.metrics import Metrics
from svc.observability.metrics.calls import METHODS, PROBE, CallOutcome
from svc.observability.metrics.updates import Accepted, Doubt, Finished

ROOT = Path(__file__).parents[1]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS = {test["name"]: test for test in yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="there is no promtool: Debian's package prometheus has it"
)
KNOWN_VALUES = {
    "event": set(EVENTS),
    "state": {state.name for state in State},
    "outcome": {each for kind in (Accepted, Finished, Doubt, CallOutcome) for each in get_args(kind)},
    "method": METHODS | {PROBE},
    "ending": {"delivered", "failed", "unknown"},
}


def promtool(*args: str | Path, stdin: bytes | None = None) -> str:
    """What it says; fails the test where it objects to anything."""
    done = subprocess.run(["promtool", *args], input=stdin, capture_output=True, cwd=PROMETHEUS, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def queries() -> Iterator[str]:
    """Every query of the dashboard, with its variables filled in."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            filled = target["expr"].replace("$__rate_interval", "5m").replace("$job", "a").replace("$instance", ".*")
            assert "$" not in filled
            yield filled


def sample_names() -> set[str]:
    """The names under which Prometheus keeps what an instance shows."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        family.name + suffix
        for family in text_string_to_metric_families(Metrics().page().decode())
        for suffix in suffixes.get(family.type, ("",))
    }


@needs_promtool
@pytest.mark.processes
def test_the_rules_are_valid() -> None:
    """Every expression and every text parses."""
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "alerts.yml")


@needs_promtool
@pytest.mark.processes
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    """Over half an hour of made-up samples for each: for the bot that is ill, and not for the one that is well."""
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


def test_each_alert_is_tested_both_ways() -> None:
    """Each has a test of its name: with a bot that is well, which is not among those that it is to fire for."""
    assert list(TESTS) == list(ALERTS)
    for name, test in TESTS.items():
        jobs = {job for series in test["input_series"] for job in re.findall(r'job="([^"]+)"', series["series"])}
        (query,) = test["promql_expr_test"]
        fires = {re.sub(r'\{job="|"\}', "", sample["labels"]) for sample in query["exp_samples"]}
        assert f'alertname="{name}"' in query["expr"]
        assert fires
        assert fires < jobs, name
        assert "good" in jobs - fires, name


def test_each_alert_says_how_urgent_it_is_and_which_bot_it_is_about() -> None:
    """And more of it in a sentence."""
    for name, alert in ALERTS.items():
        assert alert["labels"]["severity"] in ("page", "ticket"), name
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert "{{ $labels.job }}" in alert["annotations"]["summary"], name


def test_the_runbook_has_a_section_for_each_alert() -> None:
    """Where its link leads: the name is the heading."""
    headings = re.findall(r"^#+ (Svc.+)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)
    for name, alert in ALERTS.items():
        assert alert["annotations"]["runbook_url"].endswith(f"/docs/runbook.md#{name.lower()}")


def test_whatever_the_queries_name_exists() -> None:
    """Metrics, and the values of labels that the code has in tables."""
    known = sample_names() | RECORDED | {"up"}
    for query in [*queries(), *(rule["expr"] for rule in RULES)]:
        names = set(re.findall(r"\b(?:svc|process|job:svc)_\w+(?::\w+)?", re.sub(r'"[^"]*"', '""', query)))
        assert names, query
        assert names - known == set(), query
        for label, values in re.findall(r'(\w+)[!=]?[=~]"([^"]*)"', query):
            if label in KNOWN_VALUES:
                assert set(values.split("|")) <= KNOWN_VALUES[label], query


@needs_promtool
@pytest.mark.processes
def test_the_dashboards_queries_are_promql(tmp_path: Path) -> None:
    """As rules that record something, for want of a checker of dashboards."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_the_dashboard_stands_on_its_own() -> None:
    """Every panel asks the datasource that the reader chooses, has a place of its own, and a name."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        for part in [panel, *panel.get("targets", ())] if panel["type"] != "row" else []:
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    taken = [
        (panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + line)
        for panel in DASHBOARD["panels"]
        for column in range(panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(column for column, _ in taken) < 24
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_the_dashboard_shows_every_metric() -> None:
    """What an instance tells of itself is to be seen somewhere."""
    shown = " ".join(queries())
    families = text_string_to_metric_families(Metrics().page().decode())
    assert {each.name for each in families if each.name.startswith("svc_") and each.name not in shown} == set()
