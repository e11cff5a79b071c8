"""What `make ha` decides by: its figures, Patroni's answers and settings, and where its programs come from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fleet.ha import programs
from fleet.ha.node import CLUSTER_SETTINGS, TIMES, Ports, node_settings
from fleet.ha.patroni import View, view_of
from fleet.ha.report import markdown, table
from fleet.ha.result import Result, strangers, to_200, to_active
from fleet.ha.scenes import SCENES
from fleet.torture.people import Written
from fleet.torture.verdict import Verdict
from tests.processes import ROOT, environment_of_checkout, python
from tests.processes import run as run_command

DOCUMENT = (ROOT / "docs" / "ha.md").read_text("utf-8")
ROLES = {"one": "leader", "two": "sync_standby", "three": "replica"}
WELL = {"one": "running", "two": "streaming", "three": "streaming"}


@pytest.mark.parametrize(("begins", "seconds"), [([90.0], None), ([90.0, 112.0, 103.5], 3.5)])
def test_to_active_is_until_the_first_term_after_it(begins: list[float], seconds: float | None) -> None:
    """Terms that began before it do not count; no term after it means that the lead did not change."""
    assert to_active(100.0, begins) == seconds


@pytest.mark.parametrize(
    ("accepted", "seconds"),
    [
        ([99.0, 100.5, 101.2, 102.0], None),  # never a second without one
        ([99.9, 100.2, 107.0, 107.1], 7.0),  # from 100.2 to 107
        ([99.9, 104.0], 4.0),  # none at once
        ([107.0, 100.2, 101.5], 7.0),  # the longest of two stretches, whatever the order
        ([99.0], None),
    ],
)
def test_to_200_is_until_the_end_of_the_longest_stretch_without_one(
    accepted: list[float], seconds: float | None
) -> None:
    """Counted from what happened; stretches below a second are the load's own."""
    assert to_200(100.0, accepted) == seconds


def test_a_term_that_the_database_does_not_know_is_a_breach() -> None:
    """It was led on a server that was not the leader any more."""
    assert strangers([1, 2, 3], [1, 3, 4]) == ["term 2 is not in the database"]
    result = Result("frozen", Verdict(0, 0, 0), 0, None, None, strangers([2], [1]))
    assert result.breaches() == ["term 2 is not in the database"]


def test_the_cluster_is_whole_when_a_leader_and_a_synchronous_standby_run_and_the_third_streams() -> None:
    """By what Patroni's /cluster says; nobody's answer is nobody's cluster."""
    answer = {"members": [{"name": name, "role": ROLES[name], "state": WELL[name]} for name in ROLES]}
    view = view_of(answer)
    assert (view.leader, view.synchronous, view.whole) == ("one", "two", True)
    assert not View(ROLES, WELL | {"three": "stopped"}).whole
    assert not View(ROLES | {"two": "replica"}, WELL).whole
    assert View(ROLES, WELL | {"one": "crashed"}).leader is None
    assert (view_of(None).leader, view_of(None).whole) == (None, False)


def test_the_settings_are_those_of_the_document() -> None:
    """What operators are told to set is what was run. Patroni would silently change times that do not fit."""
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert yaml.safe_load(text) == CLUSTER_SETTINGS
    assert TIMES["loop_wait"] + 2 * TIMES["retry_timeout"] <= TIMES["ttl"]
    assert all(f"`{name}`" in DOCUMENT for name in SCENES)


def test_a_node_is_found_only_through_its_links() -> None:
    """Others connect to the link before its Postgres, and etcd's own addresses are not asked for."""
    ports = Ports(postgres=5001, rest=5002)
    settings = node_settings("one", ports, etcd=5003, replication=5004, folder=Path("/f"), binaries=Path("/b"))
    assert settings["etcd3"] == {"host": "127.0.0.1:5003", "use_proxies": True}
    assert settings["postgresql"]["connect_address"] == "127.0.0.1:5004"
    assert settings["postgresql"]["listen"] == "127.0.0.1:5001"


def test_the_table_is_the_same_in_both_forms() -> None:
    """A line for each scene, with what was counted and what did not happen in words."""
    verdict = Verdict(209, 209, 100, lost=[Written(1, 1, "menu", 0.0)], waits=[0.1, 3.42])
    results = [Result("switchover", verdict, 2, 3.21, 3.07), Result("no_etcd", Verdict(500, 500, 200), 0, None, None)]
    cells = [["switchover", "209", "1", "0", "2", "3.4 s", "3.2 s", "3.1 s"]]
    cells += [["no_etcd", "500", "0", "0", "0", "0.0 s", "stayed", "flowed"]]
    assert [re.split(r"  +", line) for line in table(results).splitlines()[1:]] == cells
    assert markdown(results).splitlines()[2:] == [f"| {' | '.join(row)} |" for row in cells]


def test_what_cannot_be_had_is_said_with_the_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Debian's packages there is a reason, and nothing half-made is taken for whole the next time."""
    installed = tmp_path / "bin"
    installed.mkdir()
    for name in ("setpriv", "etcd", "patroni"):
        (installed / name).symlink_to("/bin/true")
    cache = installed / "apt-cache"
    cache.write_text("#!/bin/sh\necho first >&2\necho 'E: No packages found' >&2\nexit 100\n")
    cache.chmod(0o755)
    monkeypatch.setattr(programs, "_ADMIN_FOLDERS", ())
    monkeypatch.setenv("PATH", str(installed))
    for _ in range(2):
        with pytest.raises(programs.Missing, match="apt-cache depends pgbouncer` failed: E: No packages found"):
            programs.find_programs(tmp_path / "cache")


@pytest.mark.processes
@pytest.mark.parametrize("options", [("--only", "nothing"), ("--seed", "x")])
async def test_bad_usage_is_said_at_once(options: tuple[str, ...]) -> None:
    """Exit code 2, and nothing is fetched or started."""
    done = await run_command(*python("-m", "fleet.ha", *options), env=environment_of_checkout())
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: " in done.stderr
