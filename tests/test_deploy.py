"""deploy/: no Docker and no cluster here, so what its files say is compared with the code that they are to run."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import trio
import yaml
from quart_trio import QuartTrio

from statemachine import Lifecycle, State
from svc.callback_url import PREFIX
from svc.handler.job import ENDED, JobError
from svc.intake.accept import Intake
from svc.intake.callback import CallbackMiddleware, Callbacks
from svc.intake.http_app import make_app
from svc.intake.http_server import load_config
from svc.intake.webhook import WebhookMiddleware
from svc.observability.events import EVENTS
from svc.observability.metrics import Metrics
from svc.operations.arguments import make_parser
from svc.service import EXIT_MARGIN
from svc.settings.environment import Settings, SettingsError, load_settings
from svc.settings.table import REQUIRED, SETTINGS
from svc.storage.inbox import Received
from svc.storage.migrate import FILE_TIMEOUT
from tests.harness import SECRET
from tests.intake import AsgiRequest, Store
from tests.peers import OK, ScriptedServer, refusing_port
from tests.processes import environment, python, run

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
README = DEPLOY / "README.md"
SECRET_EXAMPLE = DEPLOY / "kubernetes" / "secret.yaml.example"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
TEXTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file())

# Good values for what the manifests take from elsewhere.
FILLED_IN = {
    "BOT_TOKEN": "123456:" + "a" * 35,
    "WEBHOOK_SECRET": "a-secret",
    "WEBHOOK_URL": "https://bot.example.org/webhook",
    "DATABASE_URL": "postgresql://user:password@pooler/db",
    "LEADER_DATABASE_URL": "postgresql://user:password@postgres/db",
    "KIE_API_KEY": "a-key",
    "KIE_WEBHOOK_KEY": "another-key",
}
SECRETS = {*REQUIRED, "LEADER_DATABASE_URL", "KIE_API_KEY", "KIE_WEBHOOK_KEY"}

Document = dict[str, Any]


def of_kind(kind: str) -> Document:
    """The one manifest of this kind."""
    documents = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text("utf-8"))]
    (found,) = (document for document in documents if document["kind"] == kind)
    return cast(Document, found)


def pod() -> Document:
    """The Deployment's pod."""
    return cast(Document, of_kind("Deployment")["spec"]["template"]["spec"])


def container() -> Document:
    """The pod's one container."""
    (only,) = pod()["containers"]
    return cast(Document, only)


def render(part: str) -> Document:
    """Render's one service or database."""
    (only,) = yaml.safe_load((DEPLOY / "render.yaml").read_text("utf-8"))[part]
    return cast(Document, only)


def environments() -> dict[str, list[Document]]:
    """What each place gives to `svc run`: entries with a name, and a value or where it comes from."""
    return {
        "kubernetes": container()["env"],
        "render": [{**entry, "name": entry["key"]} for entry in render("services")["envVars"]],
    }


def settings_in(place: str) -> Settings:
    """The settings that `svc run` makes of a place's environment, with its secrets filled in."""
    given = {entry["name"]: entry.get("value", FILLED_IN.get(entry["name"])) for entry in environments()[place]}
    assert all(isinstance(value, str) for value in given.values()), f"not text: {given}"
    return load_settings(cast(dict[str, str], given), dotenv=None)


def known_settings() -> set[str]:
    """Every name in the table of settings."""
    return {setting.name for setting in SETTINGS}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: their word and the rest, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in lines]


def instruction(word: str) -> str:
    """The last instruction of this word, which is the one that counts."""
    return [rest for found, rest in instructions() if found == word][-1]


def copied() -> dict[str, str]:
    """What comes from the repository into the image: the source, and the target as it is written."""
    found: dict[str, str] = {}
    for rest in (rest for word, rest in instructions() if word == "COPY" and not rest.startswith("--from=")):
        *sources, target = shlex.split(rest)
        found |= dict.fromkeys(sources, target)
    return found


def project() -> Document:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def pages(*, database_answers: bool) -> tuple[Lifecycle[str], QuartTrio]:
    """The health pages of an instance in BOOT."""

    async def answers() -> bool:
        await trio.lowlevel.checkpoint()
        return database_answers

    lifecycle: Lifecycle[str] = Lifecycle(lambda _step: None)
    hints, _ = trio.open_memory_channel[Received](1)
    intake = Intake(Store(), hints)
    app = make_app(intake, lifecycle, Metrics(), secret=SECRET, instance="one", database_answers=answers)
    return lifecycle, app


async def status_of(app: QuartTrio, path: str) -> int:
    """The status of a GET."""
    return (await app.test_client().get(path)).status_code


# The image


def test_every_copied_path_is_in_the_repository() -> None:
    """A COPY of something that is not there fails only at the build: it fails here."""
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert len(copied()) > 3


def test_all_of_the_project_is_copied() -> None:
    """Every package that pyproject.toml includes, and what its build reads, keeps its place in the build's folder."""
    packages = project()["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {name: name for name in packages if not name.endswith(".*")}
    read = ["pyproject.toml", project()["project"]["readme"], *project()["project"]["license-files"]]
    needed |= dict.fromkeys(read, "./")
    assert needed.items() <= copied().items()


def test_the_ignore_file_lets_through_what_is_copied_and_nothing_else() -> None:
    """A COPY of an ignored path fails; one that is let through needlessly could be a secret."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())


def test_hypercorn_finds_its_settings_where_the_service_starts() -> None:
    """hypercorn.toml lies in the image's working folder, which is where `svc run` looks."""
    words = [(word, rest) for word, rest in instructions() if word in ("WORKDIR", "COPY", "FROM")]
    assert words[-2:] == [("WORKDIR", "/app"), ("COPY", "hypercorn.toml ./")]


def test_the_image_runs_the_service_without_a_shell() -> None:
    """CMD is in exec form with no ENTRYPOINT around it, so SIGTERM reaches `svc run` itself."""
    assert json.loads(instruction("CMD")) == ["svc", "run"]
    assert "svc" in project()["project"]["scripts"]
    assert "ENTRYPOINT" not in {word for word, _ in instructions()}
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_the_image_is_not_root_and_kubernetes_runs_it_as_the_same_user() -> None:
    """The user is a number other than 0, or runAsNonRoot could not tell."""
    user, group = instruction("USER").split(":")
    security = pod()["securityContext"]
    assert (int(user), int(group)) == (security["runAsUser"], security["runAsGroup"])
    assert int(user) > 0
    assert security["runAsNonRoot"] is True


def test_the_image_has_a_python_that_the_project_supports() -> None:
    """Both stages are of one Python, not older than requires-python."""
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    (base,) = bases
    version = re.fullmatch(r"python:(\d+)\.(\d+)-slim", base)
    oldest = re.fullmatch(r">=(\d+)\.(\d+)", project()["project"]["requires-python"])
    assert version is not None
    assert oldest is not None
    assert tuple(map(int, version.groups())) >= tuple(map(int, oldest.groups()))


async def test_the_healthcheck_tells_well_from_unwell(nursery: trio.Nursery) -> None:
    """The image's own check, run here: 0 at a 200, not 0 at a 503, and not 0 when nobody listens."""
    check = instruction("HEALTHCHECK")
    program, *arguments = json.loads(check[check.index("CMD") + 3 :])
    assert program == "python"

    async def exit_code(port: int) -> int:
        return (await run(*python(*arguments), env=environment(PORT=str(port)))).returncode

    service = ScriptedServer(OK, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    await nursery.start(service.serve)
    assert await exit_code(service.port) == 0
    assert await exit_code(service.port) != 0
    assert [request.split()[1] for request in service.requests] == [b"/healthz", b"/healthz"]
    with refusing_port() as port:
        assert await exit_code(port) != 0
    nursery.cancel_scope.cancel()


# Settings


@pytest.mark.parametrize("place", ["kubernetes", "render"])
def test_every_variable_is_a_setting(place: str) -> None:
    """A misspelt variable would be ignored in silence."""
    names = [entry["name"] for entry in environments()[place]]
    assert set(names) - known_settings() == set()
    assert len(names) == len(set(names))


@pytest.mark.parametrize("place", ["kubernetes", "render"])
def test_required_settings_are_given_and_all_values_are_accepted(place: str) -> None:
    """`svc run` takes the environment as it stands, once the secrets are filled in."""
    settings = settings_in(place)
    assert set(REQUIRED) <= {entry["name"] for entry in environments()[place]}
    assert settings.webhook_url == FILLED_IN["WEBHOOK_URL"]


@pytest.mark.parametrize("place", ["kubernetes", "render"])
def test_no_secret_is_written_down(place: str) -> None:
    """Secrets and database addresses come from a store; Render's generated values would not suit Telegram."""
    for entry in environments()[place]:
        if entry["name"] in SECRETS:
            assert entry.keys() & {"valueFrom", "sync", "fromDatabase"}, entry
            assert not entry.keys() & {"value", "generateValue"}, entry
            assert entry.get("sync", False) is False


def test_the_example_of_the_secret_has_every_key_that_the_deployment_reads() -> None:
    """Names and keys agree, the required ones are not optional, and `kubectl apply` of the folder passes it by."""
    secret = yaml.safe_load(SECRET_EXAMPLE.read_text("utf-8"))
    references = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container()["env"] if "valueFrom" in e}
    assert {reference["key"] for reference in references.values()} == set(secret["stringData"])
    assert {reference["name"] for reference in references.values()} == {secret["metadata"]["name"]}
    assert {name for name, reference in references.items() if not reference.get("optional")} == set(REQUIRED)
    assert all(name == reference["key"] for name, reference in references.items())
    assert SECRET_EXAMPLE.suffix not in (".yaml", ".yml", ".json")


def test_the_example_of_the_secret_is_refused_unedited() -> None:
    """Each of its placeholders is a fault that `svc run` names."""
    example = yaml.safe_load(SECRET_EXAMPLE.read_text("utf-8"))["stringData"]
    with pytest.raises(SettingsError) as raised:
        load_settings(example, dotenv=None)
    assert {fault.split()[0] for fault in raised.value.faults} == set(example)


def test_the_lock_can_be_given_an_address_of_its_own() -> None:
    """Where DATABASE_URL goes through a pooler, the lock does not."""
    settings = settings_in("kubernetes")
    assert settings.leader_database_url == FILLED_IN["LEADER_DATABASE_URL"] != settings.database_url


def test_render_connects_service_and_database() -> None:
    """The address comes from the database of this file, in the same region, of a version that will do."""
    database = render("databases")
    (entry,) = (entry for entry in environments()["render"] if entry["name"] == "DATABASE_URL")
    assert entry["fromDatabase"] == {"name": database["name"], "property": "connectionString"}
    assert database["region"] == render("services")["region"]
    assert int(database["postgresMajorVersion"]) >= 14


# Times


@pytest.mark.parametrize(
    ("place", "grace"),
    [
        ("kubernetes", lambda: pod()["terminationGracePeriodSeconds"]),
        ("render", lambda: render("services")["maxShutdownDelaySeconds"]),
    ],
    ids=["kubernetes", "render"],
)
def test_nothing_is_killed_before_it_ends_by_itself(place: str, grace: Callable[[], int]) -> None:
    """The platform's SIGKILL comes after drain, linger, HTTP's end and the process's own hard end."""
    settings = settings_in(place)
    http_end = load_config(None, None).graceful_timeout
    assert http_end < EXIT_MARGIN, "the process's hard end would cut HTTP's"
    assert grace() >= settings.drain_timeout + settings.linger + http_end + EXIT_MARGIN
    assert grace() <= 300, "Render's most"


def test_kubernetes_lingers_for_proxies_that_have_not_noticed() -> None:
    """HTTP stays open for 5 to 10 s after the lock is released, and no preStop puts the handover off."""
    assert 5 <= settings_in("kubernetes").linger <= 10
    assert "lifecycle" not in container()


def test_a_rollout_outlasts_the_longest_migration() -> None:
    """A pod that is still migrating does not count as a failed deploy."""
    assert of_kind("Deployment")["spec"]["progressDeadlineSeconds"] > FILE_TIMEOUT


def test_a_starved_process_is_given_a_minute() -> None:
    """Liveness waits far longer than the lease takes to move, readiness does not, and the start has its own check."""
    settings, probes = settings_in("kubernetes"), container()
    patience = {
        name: probes[name]["periodSeconds"] * probes[name]["failureThreshold"]
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
    }
    assert patience["livenessProbe"] >= max(60, 10 * settings.lease)
    assert patience["startupProbe"] >= 60
    assert patience["readinessProbe"] <= 15


# Health and addresses


async def test_liveness_does_not_depend_on_the_database() -> None:
    """With no database, in BOOT: liveness and start are well, readiness is not."""
    _, app = pages(database_answers=False)
    asked = {name: container()[name]["httpGet"]["path"] for name in ("livenessProbe", "startupProbe", "readinessProbe")}
    assert {name: await status_of(app, path) for name, path in asked.items()} == {
        "livenessProbe": 200,
        "startupProbe": 200,
        "readinessProbe": 503,
    }


async def test_a_new_instance_replaces_an_old_one_only_when_it_can_store() -> None:
    """What decides over a deploy turns 200 in PASSIVE, and 503 again in DRAINING, on both platforms."""
    for path in (container()["readinessProbe"]["httpGet"]["path"], render("services")["healthCheckPath"]):
        lifecycle, app = pages(database_answers=True)
        assert lifecycle.state is State.BOOT
        assert await status_of(app, path) == 503
        lifecycle.booted()
        assert await status_of(app, path) == 200
        lifecycle.drain("SIGTERM")
        assert await status_of(app, path) == 503


async def test_the_only_public_paths_are_the_webhook_and_callbacks() -> None:
    """The Ingress lets through exactly what the application treats as these, to the Service's port."""
    (rule,) = of_kind("Ingress")["spec"]["rules"]
    webhook_path, callback_path = rule["http"]["paths"]

    async def others(*_: Any) -> None:
        raise AssertionError("neither the webhook's nor a callback's")

    async def note(*_: Any) -> bool:
        raise AssertionError("nothing is noted for a GET")

    hints, _ = trio.open_memory_channel[Received](1)
    webhook = WebhookMiddleware(others, Intake(Store(), hints), secret=SECRET, metrics=Metrics())
    callbacks = CallbackMiddleware(others, Callbacks(note, {"kie": lambda _headers, _body: None}))
    assert await AsgiRequest(webhook_path["path"], "GET").put_to(webhook) == 405
    assert webhook_path["pathType"] == "Exact"
    assert await AsgiRequest(f"{callback_path['path']}kie/7.secret", "GET").put_to(callbacks) == 405
    assert callback_path["path"] == PREFIX
    assert callback_path["pathType"] == "Prefix"
    service = of_kind("Service")
    for path in (webhook_path, callback_path):
        assert path["backend"]["service"]["name"] == service["metadata"]["name"]
        assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_telegram_can_reach_the_address() -> None:
    """The Ingress has a certificate for its host, which is WEBHOOK_URL's, at a port that Telegram takes."""
    ingress = of_kind("Ingress")["spec"]
    (entry,) = (entry for entry in container()["env"] if entry["name"] == "WEBHOOK_URL")
    url = re.fullmatch(r"https://([\w.-]+)(?::(?:443|80|88|8443))?(/.*)", entry["value"])
    assert url is not None
    assert [url[1]] == [rule["host"] for rule in ingress["rules"]] == ingress["tls"][0]["hosts"]
    assert url[2] == ingress["rules"][0]["http"]["paths"][0]["path"]


def test_one_port_all_the_way() -> None:
    """hypercorn.toml, the image, the container, the probes, the Service and the scraper agree."""
    settings = settings_in("kubernetes")
    (bind,) = load_config(settings.host, settings.port).bind
    port = int(bind.rpartition(":")[2])
    (container_port,) = container()["ports"]
    assert container_port["containerPort"] == port == int(instruction("EXPOSE"))
    assert f"'PORT') or {port})" in instruction("HEALTHCHECK")
    for probe in ("livenessProbe", "startupProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["port"] == container_port["name"]
    assert of_kind("Service")["spec"]["ports"][0]["targetPort"] == container_port["name"]
    assert of_kind("Deployment")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(port)


async def test_prometheus_is_sent_to_the_metrics_page() -> None:
    """The path in the annotation is the one that answers with metrics."""
    _, app = pages(database_answers=True)
    annotations = of_kind("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "true"
    response = await app.test_client().get(annotations["prometheus.io/path"])
    assert b"svc_state" in cast(bytes, await response.get_data())


# Replicas


def test_a_deploy_never_takes_an_instance_before_there_is_a_new_one() -> None:
    """Two replicas, one more during a rollout, none fewer; a drained node may take one."""
    spec = of_kind("Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert of_kind("PodDisruptionBudget")["spec"]["minAvailable"] == spec["replicas"] - 1
    service = render("services")
    assert service["numInstances"] >= 1
    assert service["plan"] != "free"
    assert "disk" not in service, "Render stops the old instance first where there is a disk"


def test_all_selectors_find_the_pods() -> None:
    """Deployment, Service, PodDisruptionBudget and spread select by labels that the pods carry."""
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        of_kind("Deployment")["spec"]["selector"]["matchLabels"],
        of_kind("Service")["spec"]["selector"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(spread["labelSelector"]["matchLabels"] for spread in pod()["topologySpreadConstraints"]),
    ]
    assert len(selectors) == 4
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_heartbeats_are_not_starved() -> None:
    """A processor share is reserved and none is capped; memory has room over the 100 MiB that are usual."""
    resources = container()["resources"]
    assert re.fullmatch(r"[1-9]\d*m?", resources["requests"]["cpu"])
    assert "cpu" not in resources["limits"]
    assert int(resources["limits"]["memory"].removesuffix("Mi")) >= 256


def test_render_builds_this_image() -> None:
    """The Dockerfile and the context that render.yaml names are there, and the image's own CMD is what runs."""
    service = render("services")
    assert (ROOT / service["dockerfilePath"]).samefile(DOCKERFILE)
    assert (ROOT / service["dockerContext"]).samefile(ROOT)
    assert service["runtime"] == "docker"
    assert "dockerCommand" not in service
    assert not {"command", "args"} & container().keys()


# What the words say


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_that_is_mentioned_exists(path: Path) -> None:
    """Commands in code spans, comments' too, are taken by the command line's parser."""
    for span in re.findall(r"`([^`\n]+)`", path.read_text("utf-8")):
        command = re.search(r"(?:^|-- )svc ([a-z].*)", span)
        if command:
            assert callable(make_parser().parse_args(shlex.split(command[1])).command)


def test_every_name_in_capitals_is_one_of_ours() -> None:
    """Events, settings and states in the README's code spans exist."""
    text = re.sub(r"^```.*?^```", "", README.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    names = {name for span in re.findall(r"`([^`]+)`", text) for name in re.findall(r"\b[A-Z][A-Z_]{3,}\b", span)}
    words = {"POST", "SECRET"}
    assert names - set(EVENTS) - known_settings() - {state.name for state in State} - words == set()
    assert len(names & set(EVENTS)) > 5


def test_every_metric_that_is_mentioned_exists() -> None:
    """Names of metrics in the README, and the states and events that they are filtered by."""
    metrics, text = Metrics().page().decode(), README.read_text("utf-8")
    names = set(re.findall(r"\bsvc_[a-z_]+", text))
    assert {name for name in names if f"\n# TYPE {name} " not in f"\n{metrics}"} == set()
    assert len(names) > 3
    known = {*get_args(JobError), *ENDED}
    for label, value in re.findall(r'\{(\w+)="(\w+)"\}', text):
        assert f'{{{label}="{value}"}}' in metrics or (label in ("ending", "reason") and value in known)


def test_every_file_that_is_mentioned_exists() -> None:
    """Paths of files in the README's code spans are in deploy/ or in the repository."""
    for name in re.findall(r"`([\w./-]+\.(?:yaml|md|py|toml|example|dockerignore))`", README.read_text("utf-8")):
        assert any((folder / name).exists() for folder in (ROOT, DEPLOY, DEPLOY / "kubernetes")), name


def test_the_lines_in_the_readme_are_in_the_files() -> None:
    """What the table of guarantees quotes from the manifests stands there."""
    table = README.read_text("utf-8").partition("| guarantee |")[2].partition("\n\n")[0]
    files = "\n".join(path.read_text("utf-8") for path in TEXTS if path != README)
    quoted = [quote for row in table.splitlines()[2:] for quote in re.findall(r"`([^`]+)`", row.split("|")[2])]
    assert [quote for quote in quoted if quote not in files] == []
    assert len(quoted) > 8
