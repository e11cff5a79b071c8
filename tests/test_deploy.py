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
from svc.settings.environment import Settings, SettingsError, load_settings
from svc.settings.table import REQUIRED, SETTINGS
from svc.storage.inbox import Received
from svc.storage.migrate import FILE_TIMEOUT, OLDEST_POSTGRES
from tests.deploy_files import (
    COMPOSE,
    CONTAINER,
    DEPLOY,
    ENVIRONMENTS,
    FLY,
    GRACE,
    MANIFESTS,
    OF_COMPOSE,
    POD,
    PROJECT,
    RENDER,
    SCRAPE,
    UNIT,
    instructions,
    loaded,
)
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


def settings_in(place: str) -> Settings:
    """The settings that `svc run` makes of a place's environment, with what comes from elsewhere filled in."""
    given = {name: value for name, value in ENVIRONMENTS[place].items() if value is not None}
    return load_settings(SECRETS | {"WEBHOOK_URL": "https://bot.example.org/webhook"} | given, dotenv=None)


def test_the_image_holds_the_project_and_nothing_else() -> None:
    """Each package of pyproject.toml, and what its build reads, is copied to its place; nothing else is let in."""
    packages = [name for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in name]
    files = ["pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "hypercorn.toml"]
    copies = [shlex.split(rest) for rest in instructions("COPY") if not rest.startswith("--from=")]
    expected = {name: name for name in packages} | dict.fromkeys(files, "./")
    assert {source: target for *sources, target in copies for source in sources} == expected
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert [rule for rule in rules if rule and rule[0] not in "#!"] == ["*", "**/__pycache__"]
    assert {rule[1:] for rule in rules if rule.startswith("!")} == expected.keys()


def test_the_image_starts_the_service_itself() -> None:
    """No shell between SIGTERM and it, no root, a Python that the project supports; images are pinned by digest."""
    assert [json.loads(rest) for rest in instructions("CMD")] == [["svc", "run"]]
    assert (instructions("STOPSIGNAL"), instructions("ENTRYPOINT")) == (["SIGTERM"], [])
    assert (instructions("WORKDIR")[-1], instructions("COPY")[-1]) == ("/app", "hypercorn.toml ./")
    assert instructions("USER") == ["{runAsUser}:{runAsGroup}".format(**POD["securityContext"])]
    assert not {"command", "args", "dockerCommand"} & {*CONTAINER, *RENDER, *COMPOSE["one"]}
    for folder, name in ((ROOT, RENDER["dockerfilePath"]), (DEPLOY, FLY["build"]["dockerfile"])):
        assert (folder / name).samefile(DEPLOY / "Dockerfile")
    oldest = int(PROJECT["project"]["requires-python"].removeprefix(">=3."))
    assert all(int(base.removeprefix("python:3.").partition("-")[0]) >= oldest for base in instructions("FROM"))
    images = [service["image"] for service in COMPOSE.values() if "build" not in service] + instructions("FROM")
    assert [image for image in images if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}\b", image)] == []


@pytest.mark.parametrize("check", ["image", "compose"])
async def test_a_healthcheck_tells_well_from_unwell(check: str, nursery: trio.Nursery) -> None:
    """Run here as it stands: 0 at a 200, not 0 at a 503, and not 0 when nobody listens."""
    command, path = {
        "image": (json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2]), b"/healthz"),
        "compose": (COMPOSE["one"]["healthcheck"]["test"][1:], b"/readyz"),
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
    given, settings = ENVIRONMENTS[place], settings_in(place)
    assert given.keys() - {setting.name for setting in SETTINGS} - OF_COMPOSE == set()
    assert [name for name in SECRETS if given.get(name) is not None] == (["DATABASE_URL"] if place == "compose" else [])
    assert place in ("systemd", "fly") or given.keys() >= {*REQUIRED}, (
        "there they are in a file, or a store, of their own"
    )
    http_end = load_config(None, None).graceful_timeout
    assert http_end < EXIT_MARGIN, "the process's hard end would cut HTTP's"
    assert settings.drain_timeout + settings.linger + http_end + EXIT_MARGIN <= GRACE[place] <= 300


def test_the_example_of_the_secret() -> None:
    """It has each key that the Deployment reads, and is refused unedited."""
    example = yaml.safe_load((DEPLOY / "kubernetes/secret.yaml.example").read_text("utf-8"))
    references = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in CONTAINER["env"] if "valueFrom" in e}
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
    paths = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "startup", "readiness")}
    alive = {paths["liveness"], paths["startup"]}
    ready = {paths["readiness"], RENDER["healthCheckPath"], *(each["path"] for each in FLY["http_service"]["checks"])}
    scraped = {
        SCRAPE["metrics_path"],
        FLY["metrics"]["path"],
        MANIFESTS["ServiceMonitor"]["spec"]["endpoints"][0]["path"],
    }

    async def statuses(paths: set[str]) -> set[int]:
        return {(await app.test_client().get(path)).status_code for path in paths}

    assert [await statuses(each) for each in (alive, ready, scraped)] == [{200}, {503}, {200}]  # in BOOT
    lifecycle.booted()
    assert await statuses(alive | ready) == {200}
    lifecycle.drain("SIGTERM")
    assert [await statuses(each) for each in (alive, ready)] == [{200}, {503}]


def test_what_is_public_and_at_which_port() -> None:
    """Webhook and callbacks alone, by Ingress and Caddyfile; one port from hypercorn.toml to all who ask for it."""
    (rule,) = MANIFESTS["Ingress"]["spec"]["rules"]
    public = [(each["path"], each["pathType"]) for each in rule["http"]["paths"]]
    assert public == [(PATH, "Exact"), (PREFIX, "Prefix")]
    assert f"@public path {PATH} {PREFIX}*\n" in (DEPLOY / "compose/Caddyfile").read_text("utf-8")
    published = {each for service in COMPOSE.values() for each in service.get("ports", ())}
    assert {each for each in published if not each.startswith("127.0.0.1:")} == {"80:80", "443:443"}
    port = int(load_config(None, None).bind[0].rpartition(":")[2])
    assert {*instructions("EXPOSE"), *re.findall(r"or (\d+)\)", instructions("HEALTHCHECK")[0])} == {str(port)}
    assert {FLY["http_service"]["internal_port"], FLY["metrics"]["port"]} == {port}
    assert {each["containerPort"] for each in CONTAINER["ports"]} == {port}
    instances = {f"{name}:{port}" for name, service in COMPOSE.items() if "build" in service}
    assert set(COMPOSE["proxy"]["environment"]["INSTANCES"].split()) == instances
    assert set(SCRAPE["static_configs"][0]["targets"]) == instances


def test_there_are_always_two() -> None:
    """No rollout, drain or sleep takes one before there is another, and all selectors find the pods."""
    spec, http = MANIFESTS["Deployment"]["spec"], FLY["http_service"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert (spec["replicas"], MANIFESTS["PodDisruptionBudget"]["spec"]["minAvailable"]) == (2, 1)
    assert (http["min_machines_running"], http["auto_stop_machines"]) == (2, "off")
    assert spec["progressDeadlineSeconds"] > FILE_TIMEOUT, "a pod that migrates is not a failed deploy"
    assert CONTAINER["livenessProbe"]["periodSeconds"] * CONTAINER["livenessProbe"]["failureThreshold"] >= 60
    assert "cpu" not in CONTAINER["resources"]["limits"], "throttling holds heartbeats up"
    assert "disk" not in RENDER, "Render stops the old instance first where there is a disk"
    assert int(loaded("render.yaml")["databases"][0]["postgresMajorVersion"]) >= OLDEST_POSTGRES
    assert MANIFESTS["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == MANIFESTS["Service"]["metadata"]["labels"]
    selectors = [
        MANIFESTS["Service"]["spec"]["selector"],
        MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(MANIFESTS[kind]["spec"]["selector"]["matchLabels"] for kind in ("Deployment", "PodDisruptionBudget")),
        *(spread["labelSelector"]["matchLabels"] for spread in POD["topologySpreadConstraints"]),
    ]
    assert selectors == [spec["template"]["metadata"]["labels"]] * 5


def test_the_cluster_has_the_same_alerts() -> None:
    """The PrometheusRule is alerts.yml, word for word. REGENERATE=1 makes it anew."""
    path = DEPLOY / "kubernetes/monitoring/prometheusrule.yaml"
    head, rules = path.read_text("utf-8").partition("spec:\n")[0], (DEPLOY / "prometheus/alerts.yml").read_text("utf-8")
    expected = f"{head}spec:\n{re.sub('^(?=.)', '  ', rules, flags=re.MULTILINE)}"
    if os.environ.get("REGENERATE"):
        path.write_text(expected, "utf-8")
    assert path.read_text("utf-8") == expected


@pytest.mark.parametrize("tool", ["systemd-analyze", "promtool"])
async def test_tools_take_the_files(tool: str, tmp_path: Path) -> None:
    """What systemd and Prometheus themselves say of what they are given, where they are installed."""
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed")
    unit = (DEPLOY / "systemd/svc@.service").read_text("utf-8").replace(UNIT["execstart"].split()[0], "/bin/true")
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
