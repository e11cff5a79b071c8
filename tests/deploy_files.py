"""What the files of deploy/ say, as data: the manifests; for each place what `svc run` is given and how long it has."""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import Any

import yaml

from tests.processes import ROOT

DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def text_of(name: str) -> str:
    """A file of deploy/."""
    return (DEPLOY / name).read_text("utf-8")


def _image() -> dict[str, list[str]]:
    """The Dockerfile's instructions, the arguments of each word in order, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", text_of("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for word, rest in re.findall(r"^(\w+) +(.*\S)", text, re.MULTILINE):
        found.setdefault(word, []).append(rest)
    return found


def _unit() -> dict[str, str]:
    """The section [Service] of the systemd unit; of a name that stands there twice the last value."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.read_string(text_of("systemd/svc@.service"))
    return dict(parser["Service"])


_DOCUMENTS = [yaml.safe_load_all(path.read_text("utf-8")) for path in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))]
MANIFESTS: dict[str, Any] = {document["kind"]: document for documents in _DOCUMENTS for document in documents}
"""Kubernetes' objects by their kind."""
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
COMPOSE = yaml.safe_load(text_of("compose.yaml"))["services"]
FILES: dict[str, Any] = {
    **MANIFESTS,
    "pod": POD,
    "container": POD["containers"][0],
    "compose": COMPOSE,
    "image": _image(),
    "fly": tomllib.loads(text_of("fly.toml")),
    "render": yaml.safe_load(text_of("render.yaml")),
    "scrape": yaml.safe_load(text_of("prometheus/prometheus.yml"))["scrape_configs"][0],
    "unit": _unit(),
}


def at(path: str) -> Any:
    """What stands there: "fly.metrics.port"; a number counts in a list, and * means each of it. None: nothing."""
    return _below(FILES, path.split("."))


def _below(value: Any, words: list[str]) -> Any:
    if not words or value is None:
        return value
    word, *rest = words
    if word == "*":
        return [_below(each, rest) for each in value]
    return _below(value.get(word) if isinstance(value, dict) else value[int(word)], rest)


OF_COMPOSE = set(re.findall(r"\$\{(\w+)", text_of("compose.yaml")))
"""What compose.yaml itself takes from deploy/.env."""
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "kubernetes": {entry["name"]: entry.get("value") for entry in at("container.env")},
    "render": {entry["key"]: entry.get("value") for entry in at("render.services.0.envVars")},
    "compose": dict.fromkeys(re.findall(r"^(\w+)=$", text_of("compose/env.example"), re.MULTILINE))
    | {name: re.sub(r"\$\{[^}]*\}", "host.example.org", v) for name, v in at("compose.one.environment").items()},
    "systemd": dict(re.findall(r"(\w+)=(\S+)", at("unit.environment").replace("%i", "8081"))),
    "fly": at("fly.env"),
}
"""What each place gives to `svc run`; None: its value is kept elsewhere."""
GRACE = {
    "kubernetes": "pod.terminationGracePeriodSeconds",
    "render": "render.services.0.maxShutdownDelaySeconds",
    "compose": "compose.one.stop_grace_period",
    "systemd": "unit.timeoutstopsec",
    "fly": "fly.kill_timeout",
}
"""Where the seconds from SIGTERM to SIGKILL stand."""
