"""What operators do, over a real Postgres: it is recorded with who did it, and told to the instances."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio

from svc.actions import dead_letters
from svc.actions.dead_letters import DISCARD, REPLAY, Selection, Tally
from svc.actions.jobs import cancel_job
from svc.actions.orders import CannotBeDone, obeyed, pause, resume, step_down
from svc.actions.record import LONGEST_NAME, STOPPED, Operator, latest_actions, operator_named, recorded
from svc.reports import updates as reports
from svc.storage.database import Database, DatabaseUnavailable
from svc.storage.inbox import Dead, StoreOutcome, Term
from svc.storage.instances import Heartbeat
from svc.storage.orders import NO_ORDERS, Orders, StepDown
from svc.storage.postgres_inbox import PostgresInbox
from svc.storage.postgres_instances import PostgresInstances
from tests.flaky_database import FlakyDatabase
from tests.operators import ANNA, DEAD, an_inbox, attempt, received, settings_on

BOT = 42
SOON = 0.5


class Instance:
    """What one process has said of itself."""

    def __init__(self, database: Database, label: str) -> None:
        self.label = label
        self._inbox = PostgresInbox(database, BOT, label)
        self._row = PostgresInstances(database, BOT, label)
        self._said = Heartbeat("PASSIVE", 1.0, reaches=True, reach_for=1.0)

    async def says(self, state: str, *epochs: int, reaches: bool | None = True) -> Orders:
        """A heartbeat; the orders that it hears."""
        self._said = Heartbeat(state, 1.0, epochs, reaches, reach_for=None if reaches is None else 1.0)
        return await self.goes_on()

    async def goes_on(self) -> Orders:
        """The same heartbeat once more."""
        return (await self._row.beat(self._said)).orders

    async def leads(self) -> Term:
        """A term begins, and it says so."""
        term = await self._inbox.take_over(uuid4(), self.label)
        await self.says("ACTIVE", term.epoch)
        return term

    async def notes_pause(self, term: Term, by: str | None) -> None:
        await self._inbox.note_pause(term, by and "a reason", by)


@pytest.fixture
def one(database: Database) -> Instance:
    return Instance(database, "one")


@pytest.fixture
def two(database: Database) -> Instance:
    return Instance(database, "two")


@pytest.fixture
async def dead(database: Database) -> Database:
    """A database with twenty dead updates."""
    await database.fetch(DEAD, BOT, 20)
    return database


async def told(database: Database) -> list[tuple[str, str, dict[str, object], str | None]]:
    """What was recorded, the newest first: who, what, with which detail, and what came of it."""
    rows = await latest_actions(database, BOT, 100)
    return [(row["operator"], row["action"], row["detail"], row["outcome"]) for row in rows]


# The record


async def test_an_action_is_recorded_before_it_is_done(database: Database) -> None:
    """With no outcome as long as it goes on; then with what came of it."""
    async with recorded(database, BOT, Operator("Bob (192.0.2.7)", "page"), "dance", {"steps": 3}) as outcome:
        (row,) = await latest_actions(database, BOT, 10)
        assert (row["operator"], row["via"], row["action"]) == ("Bob (192.0.2.7)", "page", "dance")
        assert (row["outcome"], row["ended_at"]) == (None, None)
        outcome.text, outcome.detail["falls"] = "well danced", 1
    (row,) = await latest_actions(database, BOT, 10)
    assert (row["detail"], row["outcome"]) == ({"steps": 3, "falls": 1}, "well danced")
    assert row["ended_at"] >= row["at"]
    assert await latest_actions(database, BOT + 1, 10) == []


async def test_what_went_wrong_is_recorded(database: Database) -> None:
    """An error with its words, and whoever was stopped, with whatever Postgres can store of it all."""
    odd = Operator("a\0nna\n\ud800 " + "x" * 500, "command")
    with pytest.raises(CannotBeDone):
        async with recorded(database, BOT, odd, "fail", {"why": "\0\ud800"}):
            raise CannotBeDone("not \0 today")
    with trio.CancelScope() as scope:
        async with recorded(database, BOT, odd, "be stopped", {}):
            scope.cancel(reason="Ctrl-C")
            await trio.sleep_forever()
    stopped, failed = await told(database)
    assert stopped[1:] == ("be stopped", {}, STOPPED)
    assert failed[3] == "CannotBeDone: not  today"
    assert failed[0] == ("anna ? " + "x" * 500)[:LONGEST_NAME]


async def test_what_cannot_be_recorded_is_not_done(database: Database) -> None:
    """Where the database is away before it, nothing is done; where it goes away right after it, it is done, and only
    what came of it is missing."""
    flaky = FlakyDatabase(database)
    flaky.away = True
    with pytest.raises(DatabaseUnavailable):
        async with recorded(flaky, BOT, ANNA, "pause", {}):
            raise AssertionError("it was done")
    flaky.away = False
    async with recorded(flaky, BOT, ANNA, "pause", {}):
        flaky.away = True
    assert [outcome for *_, outcome in await told(database)] == [None]


def test_who_is_here() -> None:
    """A command says who gave it, and on which machine."""
    assert operator_named(None).via == "command"
    assert "@" in operator_named(None).name


# Pauses


async def test_pausing_and_resuming(database: Database, one: Instance) -> None:
    """Every instance hears of it with its next heartbeat; pausing again replaces the reason."""
    await pause(database, BOT, ANNA, "sending", "", "first\nreason")
    await pause(database, BOT, Operator("bob", "page"), "sending", "", "second reason")
    await pause(database, BOT, ANNA, "model", " kling ", "too slow")
    heard = await one.says("PASSIVE")
    assert [(each.scope, each.name, each.reason, each.by) for each in heard.pauses] == [
        ("model", "kling", "too slow", "anna@host"),
        ("sending", "", "second reason", "bob"),
    ]
    assert heard.creating("kie", "kling") is not None
    assert heard.creating("kling", "kie") is None
    assert await resume(database, BOT, ANNA, "sending", "")
    assert not await resume(database, BOT, ANNA, "sending", "")
    assert await resume(database, BOT, ANNA, "model", "kling")
    assert await one.goes_on() == NO_ORDERS
    assert [(who, what, outcome) for who, what, _, outcome in await told(database)] == [
        ("anna@host", "resume", "resumed"),
        ("anna@host", "resume", "it was not paused"),
        ("anna@host", "resume", "resumed"),
        ("anna@host", "pause", "paused"),
        ("bob", "pause", "paused"),
        ("anna@host", "pause", "paused"),
    ]


@pytest.mark.parametrize(("scope", "name"), [("sending", "kling"), ("model", " "), ("provider", "x" * 101)])
async def test_a_pause_that_makes_no_sense(database: Database, scope: str, name: str) -> None:
    """It is refused in a line, and nothing is recorded."""
    for act in (pause(database, BOT, ANNA, scope, name, ""), resume(database, BOT, ANNA, scope, name)):  # type: ignore[arg-type]
        with pytest.raises(CannotBeDone):
            await act
    assert await told(database) == []


async def test_a_leader_that_knows_no_pauses_does_not_obey_one(
    database: Database, one: Instance, two: Instance
) -> None:
    """In the middle of a deploy an instance of the release before this one takes the lead of one that had paused: its
    term clears the reason, and knows nothing of who has paused."""
    term = await one.leads()
    await one.notes_pause(term, "anna@host")
    await database.fetch("UPDATE leadership SET epoch = epoch + 1, paused_reason = NULL, paused_at = NULL")
    await one.says("PASSIVE", term.epoch)
    await two.says("ACTIVE", term.epoch + 1)
    assert await obeyed(database, BOT, paused=True, within=0.1) is None
    assert await obeyed(database, BOT, paused=False) is not None


async def test_waiting_until_it_is_obeyed(database: Database, one: Instance, two: Instance) -> None:
    """By whoever leads now, as it has said itself: not by one that led before, nor by one that is dead."""
    assert await obeyed(database, BOT, paused=False, within=0.1) is None
    old = await one.leads()
    assert await obeyed(database, BOT, paused=False) == "one"
    assert await obeyed(database, BOT, paused=True, within=0.1) is None
    await one.notes_pause(old, "anna@host")
    assert await obeyed(database, BOT, paused=True) == "one"
    new = await two.leads()
    assert await obeyed(database, BOT, paused=True, within=0.1) is None
    await two.notes_pause(new, "anna@host")
    assert await obeyed(database, BOT, paused=True) == "two"
    await database.fetch("UPDATE instances SET seen_at = seen_at - interval '1 minute'")
    assert await obeyed(database, BOT, paused=True, within=0.1) is None


# Stepping down


async def test_the_lead_goes_to_another(database: Database, one: Instance, two: Instance) -> None:
    """The leader alone is told, of its own term alone, until another one has the lead."""
    term = await one.leads()
    await two.says("PASSIVE")
    heard: list[Orders] = []

    async def obey() -> None:
        while (orders := await one.goes_on()).step_down is None:
            await trio.sleep(0.01)
        heard.append(orders)
        await two.leads()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(obey)
        done = await step_down(database, BOT, ANNA)
    assert [orders.step_down for orders in heard] == [StepDown(term.epoch, "anna@host")]
    assert (done.former, done.successor, done.epoch) == ("one", "two", term.epoch + 1)
    assert done.seconds > 0
    assert (await one.goes_on()).step_down is None
    ((_, action, detail, outcome),) = await told(database)
    assert (action, detail) == ("step_down", {"epoch": term.epoch})
    assert (outcome or "").startswith("from one to two in ")


@pytest.mark.parametrize("there", ["nobody", "alone", "cut off", "draining", "silent", "dead leader"])
async def test_nobody_steps_down_for_nobody(database: Database, one: Instance, two: Instance, there: str) -> None:
    """Where nobody leads, or nobody could take over, it is refused at once and nothing is ordered."""
    if there != "nobody":
        await one.leads()
    match there:
        case "cut off":
            await two.says("PASSIVE", reaches=False)
        case "draining":
            await two.says("DRAINING")
        case "silent":
            await two.says("PASSIVE")
            await database.fetch("UPDATE instances SET seen_at = now() - interval '4 s' WHERE instance_id = 'two'")
        case "dead leader":
            await two.says("PASSIVE")
            await database.fetch("UPDATE instances SET seen_at = now() - interval '4 s' WHERE instance_id = 'one'")
    with pytest.raises(CannotBeDone, match="ACTIVE" if there in ("nobody", "dead leader") else "no other"):
        await step_down(database, BOT, ANNA)
    assert await database.fetch("SELECT FROM leadership WHERE step_down_epoch IS NOT NULL") == []
    assert [(what, (outcome or "").partition(":")[0]) for _, what, _, outcome in await told(database)] == [
        ("step_down", "CannotBeDone")
    ]


async def test_an_order_that_is_not_obeyed_is_taken_back(database: Database, one: Instance, two: Instance) -> None:
    """After the time that there was, and where whoever waits is stopped: no leader obeys it later."""
    await one.leads()
    await two.says("PASSIVE", reaches=None)
    with pytest.raises(CannotBeDone, match="taken back"):
        await step_down(database, BOT, ANNA, within=0.2)
    assert (await one.goes_on()).step_down is None
    with trio.move_on_after(0.2):
        await step_down(database, BOT, ANNA)
    assert (await one.goes_on()).step_down is None
    assert next(outcome for *_, outcome in await told(database)) == STOPPED


# Dead updates


async def test_discarding(database: Database) -> None:
    """The payload is gone, a redelivery is still a duplicate, and the history says what has become of it."""
    async with an_inbox(database, settings_on(database.url)) as (inbox, term):
        bot_id = settings_on(database.url).bot_id
        await inbox.store(received(5))
        await attempt(inbox, term, 5, Dead("RuntimeError: no luck"))
        assert await DISCARD.by_ids(database, bot_id, ANNA, [5, 6], dry_run=True) == {5: True, 6: False}
        assert await DISCARD.by_ids(database, bot_id, ANNA, [5, 6]) == {5: True, 6: False}
        assert await DISCARD.by_ids(database, bot_id, ANNA, [5]) == {5: False}
        assert await REPLAY.by_ids(database, bot_id, ANNA, [5]) == {5: False}
        assert (await inbox.store(received(5))).outcome is StoreOutcome.DUPLICATE
        update = await reports.show_update(database, bot_id, 5)
        rows = await latest_actions(database, bot_id, 10)
    assert update is not None
    assert (update["note"], update["history"][-1]["event"]) == ("discarded", "discarded")
    assert [row["outcome"] for row in rows] == ["replayed 0 updates", "discarded 0 updates", "discarded 1 update"]
    assert rows[-1]["detail"] == {"update_ids": [5, 6], "named": 2}


async def test_discarding_what_fits(dead: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches; what does not fit stays. A dry run counts only, and is recorded nowhere."""
    monkeypatch.setattr(dead_letters, "BATCH", 3)
    chosen = Selection(reason="no luck")
    for dry_run in (True, False):
        tally, batches = Tally(), list[int]()
        tell = lambda: batches.append(1)  # noqa: B023, E731 (called right here)
        await DISCARD.by_selection(dead, BOT, ANNA, chosen, dry_run=dry_run, tally=tally, tell=tell)
        assert (tally.looked_at, tally.chosen.total(), len(batches)) == (20, 4, 7)
    assert [row["n"] for row in await dead.fetch("SELECT count(*) AS n FROM dead_updates")] == [16]
    ((_, action, detail, outcome),) = await told(dead)
    assert (action, outcome) == ("discard", "discarded 4 updates")
    assert detail == {"reason": "no luck", "discarded": 4}


async def test_a_replay_that_is_stopped_says_how_far_it_came(dead: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks later sees what was done of it."""
    monkeypatch.setattr(dead_letters, "BATCH", 5)
    tally = Tally()

    def stop() -> None:
        if tally.looked_at >= 10:
            raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        await REPLAY.by_selection(dead, BOT, ANNA, Selection(), dry_run=False, tally=tally, tell=stop)
    ((_, action, detail, outcome),) = await told(dead)
    assert (action, detail, outcome) == ("replay", {"replayed": 10}, "DatabaseUnavailable: away")


async def test_cancelling_is_recorded(database: Database) -> None:
    """Also where there was nothing to cancel."""
    assert not await cancel_job(database, BOT, ANNA, 5)
    assert await told(database) == [
        ("anna@host", "cancel_job", {"job_id": 5}, "it is over, made already, or not known")
    ]
