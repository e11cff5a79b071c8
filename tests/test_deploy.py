"""deploy/: no Docker and no cluster here, so what its files say is compared with the code that they are to run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
import trio
import yaml

from statemachine import Lifecycle
from svc.callback_url import PREFIX
from svc.intake.accept import Intake
from svc.intake.http_app import make_app
from svc.intake.http_server import load_config
from svc.intake.webhook import PATH
from svc.observability.metrics import Metrics
from svc.service import EXIT_MARGIN
from svc.settings.environment import SettingsError, load_settings
from svc.settings.table import REQUIRED, SETTINGS
from svc.storage.inbox import Received
from svc.storage.migrate import FILE_TIMEOUT, OLDEST_POSTGRES
from tests.deploy_files import COMPOSE, DEPLOY, ENVIRONMENTS, GRACE, OF_COMPOSE, PROJECT, at, text_of
from tests.harness import SECRET
from tests.intake import Store
from tests.mentions import unknown_commands, unknown_names
from tests.peers import OK, ScriptedServer, refusing_port
from tests.processes import ROOT, environment, python, run

# Good values for what comes from elsewhere.
SECRETS = {
    "BOT_TOKEN": "123456:" + "a" * 35,
    "WEBHOOK_SECRET": "a-secret",
    "DATABASE_URL": "postgresql://user:password@pooler/db",
    "LEADER_DATABASE_URL": "postgresql://user:password@postgres/db",
    "KIE_API_KEY": "a-key",
    "KIE_WEBHOOK_KEY": "another-key",
    "OPS_TOKEN": "something-that-is-long",
}
TEXTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".json")
PORT = int(load_config(None, None).bind[0].rpartition(":")[2])
LABELS = at("Deployment.spec.template.metadata.labels")
INSTANCES = [f"{name}:{PORT}" for name, service in COMPOSE.items() if "build" in service]
OURS = [name for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in name]
BUILT_WITH = ["pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "hypercorn.toml"]

FACTS: dict[str, object] = {
    # The image: no shell between SIGTERM and the service, which nobody replaces by something else, and no root.
    "image.CMD": ['["svc", "run"]'],
    "image.STOPSIGNAL": ["SIGTERM"],
    "image.ENTRYPOINT": None,
    "image.USER": ["{runAsUser}:{runAsGroup}".format(**at("pod.securityContext"))],
    "image.WORKDIR.-1": "/app",
    "image.COPY.-1": "hypercorn.toml ./",
    "container.command": None,
    "container.args": None,
    "compose.one.command": None,
    "render.services.0.dockerCommand": None,
    "render.services.0.dockerfilePath": "./deploy/Dockerfile",
    "fly.build.dockerfile": "Dockerfile",
    # One port; webhook and callbacks alone are public.
    "image.EXPOSE": [str(PORT)],
    "container.ports.*.containerPort": [PORT],
    "fly.http_service.internal_port": PORT,
    "fly.metrics.port": PORT,
    "compose.proxy.environment.INSTANCES": " ".join(INSTANCES),
    "scrape.static_configs.0.targets": INSTANCES,
    "Ingress.spec.rules.*.http.paths.*.path": [[PATH, PREFIX]],
    "Ingress.spec.rules.*.http.paths.*.pathType": [["Exact", "Prefix"]],
    # There are always two: nothing takes one before there is another (Render would, where there is a disk).
    "Deployment.spec.replicas": 2,
    "Deployment.spec.strategy.rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    "PodDisruptionBudget.spec.minAvailable": 1,
    "fly.http_service.min_machines_running": 2,
    "fly.http_service.auto_stop_machines": "off",
    "render.services.0.disk": None,
    # Throttling would hold heartbeats up.
    "container.resources.limits.cpu": None,
    # All that select the pods find them.
    "Deployment.spec.selector.matchLabels": LABELS,
    "PodDisruptionBudget.spec.selector.matchLabels": LABELS,
    "Service.spec.selector": LABELS,
    "NetworkPolicy.spec.podSelector.matchLabels": LABELS,
    "pod.topologySpreadConstraints.*.labelSelector.matchLabels": [LABELS],
    "ServiceMonitor.spec.selector.matchLabels": at("Service.metadata.labels"),
}


@pytest.mark.parametrize("path", FACTS)
def test_a_file_says_what_the_code_wants(path: str) -> None:
    """What stands there is what the code, or another file, says; None: nothing stands there."""
    assert at(path) == FACTS[path]


def test_the_image_holds_the_project_and_nothing_else() -> None:
    """Each package, and what its build reads, is copied to its place; nothing else is let in. Images are pinned."""
    copies = [shlex.split(rest) for rest in at("image.COPY") if not rest.startswith("--from=")]
    expected = {name: name for name in OURS} | dict.fromkeys(BUILT_WITH, "./")
    assert {source: target for *sources, target in copies for source in sources} == expected
    rules = text_of("Dockerfile.dockerignore")
    assert re.findall(r"^[^#!\n].*", rules, re.MULTILINE) == ["*", "**/__pycache__"]
    assert set(re.findall(r"^!(.*)", rules, re.MULTILINE)) == expected.keys()
    images = [service["image"] for service in COMPOSE.values() if "build" not in service] + at("image.FROM")
    assert [image for image in images if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}\b", image)] == []


def test_limits_that_the_code_has() -> None:
    """A Python and a Postgres that it supports; time to migrate and for a slow start; what compose opens to others."""
    pythons = [int(base.removeprefix("python:3.").partition("-")[0]) for base in at("image.FROM")]
    assert min(pythons) >= int(PROJECT["project"]["requires-python"].removeprefix(">=3."))
    assert int(at("render.databases.0.postgresMajorVersion")) >= OLDEST_POSTGRES
    assert at("Deployment.spec.progressDeadlineSeconds") > FILE_TIMEOUT, "a pod that migrates is not a failed deploy"
    assert at("container.livenessProbe.periodSeconds") * at("container.livenessProbe.failureThreshold") >= 60
    published = {each for service in COMPOSE.values() for each in service.get("ports", ())}
    assert {each for each in published if not each.startswith("127.0.0.1:")} == {"80:80", "443:443"}
    assert f"@public path {PATH} {PREFIX}*\n" in text_of("compose/Caddyfile")
    assert f" or {PORT})" in at("image.HEALTHCHECK.0")


@pytest.mark.parametrize("check", ["image", "compose"])
async def test_a_healthcheck_tells_well_from_unwell(check: str, nursery: trio.Nursery) -> None:
    """Run here as it stands: 0 at a 200, not 0 at a 503, and not 0 when nobody listens."""
    command, path = {
        "image": (json.loads(at("image.HEALTHCHECK.0").partition("CMD ")[2]), b"/healthz"),
        "compose": (at("compose.one.healthcheck.test")[1:], b"/readyz"),
    }[check]
    assert command[0] == "python"

    async def is_well(port: int) -> bool:
        words = [word.replace("8080", str(port)) for word in command[1:]]
        return (await run(*python(*words), env=environment())).returncode == 0

    service = ScriptedServer(OK, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    await nursery.start(service.serve)
    assert [await is_well(service.port) for _ in range(2)] == [True, False]
    assert [request.split()[1] for request in service.requests] == [path, path]
    with refusing_port() as port:
        assert not await is_well(port)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("place", ENVIRONMENTS)
def test_each_place_suits_the_service(place: str) -> None:
    """Its names are settings, values are taken, no secret stands there; SIGKILL comes after the process's own end."""
    given = ENVIRONMENTS[place]
    elsewhere = SECRETS | {"WEBHOOK_URL": "https://bot.example.org/webhook"}
    settings = load_settings(elsewhere | {name: v for name, v in given.items() if v is not None}, dotenv=None)
    assert given.keys() - {setting.name for setting in SETTINGS} - OF_COMPOSE == set()
    assert [name for name in SECRETS if given.get(name) is not None] == (["DATABASE_URL"] if place == "compose" else [])
    assert place in ("systemd", "fly") or given.keys() >= {*REQUIRED}, (
        "there they are in a file, or a store, of their own"
    )
    seconds = int(str(at(GRACE[place])).removesuffix("s"))
    http_end = load_config(None, None).graceful_timeout
    assert http_end < EXIT_MARGIN, "the process's hard end would cut HTTP's"
    assert settings.drain_timeout + settings.linger + http_end + EXIT_MARGIN <= seconds <= 300


def test_the_example_of_the_secret() -> None:
    """It has each key that the Deployment reads, and is refused unedited."""
    example = yaml.safe_load(text_of("kubernetes/secret.yaml.example"))
    references = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in at("container.env") if "valueFrom" in e}
    assert {(each["key"], each["name"]) for each in references.values()} == {
        (name, "svc") for name in example["stringData"]
    }
    assert {name for name, reference in references.items() if not reference.get("optional")} == set(REQUIRED)
    with pytest.raises(SettingsError) as raised:
        load_settings(example["stringData"], dotenv=None)
    assert {fault.split()[0] for fault in raised.value.faults} == set(example["stringData"])


async def test_probes_ask_for_what_they_are_to_know() -> None:
    """Liveness and start do not depend on the database; what a deploy waits for is 200 where updates can be stored."""

    async def answers() -> bool:
        await trio.lowlevel.checkpoint()
        return True

    lifecycle: Lifecycle[str] = Lifecycle(lambda _step: None)
    hints, _ = trio.open_memory_channel[Received](1)
    app = make_app(
        Intake(Store(), hints), lifecycle, Metrics(), secret=SECRET, instance="one", database_answers=answers
    )
    alive = {at(f"container.{name}Probe.httpGet.path") for name in ("liveness", "startup")}
    ready = {at("container.readinessProbe.httpGet.path"), at("render.services.0.healthCheckPath")}
    ready.update(at("fly.http_service.checks.*.path"))
    scraped = {at("scrape.metrics_path"), at("fly.metrics.path"), *at("ServiceMonitor.spec.endpoints.*.path")}

    async def statuses(paths: set[str]) -> set[int]:
        return {(await app.test_client().get(path)).status_code for path in paths}

    assert [await statuses(each) for each in (alive, ready, scraped)] == [{200}, {503}, {200}]  # in BOOT
    lifecycle.booted()
    assert await statuses(alive | ready) == {200}
    lifecycle.drain("SIGTERM")
    assert [await statuses(each) for each in (alive, ready)] == [{200}, {503}]


def test_the_cluster_has_the_same_alerts() -> None:
    """The PrometheusRule is alerts.yml, word for word. REGENERATE=1 makes it anew."""
    path = DEPLOY / "kubernetes/monitoring/prometheusrule.yaml"
    head, rules = path.read_text("utf-8").partition("spec:\n")[0], text_of("prometheus/alerts.yml")
    expected = f"{head}spec:\n{re.sub('^(?=.)', '  ', rules, flags=re.MULTILINE)}"
    if os.environ.get("REGENERATE"):
        path.write_text(expected, "utf-8")
    assert path.read_text("utf-8") == expected


@pytest.mark.parametrize("tool", ["systemd-analyze", "promtool"])
async def test_tools_take_the_files(tool: str, tmp_path: Path) -> None:
    """What systemd and Prometheus themselves say of what they are given, where they are installed."""
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    unit = text_of("systemd/svc@.service").replace(at("unit.execstart").split()[0], "/bin/true")
    (tmp_path / "svc@8081.service").write_text(unit, "utf-8")
    arguments: dict[str, list[str | Path]] = {
        "systemd-analyze": ["verify", "--man=no", tmp_path / "svc@8081.service"],
        "promtool": ["check", "config", DEPLOY / "prometheus/prometheus.yml"],
    }
    done = await run(tool, *arguments[tool], env=environment())
    assert (done.returncode, "svc@" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_what_is_mentioned_exists(path: Path) -> None:
    """Commands, comments' too; files; what compose mounts; events, settings, states and metrics."""
    text = path.read_text("utf-8")
    assert list(unknown_commands(text)) == []
    if path.suffix == ".md":
        assert unknown_names(text) == set()
    folders = [ROOT, *(folder for folder in (DEPLOY, *DEPLOY.rglob("*")) if folder.is_dir())]
    named = re.findall(r"`([\w./@-]+\.(?:yaml|yml|json|md|py|toml|example|service|dockerignore))`", text)
    mounted = re.findall(r"- (\./[\w./]+):/", text)
    assert [name for name in named + mounted if not any((folder / name).exists() for folder in folders)] == []
