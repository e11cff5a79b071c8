"""The client against the stand-in for kie, in this process under a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from providers.kie.client import CREATE_TIMEOUT, QUERY_TIMEOUT, UPLOAD_TIMEOUT, Kie
from providers.provider import Going, InDoubt, Made, NotMade, NotSent, Provider, ProviderError, Refused
from sandbox.clock import TrioWallClock
from sandbox.kie.app import DEMO_KEY, KieSandbox
from tests.faked_kie import FakedKie, shows_no_key
from tests.transports import answering

MODEL = "z-image"
GIVEN = {"prompt": "a fox", "aspect_ratio": "1:1"}
CALLBACK = "http://bot.example/callback/kie/7.secret"
START = 1_700_000_000.0


@pytest.fixture
async def sandbox(autojump_clock: MockClock) -> KieSandbox:
    return KieSandbox(now=TrioWallClock(START))


@pytest.fixture
async def kie(sandbox: KieSandbox) -> AsyncIterator[Kie]:
    async with Kie(DEMO_KEY, open_transport=sandbox.transport) as kie:
        yield kie


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        await trio.lowlevel.checkpoint()
        yield piece


async def fetch(sandbox: KieSandbox, url: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=sandbox.transport()) as http:
        return await http.get(url)


async def made(kie: Kie, task_id: str, seconds: float = 2.1) -> Made:
    """What a task has made once it is over."""
    await trio.sleep(seconds)
    task = await kie.task(task_id)
    assert task is not None
    assert isinstance(task.outcome, Made)
    return task.outcome


def test_it_is_a_provider() -> None:
    """The client has the methods that the service asks for."""
    provider: Provider = Kie(DEMO_KEY)
    assert repr(provider) == "Kie(...)"


@pytest.mark.parametrize("key", ["", " key", "key\n", "ключ", "a\x00b"])
def test_a_key_that_cannot_be_a_header_is_refused_at_once(key: str) -> None:
    """And the error does not show it."""
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        Kie(key)
    assert key.strip() in ("", "key") or key not in str(caught.value)


async def test_a_task_goes_from_its_create_to_a_picture(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie
) -> None:
    """It is known by the address that its create named, tells how far it is, and ends with an address that works."""
    task_id = await kie.create(MODEL, GIVEN, CALLBACK)
    shares = []
    while True:
        task = await kie.task(task_id)
        assert task is not None
        assert (task.task_id, task.callback_url) == (task_id, CALLBACK)
        if not isinstance(task.outcome, Going):
            break
        shares.append(task.outcome.progress)
        await trio.sleep(0.5)
    assert shares == [0.0, 0.25, 0.5, 0.75]
    assert isinstance(task.outcome, Made)
    (url,) = task.outcome.urls
    assert (await fetch(sandbox, url)).content.startswith(b"\x89PNG")
    assert sandbox.tasks.creates() == {CALLBACK: 1}


async def test_a_create_needs_no_callback(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """Without a public address the service polls alone."""
    task = await kie.task(await kie.create(MODEL, GIVEN, None))
    assert task is not None
    assert task.callback_url is None


async def test_a_task_that_nobody_knows_is_none(autojump_clock: MockClock, kie: Kie) -> None:
    """kie answers 422 "recordInfo is null"; that is no error."""
    assert await kie.task("0" * 32) is None
    assert await kie.task("a&b=c\ud800/ü") is None


async def test_a_file_is_uploaded_and_worked_on(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """What is sent in pieces arrives as one file, under an address that a create can name."""
    picture = (await fetch(sandbox, (await made(kie, await kie.create(MODEL, GIVEN, None))).urls[0])).content
    half = len(picture) // 2
    url = await kie.upload('кот "1".png', pieces(picture[:half], b"", picture[half:]), len(picture))
    assert (await fetch(sandbox, url)).content == picture
    task_id = await kie.create("recraft/crisp-upscale", {"image": url}, None)
    upscaled = await fetch(sandbox, (await made(kie, task_id)).urls[0])
    assert len(upscaled.content) > len(picture)


@pytest.mark.parametrize(("content", "size"), [((b"12345",), 6), ((b"12345",), 4), ((), 1), ((b"1",), 0)])
async def test_a_file_of_another_size_than_told_is_not_sent(
    autojump_clock: MockClock, kie: Kie, content: tuple[bytes, ...], size: int
) -> None:
    """Its length stands in the head of the request, so that nobody acts on a part of it."""
    with pytest.raises(NotSent, match="not of the size"):
        await kie.upload("a.png", pieces(*content), size)


async def test_what_a_file_raises_goes_through(autojump_clock: MockClock, kie: Kie) -> None:
    """Whoever reads it from elsewhere gets that error, not one of the provider's."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"123"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        await kie.upload("a.png", broken(), 6)
    shows_no_key(caught.value)
    assert await kie.credit() > 0


async def test_files_never_go_to_kie_where_something_stands_in_for_it() -> None:
    """kie's own host for files belongs to kie's own root only; any other root takes files itself."""
    for root, host in (("https://api.kie.ai/", "kieai.redpandaai.co"), ("http://127.0.0.1:9", "127.0.0.1")):
        faked = FakedKie(answering(200, {"code": 200, "data": {"downloadUrl": "https://x/1"}}), root=root)
        async with faked.kie as kie:
            await kie.upload("a.png", pieces(b"1"), 1)
        assert faked.transport.requests[0].url.host == host


async def test_a_fresh_address_works_where_the_first_does_not(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie
) -> None:
    """Whether it answers 404 or 403; for 20 minutes. What kie has not made has none."""
    for kind, status in (("result_404", 404), ("result_403", 403)):
        sandbox.faults.order(kind)
        (url,) = (await made(kie, await kie.create(MODEL, GIVEN, None))).urls
        assert (await fetch(sandbox, url)).status_code == status
        fresh = await kie.fresh_url(url)
        assert (await fetch(sandbox, fresh)).status_code == 200
    await trio.sleep(20 * 60 + 1)
    assert (await fetch(sandbox, fresh)).status_code == 403
    with pytest.raises(Refused) as caught:
        await kie.fresh_url("https://example.com/a.png")
    assert caught.value.kind == "input"


async def test_credit_is_told_and_used_up(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """An empty account refuses creates."""
    sandbox.api.credits = 1.5
    await kie.create(MODEL, GIVEN, None)
    assert await kie.credit() == 0.5
    with pytest.raises(Refused) as caught:
        await kie.create(MODEL, GIVEN, None)
    assert caught.value.kind == "credits"


async def test_a_wrong_key_is_told(autojump_clock: MockClock, sandbox: KieSandbox) -> None:
    """With the word that an operator can act on."""
    async with Kie("another-key", open_transport=sandbox.transport) as kie:
        for call in (kie.credit, lambda: kie.create(MODEL, GIVEN, None), lambda: kie.task("1")):
            with pytest.raises(Refused) as caught:
                await call()
            assert caught.value.kind == "unauthorized"


@pytest.mark.parametrize(
    ("fault", "kind", "created"),
    [
        ({"kind": "code", "code": 402}, Refused, False),
        ({"kind": "code", "code": 429}, Refused, False),
        ({"kind": "code", "code": 429, "status": 429}, Refused, False),
        ({"kind": "code", "code": 455}, Refused, False),
        ({"kind": "code", "code": 500}, InDoubt, False),
        ({"kind": "code", "code": 408}, InDoubt, False),
        ({"kind": "code_after", "code": 500, "status": 500}, InDoubt, True),
        ({"kind": "html"}, InDoubt, False),
        ({"kind": "cut_before"}, InDoubt, False),
        ({"kind": "cut_after"}, InDoubt, True),
        ({"kind": "slow", "delay": CREATE_TIMEOUT + 1}, InDoubt, True),
        ({"kind": "hang"}, InDoubt, False),
    ],
)
async def test_every_fault_of_a_create_has_its_error(
    autojump_clock: MockClock,
    sandbox: KieSandbox,
    kie: Kie,
    fault: dict[str, Any],
    kind: type[ProviderError],
    created: bool,
) -> None:
    """It claims no more than the client can know, and the next create works."""
    sandbox.faults.order(**fault)
    with pytest.raises(ProviderError) as caught:
        await kie.create(MODEL, GIVEN, CALLBACK)
    assert type(caught.value) is kind
    shows_no_key(caught.value)
    assert sandbox.tasks.creates()[CALLBACK] == created
    assert not created or len(sandbox.tasks.all()) == 1
    await kie.create(MODEL, GIVEN, CALLBACK)


async def test_each_call_has_a_deadline_of_its_own(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """Half a minute for a create, ten seconds for a query, two minutes for a file."""
    for call, seconds in (
        (lambda: kie.create(MODEL, GIVEN, None), CREATE_TIMEOUT),
        (lambda: kie.task("1"), QUERY_TIMEOUT),
        (lambda: kie.fresh_url("http://kie.sandbox/files/x"), QUERY_TIMEOUT),
        (kie.credit, QUERY_TIMEOUT),
        (lambda: kie.upload("a", pieces(b"1"), 1), UPLOAD_TIMEOUT),
    ):
        sandbox.faults.order("hang")
        began = trio.current_time()
        with pytest.raises(InDoubt, match="no answer in time"):
            await call()
        assert trio.current_time() - began == pytest.approx(seconds)


async def test_a_call_that_waits_for_a_connection_is_not_sent(autojump_clock: MockClock, sandbox: KieSandbox) -> None:
    """Its deadline counts from when it was asked for."""
    async with Kie(DEMO_KEY, connections=1, open_transport=sandbox.transport) as kie, trio.open_nursery() as nursery:
        sandbox.faults.order("hang")

        async def hang() -> None:
            with pytest.raises(InDoubt):
                await kie.create(MODEL, GIVEN, None)

        nursery.start_soon(hang)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotSent, match="no answer in time"):
            await kie.credit()


async def test_without_a_connection_nothing_is_sent(autojump_clock: MockClock, sandbox: KieSandbox) -> None:
    """A create may be made again then."""
    transport = sandbox.transport()
    transport.shut()
    async with Kie(DEMO_KEY, open_transport=lambda: transport) as kie:
        with pytest.raises(NotSent, match="ConnectError") as caught:
            await kie.create(MODEL, GIVEN, None)
    shows_no_key(caught.value)


async def test_the_limits_of_the_account(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """20 creates in 10 s; what is refused is not queued, and does not count."""
    for _ in range(20):
        await kie.create(MODEL, GIVEN, None)
    for _ in range(5):
        with pytest.raises(Refused) as caught:
            await kie.create(MODEL, GIVEN, None)
        assert caught.value.kind == "busy"
    assert (len(sandbox.tasks.all()), sandbox.tasks.refused) == (20, 5)
    await trio.sleep(10)
    await kie.create(MODEL, GIVEN, None)


async def test_a_hundred_tasks_run_at_most(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """The next one has to wait until one is over."""
    sandbox.faults.order("long", count=100, delay=98.0)
    for _ in range(5):
        for _ in range(20):
            await kie.create(MODEL, GIVEN, None)
        await trio.sleep(11)
    with pytest.raises(Refused) as caught:
        await kie.create(MODEL, GIVEN, None)
    assert caught.value.kind == "busy"
    await trio.sleep(100 - 55)
    await kie.create(MODEL, GIVEN, None)


async def test_a_task_is_not_visible_at_first(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """recordInfo is null for a while; that is not known, rather than failed."""
    sandbox.faults.order("unseen", delay=90.0)
    task_id = await kie.create(MODEL, GIVEN, None)
    await trio.sleep(89)
    assert await kie.task(task_id) is None
    assert await made(kie, task_id, 1.1)


async def test_a_word_that_nobody_knows_means_that_it_is_going(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie
) -> None:
    """New states appear without notice."""
    sandbox.faults.order("strange_state")
    task = await kie.task(await kie.create(MODEL, GIVEN, None))
    assert task is not None
    assert task.outcome == Going(0.0)


async def test_success_without_addresses_is_success_with_none(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie
) -> None:
    """Who asked for it decides what that means."""
    sandbox.faults.order("no_urls")
    assert await made(kie, await kie.create(MODEL, GIVEN, None)) == Made(())


@pytest.mark.parametrize(
    ("code", "kind"), [(500, "failed"), (501, "failed"), (422, "input"), (400, "input"), (402, "credits")]
)
async def test_a_failure_long_after(
    autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie, code: int, kind: str
) -> None:
    """The create was a success, and the task fails all the same, in the provider's words."""
    sandbox.faults.order("fails", code=code, message="it was\n not  to be\x00")
    sandbox.faults.order("long", delay=600.0)
    task_id = await kie.create(MODEL, GIVEN, None)
    await trio.sleep(601)
    task = await kie.task(task_id)
    assert task is not None
    assert isinstance(task.outcome, Going)
    await trio.sleep(1.1)
    task = await kie.task(task_id)
    assert task is not None
    assert isinstance(task.outcome, NotMade)
    assert (task.outcome.kind, task.outcome.text) == (kind, "it was not to be")


async def test_results_that_cannot_be_had(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """Gone for good, and larger than Telegram takes."""
    sandbox.faults.order("result_gone")
    (url,) = (await made(kie, await kie.create(MODEL, GIVEN, None))).urls
    assert (await fetch(sandbox, await kie.fresh_url(url))).status_code == 404
    sandbox.faults.order("result_too_large")
    (url,) = (await made(kie, await kie.create(MODEL, GIVEN, None))).urls
    async with httpx.AsyncClient(transport=sandbox.transport()) as http:
        head = await http.head(url)
    assert int(head.headers["content-length"]) == 60 * 1024 * 1024


async def test_a_key_that_is_echoed_is_not_told() -> None:
    """Some servers repeat the key that they do not accept: it is in no error and in no row."""
    echo = answering(200, {"code": 401, "msg": f"no such key: {DEMO_KEY}"})
    async with FakedKie(echo).kie as kie:
        with pytest.raises(Refused, match=r"no such key: \*\*\*") as caught:
            await kie.credit()
    shows_no_key(caught.value)


async def test_a_retry_after_is_told() -> None:
    """In seconds, a day at most; what is no time is none."""
    for header, seconds in (("7", 7.0), ("1e9", 86_400.0), ("soon", None), ("-1", None), ("nan", None)):
        busy = answering(429, {"code": 429, "msg": "busy"}, {"Retry-After": header})
        async with FakedKie(busy).kie as kie:
            with pytest.raises(Refused) as caught:
                await kie.create(MODEL, GIVEN, None)
        assert (caught.value.kind, caught.value.retry_after) == ("busy", seconds)


async def test_another_task_s_record_is_not_this_one_s() -> None:
    """Nobody is given somebody else's picture."""
    record = {"taskId": "other", "state": "success", "resultJson": '{"resultUrls": ["http://x/1"]}'}
    async with FakedKie(answering(200, {"code": 200, "data": record})).kie as kie:
        with pytest.raises(InDoubt, match="no record of this task"):
            await kie.task("mine")


async def test_what_is_no_json_is_not_sent_at_all(autojump_clock: MockClock, sandbox: KieSandbox, kie: Kie) -> None:
    """A mistake of the caller's is its own error."""
    with pytest.raises(ValueError, match="JSON"):
        await kie.create(MODEL, {"seed": float("nan")}, None)
    with pytest.raises(TypeError):
        await kie.create(MODEL, {"seed": object()}, None)
    assert sandbox.tasks.all() == []


async def test_a_cancelled_create_has_had_its_effect(autojump_clock: MockClock, sandbox: KieSandbox) -> None:
    """The client cannot take it back; the next call has a connection all the same."""
    async with Kie(DEMO_KEY, connections=1, open_transport=lambda: sandbox.transport(latency=1.0)) as kie:
        with trio.move_on_after(1.5) as scope:
            await kie.create(MODEL, GIVEN, CALLBACK)
        assert scope.cancelled_caught
        assert sandbox.tasks.creates() == {CALLBACK: 1}
        assert await kie.credit() > 0
