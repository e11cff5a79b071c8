"""The demo's balancer: whoever can answer is asked, each in turn, and nobody is waited for long."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
import trio

from demo.instances.balancer import Balancer
from sandbox.webhooks import PostResult

BODY = json.dumps({"update_id": 7}).encode()


@dataclass
class FakeInstance:
    """An instance that answers with `status`, refuses (None), or says nothing for ever (0)."""

    address: str
    status: int | None = 200
    running: bool = True
    frozen: bool = False
    live: bool = True


@dataclass
class Setting:
    """A balancer in front of these; `asked` are the URLs in order, `told` what was acknowledged, and how soon."""

    instances: list[FakeInstance]
    asked: list[str] = field(default_factory=list)
    told: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.balancer = Balancer(lambda: self.instances, self.post, lambda update, took, _: self.note(update, took))

    def note(self, update: int, took: float) -> None:
        self.told.append((update, round(took, 3)))

    async def post(self, url: str, _headers: list[tuple[str, str]], _body: bytes) -> PostResult:
        self.asked.append(url)
        (instance,) = (each for each in self.instances if url.startswith(f"{each.address}/"))
        if instance.status is None:
            raise ConnectionRefusedError
        if not instance.status:
            await trio.sleep_forever()
        await trio.sleep(0.01)
        return PostResult(instance.status)

    async def webhook(self) -> int:
        return (await self.balancer.post("http://anywhere:1/webhook", [], BODY)).status


async def test_each_gets_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    """Whatever host the URL has, its path is kept; who comes or goes is seen at once."""
    setting = Setting([FakeInstance("http://a"), FakeInstance("http://b")])
    assert [await setting.webhook() for _ in range(4)] == [200] * 4
    assert setting.asked == ["http://a/webhook", "http://b/webhook"] * 2
    setting.instances = [FakeInstance("http://c")]
    await setting.webhook()
    assert setting.asked[-1] == "http://c/webhook"
    assert setting.told == [(7, 0.01)] * 5


async def test_whoever_fails_is_passed_by(autojump_clock: trio.testing.MockClock) -> None:
    """One that refuses at once, one that cannot store now, one that says nothing after 2 s."""
    first = [FakeInstance("http://a", None), FakeInstance("http://b", 503), FakeInstance("http://c", 0)]
    setting = Setting([*first, FakeInstance("http://d")])
    assert await setting.webhook() == 200
    assert [url[7] for url in setting.asked] == ["a", "b", "c", "d"]
    assert setting.told == [(7, 2.02)]


@pytest.mark.parametrize("status", [400, 401, 413])
async def test_a_refusal_is_an_answer(autojump_clock: trio.testing.MockClock, status: int) -> None:
    """What is wrong with a request is wrong with it everywhere: nobody else is asked, and nothing acknowledged."""
    setting = Setting([FakeInstance("http://a", status), FakeInstance("http://b")])
    assert await setting.webhook() == status
    assert (len(setting.asked), setting.told) == (1, [])


async def test_who_is_not_ready_is_the_last_resort(autojump_clock: trio.testing.MockClock) -> None:
    """Never deaf as long as one may live; who has ended or is frozen is not asked at all."""
    ended, frozen = FakeInstance("http://a", running=False), FakeInstance("http://b", frozen=True, live=False)
    silent, ready = FakeInstance("http://c", live=False), FakeInstance("http://d")
    setting = Setting([ended, frozen, silent, ready])
    assert [await setting.webhook() for _ in range(2)] == [200, 200]
    assert setting.asked == ["http://d/webhook"] * 2
    ready.running = False
    assert await setting.webhook() == 200
    assert setting.asked[2:] == ["http://c/webhook"]


async def test_nobody_is_there(autojump_clock: trio.testing.MockClock) -> None:
    """Telegram meets a refused connection, or the answer of the last who could not store."""
    setting = Setting([FakeInstance("http://a", None)])
    with pytest.raises(ConnectionRefusedError):
        await setting.webhook()
    setting.instances = [FakeInstance("http://a", 503), FakeInstance("http://b", None)]
    assert await setting.webhook() == 503
    assert setting.told == []


@pytest.mark.parametrize(
    "target", [b"/webhook", b"@127.0.0.1:%d/callback/kie/1", b"http://127.0.0.1:%d/callback/kie/1"]
)
async def test_nothing_but_callbacks_comes_in_by_its_port(nursery: trio.Nursery, target: bytes) -> None:
    """Whoever finds the port gets no further: not to an instance otherwise, and by no odd target to anybody else."""
    setting = Setting([FakeInstance("http://a")])
    address: str = await nursery.start(setting.balancer.run)
    port = int(address.rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        target = target % port if b"%d" in target else target
        await stream.send_all(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % target)
        answer = b"".join([chunk async for chunk in stream])
    assert answer.startswith(b"HTTP/1.1 404")
    assert setting.asked == []
