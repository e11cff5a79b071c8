"""docs/runbook.md: its commands are run, over a real Postgres and with real instances, or held against deploy/."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

import pytest
import trio
import yaml

from fleet.bot_api import ObservedBotApi
from fleet.instances import Fleet, running_fleet
from fleet.process import service_environment
from fleet.promises import rows
from fleet.waiting import eventually
from sandbox.postgres import EmbeddedPostgres
from sandbox.postgres_programs import binary
from tests.commands_in_turn import CommandsInTurn, commands_in_turn
from tests.deploy_files import COMPOSE, DEPLOY, MANIFESTS, POD
from tests.mentions import shell_lines, unknown_commands, unknown_names
from tests.processes import ROOT, python, run, running

pytestmark = pytest.mark.processes

TEXT = (ROOT / "docs" / "runbook.md").read_text("utf-8")
# In the order of the text, each once.
LINES = list(dict.fromkeys(shell_lines(TEXT)))
OURS = [line for line in LINES if line.startswith("svc ")]
DATABASE = [line for line in LINES if line.startswith(("psql ", "pg_dump ", "pg_restore "))]
OTHERS = [line for line in LINES if line not in OURS + DATABASE]
# These wait until an ACTIVE instance has obeyed.
ORDERS = [line for line in OURS if line.split()[1] in ("pause", "resume", "step-down")]
WATCHES = "svc status --watch"
DEADLINE = 300
# A number for each command that wants one: an update that is dead, a job that is not made yet.
FIRST_ID = 1000

A_ROW = {
    "ID": """INSERT INTO dead_updates (bot_id, update_id, chat_id, update_type, payload, received_at, received_by,
                                       attempts, doubts, reason, history)
             VALUES ({bot}, {id}, 7, 'message', '{{}}', now(), 'one', 5, 0, 'Unauthorized', '[]')""",
    "JOB": """INSERT INTO jobs (bot_id, job_id, chat_id, user_id, provider, model, input, secret, deadline_at)
              VALUES ({bot}, {id}, 7, 7, 'kie', 'a-model', '{{}}', 's', now() + interval '1 hour')""",
}


def sections() -> dict[str, str]:
    """The text below each heading of an alert."""
    alerts = TEXT.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    parts = re.split(r"^### (\w+)\n", alerts, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_alert_has_its_section() -> None:
    """With what it means, how urgent it is, commands to look with, and when it is over; and no other has one."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts.keys() == sections().keys()
    for name, text in sections().items():
        assert text.strip().startswith(f"*{alerts[name]['labels']['severity'].capitalize()}.* "), name
        assert "```sh\n" in text, name
        assert "\nOver when " in text, name
        assert alerts[name]["annotations"]["runbook_url"].endswith(f"docs/runbook.md#{name.lower()}")


def test_every_name_exists() -> None:
    """Commands, events, settings, states and metrics."""
    assert list(unknown_commands(TEXT)) == []
    assert unknown_names(TEXT) == set()


@pytest.mark.parametrize("line", OTHERS)
def test_what_cannot_be_run_here_names_what_is_deployed(line: str) -> None:
    """Deployments, labels, files, services and units are those of deploy/."""
    program, *words = shlex.split(line.partition(" | ")[0])
    if program == "kubectl":
        assert {word.partition("/")[2] for word in words if word.startswith("deployment/")} <= {"svc"}
        labels = [f"{name}={value}" for name, value in MANIFESTS["Deployment"]["metadata"]["labels"].items()]
        assert [words[words.index(word) + 1] for word in words if word == "--selector"] in ([], labels)
        assert all((ROOT / word).exists() for word in words if word.startswith("deploy/"))
        assert [container["name"] for container in POD["containers"]] == ["svc"]
    elif program == "docker":
        assert words[:3] == ["compose", "-f", "deploy/compose.yaml"]
        assert {"one", "two"} <= COMPOSE.keys()
        assert {"one", "two"} & {*words}
    elif program in ("systemctl", "journalctl"):
        assert [word for word in words if re.fullmatch(r"svc@(\d+|\*)", word)]
        assert (DEPLOY / "systemd" / "svc@.service").exists()
    else:
        assert program == "curl"


async def made_ready(line: str, number: int, database_url: str, bot_id: int) -> str:
    """A command with this number, and a row for it in the database, in place of what it names in capitals."""
    for name, sql in A_ROW.items():
        if name in line.split():
            await rows(database_url, sql.format(bot=bot_id, id=number))
    return re.sub(r"\b(ID|JOB|CHAT)\b", str(number), line).replace("NEW", shlex.quote(str(ROOT)))


async def fault_of(line: str, commands: CommandsInTurn) -> str | None:
    """What one of our commands says, where it does not end with 0."""
    done = await commands.run(*shlex.split(line)[1:])
    return None if done.returncode == 0 else f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"


async def settings_at(fleet: Fleet, nursery: trio.Nursery) -> dict[str, str]:
    """The settings of commands: the instances' own, with a way to the Bot API for them alone."""
    telegram: str = await nursery.start(ObservedBotApi(fleet.sandbox.api).run)
    public = {"WEBHOOK_URL": "https://bot.example.org/webhook", "KEEP_PAYLOADS": "24", "PYTHONPATH": str(ROOT)}
    return service_environment(fleet.database_url, telegram, 8080, **public)


@pytest.mark.timeout(DEADLINE)
async def test_our_commands_do_what_they_say(database_url: str, tmp_path: Path, nursery: trio.Nursery) -> None:
    """All but orders, while no instance runs: each ends with 0."""
    async with running_fleet(database_url) as fleet:
        settings = await settings_at(fleet, nursery)
        bot_id = int(settings["BOT_TOKEN"].partition(":")[0])
        lines = [line for line in OURS if line not in ORDERS and not line.startswith(WATCHES)]
        assert len(lines) > 20
        async with commands_in_turn(settings, tmp_path) as commands:
            for number, line in enumerate(lines, FIRST_ID):
                ready = await made_ready(line, number, database_url, bot_id)
                assert await fault_of(ready, commands) is None
        nursery.cancel_scope.cancel()


async def test_watching_ends_with_ctrl_c(database_url: str, nursery: trio.Nursery) -> None:
    """It goes on until then, whether or not anybody is ACTIVE."""
    assert WATCHES in LINES
    async with running_fleet(database_url) as fleet:
        settings = await settings_at(fleet, nursery)
        async with running(*python("-m", "svc", *shlex.split(WATCHES)[1:]), env=settings) as watching:
            await watching.says("in doubt")
            watching.process.send_signal(signal.SIGINT)
            assert await watching.exit_code() == 0
        nursery.cancel_scope.cancel()


@pytest.mark.timeout(DEADLINE)
async def test_orders_are_obeyed(empty_database_url: str, tmp_path: Path, nursery: trio.Nursery) -> None:
    """A pause while no instance runs ends with 1 and holds all the same, as after a restore. Then all of them, in the
    text's order, by two instances. At the end nothing is paused, and who has written is answered.
    """
    async with (
        running_fleet(empty_database_url) as fleet,
        commands_in_turn(await settings_at(fleet, nursery), tmp_path) as commands,
    ):
        assert await fault_of("svc migrate", commands) is None
        assert ": exit 1\n" in (await fault_of("svc pause", commands) or "")
        leader = await fleet.start_active()
        await (await fleet.start()).ready()
        await leader.event("SENDING_PAUSED")
        await leader.event("ENQUEUED", update_id=fleet.says(7))
        assert not fleet.menus()
        for line in [*ORDERS, "svc resume"]:
            assert await fault_of(line, commands) is None
        await eventually(lambda: fleet.menus()[7] == 1)
        nursery.cancel_scope.cancel()


async def test_the_databases_commands_work(postgres: EmbeddedPostgres, database_url: str, tmp_path: Path) -> None:
    """psql, and a dump that is restored, as a shell runs them; the programs are the server's own."""
    postgres.execute("CREATE DATABASE restored")
    programs = str(binary("psql").parent)
    settings = {
        "DATABASE_URL": database_url,
        "RESTORED_URL": postgres.url_of("restored"),
        "PATH": f"{programs}:/usr/bin:/bin",
    }
    dumped_first = sorted(DATABASE, key=lambda line: not line.startswith("pg_"))
    for line in dumped_first:
        done = await run("sh", "-ec", line, env=settings, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), f"{line}: {done.stderr}"
    assert len(dumped_first) > 8
    postgres.execute("DROP DATABASE restored")
