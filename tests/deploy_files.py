"""What the files of deploy/ say, as data: the manifests; for each place what `svc run` is given and how long it has."""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import Any

import yaml

from tests.processes import ROOT

DEPLOY = ROOT / "deploy"

Document = dict[str, Any]


def loaded(name: str) -> Any:
    """A YAML or TOML file of deploy/."""
    text = (DEPLOY / name).read_text("utf-8")
    return tomllib.loads(text) if name.endswith(".toml") else yaml.safe_load(text)


def _unit(name: str) -> dict[str, str]:
    """The section [Service] of a systemd unit; of a name that stands there twice the last value."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.read(DEPLOY / name, "utf-8")
    return dict(parser["Service"])


MANIFESTS: dict[str, Document] = {
    document["kind"]: document
    for path in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text("utf-8"))
}
"""Kubernetes' objects by their kind."""
POD = MANIFESTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
COMPOSE = loaded("compose.yaml")["services"]
FLY = loaded("fly.toml")
RENDER = loaded("render.yaml")["services"][0]
SCRAPE = loaded("prometheus/prometheus.yml")["scrape_configs"][0]
UNIT = _unit("systemd/svc@.service")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

OF_COMPOSE = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
"""What compose.yaml itself takes from deploy/.env."""
_EXAMPLE = re.findall(r"^(\w+)=$", (DEPLOY / "compose/env.example").read_text("utf-8"), re.MULTILINE)
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "kubernetes": {entry["name"]: entry.get("value") for entry in CONTAINER["env"]},
    "render": {entry["key"]: entry.get("value") for entry in RENDER["envVars"]},
    "compose": dict.fromkeys(_EXAMPLE)
    | {
        name: re.sub(r"\$\{\w+[^}]*\}", "host.example.org", value)
        for name, value in COMPOSE["one"]["environment"].items()
    },
    "systemd": {name: value.replace("%i", "8081") for name, value in re.findall(r"(\w+)=(\S+)", UNIT["environment"])},
    "fly": FLY["env"],
}
"""What each place gives to `svc run`; None: its value is kept elsewhere."""
GRACE: dict[str, int] = {
    "kubernetes": POD["terminationGracePeriodSeconds"],
    "render": RENDER["maxShutdownDelaySeconds"],
    "compose": int(COMPOSE["one"]["stop_grace_period"].removesuffix("s")),
    "systemd": int(UNIT["timeoutstopsec"]),
    "fly": FLY["kill_timeout"],
}
"""Seconds from SIGTERM to SIGKILL."""


def instructions(word: str) -> list[str]:
    """The Dockerfile's instructions of this word, without it, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = [line.split(None, 1) for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [rest.strip() for found, rest in lines if found == word]
