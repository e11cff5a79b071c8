"""What the client makes of kie's answers: each code, each shape of a record, and anything else that may come."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from providers.kie.answers import REFUSALS, task_in
from providers.kie.callback import task_id_of
from providers.kie.client import MAX_ANSWER
from providers.provider import Going, InDoubt, Made, NotMade, NotSent, ProviderError, Refused, Task
from tests.faked_kie import FakedKie, shows_no_key
from tests.transports import Answer, answering


async def create(answer: Answer, *, reads_body: bool = True) -> str:
    async with FakedKie(answer, reads_body=reads_body).kie as kie:
        return await kie.create("m", {}, None)


async def outcome(answer: Answer, *, reads_body: bool = True) -> ProviderError:
    """The error that a create ends in."""
    with pytest.raises(ProviderError) as caught:
        await create(answer, reads_body=reads_body)
    shows_no_key(caught.value)
    return caught.value


@pytest.mark.parametrize("code", [*REFUSALS, 404, 418, 499])
@pytest.mark.parametrize("word", ["msg", "message"])
async def test_a_refusal_inside_http_200(code: int, word: str) -> None:
    """The envelope's code counts, and both words for the text are read."""
    error = await outcome(answering(200, {"code": code, word: "because", "data": None}))
    assert isinstance(error, Refused)
    assert error.kind == REFUSALS.get(code, "failed")
    assert error.text == f"{code} because"


@pytest.mark.parametrize("code", [0, 1, 200.5, 201, 300, 408, 500, 502, 599, 600, -401, 10**30])
async def test_a_code_that_says_nothing_certain_is_in_doubt(code: float) -> None:
    """A create may have been made behind what failed."""
    assert type(await outcome(answering(200, {"code": code, "msg": "?"}))) is InDoubt


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"data": {}}', b'{"code": null}', b"\xff", b"["]
)
async def test_what_is_no_envelope_is_in_doubt(status: int, body: bytes) -> None:
    """Whatever its status: a proxy does not know what kie did."""
    assert type(await outcome(answering(status, body))) is InDoubt


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_success_is_said_twice(status: int) -> None:
    """A code 200 under another status is in doubt."""
    assert type(await outcome(answering(status, {"code": 200, "data": {"taskId": "1"}}))) is InDoubt


async def test_ids_come_in_both_spellings() -> None:
    """And a create without one is in doubt: it is made, and nobody knows which it is."""
    for name in ("taskId", "task_id"):
        assert await create(answering(200, {"code": 200, "data": {name: "abc"}})) == "abc"
    wrong: list[Any] = [None, {}, [], "abc", {"taskId": ""}, {"taskId": 5}, {"taskId": "a b"}, {"taskId": "x" * 201}]
    for data in wrong:
        assert type(await outcome(answering(200, {"code": 200, "data": data}))) is InDoubt


async def test_codes_may_be_texts() -> None:
    """A number in quotes is one; a word or a truth is none."""
    assert await create(answering(200, {"code": "200", "data": {"taskId": "abc"}})) == "abc"
    for code in (True, "ok", [200]):
        assert type(await outcome(answering(200, {"code": code, "data": {"taskId": "abc"}}))) is InDoubt


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.ProxyError, NotSent),
        (httpx.UnsupportedProtocol, NotSent),
        (httpx.ReadTimeout, InDoubt),
        (httpx.WriteError, InDoubt),
        (httpx.ReadError, InDoubt),
        (httpx.RemoteProtocolError, InDoubt),
        (httpx.DecodingError, InDoubt),
    ],
)
async def test_a_failed_connection_is_not_sent_or_in_doubt(failure: type[Exception], kind: type[ProviderError]) -> None:
    """Before all of the request has left: not sent, whatever it is called. After that by its name."""

    def fails(request: httpx.Request) -> httpx.Response:
        raise failure(f"{request.url} {request.headers}")

    assert type(await outcome(fails)) is kind
    assert type(await outcome(fails, reads_body=False)) is NotSent


async def test_an_early_answer_without_meaning_is_not_sent() -> None:
    """A proxy that answers before it has all of the request has passed on a part at most."""
    assert type(await outcome(answering(502, b"<html>"), reads_body=False)) is NotSent
    assert type(await outcome(answering(413, {"code": 422, "msg": "large"}), reads_body=False)) is Refused


async def test_an_answer_is_bounded() -> None:
    """What is larger than any of kie's is not read to its end."""
    large = json.dumps({"code": 200, "data": {"taskId": "1"}}).encode() + b" " * MAX_ANSWER
    assert type(await outcome(answering(200, large))) is InDoubt


def record(**fields: Any) -> dict[str, Any]:
    return {"taskId": "t", "state": "success", "param": "{}", **fields}


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        (
            '{"resultUrls": ["https://a/1.png", "http://a/2.png", "https://a/1.png"]}',
            ["https://a/1.png", "http://a/2.png"],
        ),
        ({"resultUrls": ["https://a/1.png"]}, ["https://a/1.png"]),
        ('{"resultUrls": "https://a/1.png"}', ["https://a/1.png"]),
        ('{"resultObject": {"audio": {"url": "https://a/1.mp3"}, "seconds": 3}}', ["https://a/1.mp3"]),
        ('{"resultUrls": [], "resultObject": {"b": ["https://a/2", "x"]}}', ["https://a/2"]),
        ('{"resultUrls": ["ftp://a", "javascript:1", "https://a b", "https://", 5, null]}', []),
        ("", []),
        (None, []),
        ("[]", []),
        ("{", []),
        (
            json.dumps({"resultUrls": [f"https://a/{number}" for number in range(60)]}),
            [f"https://a/{n}" for n in range(50)],
        ),
    ],
)
def test_addresses_of_a_result(result: Any, urls: list[str]) -> None:
    """A list or an object, in a string or not; only http addresses, each once."""
    assert task_in(record(resultJson=result), "t") == Task("t", Made(tuple(urls)))


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (0, 0.0),
        (50, 0.5),
        ("45%", 0.45),
        ("7.5", 0.075),
        (250, 1.0),
        (-5, 0.0),
        ("", None),
        ("half", None),
        (None, None),
    ],
)
def test_progress_is_a_percentage(progress: Any, share: float | None) -> None:
    """Kept from 0 to 1, and left out where it is none."""
    task = task_in(record(state="generating", progress=progress), "t")
    assert task is not None
    assert task.outcome == Going(share)


@pytest.mark.parametrize("param", ['{"callBackUrl": "http://b/7.s", "input": {}}', {"callBackUrl": "http://b/7.s"}])
def test_the_address_of_the_create_is_in_param(param: Any) -> None:
    """By it a create in doubt is recognised."""
    task = task_in(record(param=param), "t")
    assert task is not None
    assert task.callback_url == "http://b/7.s"


@pytest.mark.parametrize("code", [None, "", "x", "500", 999, [], True])
def test_a_failure_of_whatever_kind_is_one(code: Any) -> None:
    """A code that nobody knows is "failed"."""
    task = task_in(record(state="fail", failCode=code, failMsg=None, resultJson=None), "t")
    assert task == Task("t", NotMade("failed", ""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
STRINGED = JSON | JSON.map(json.dumps)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "taskId": JSON | st.just("t"),
        "task_id": JSON,
        "state": st.sampled_from(["waiting", "success", "fail", "else"]) | JSON,
        "resultJson": STRINGED | st.fixed_dictionaries({"resultUrls": JSON, "resultObject": JSON}).map(json.dumps),
        "param": STRINGED | st.fixed_dictionaries({"callBackUrl": JSON}).map(json.dumps),
        "progress": JSON,
        "failCode": JSON,
        "failMsg": JSON,
        "downloadUrl": JSON,
    },
)
ENVELOPES = st.fixed_dictionaries(
    {"code": st.sampled_from([200, 200, 200, 401, 404, 422, 429, 500]) | JSON},
    optional={"msg": JSON | st.just("recordInfo is null"), "message": JSON, "data": RECORDS | JSON},
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    ENVELOPES.map(lambda value: json.dumps(value).encode()),
)


@given(status=st.integers(100, 599), body=BODIES, retry_after=st.text(st.characters(codec="latin-1"), max_size=6))
@example(status=200, body=b'{"code": 200, "data": {"state": "success", "resultJson": ' + b"[" * 20_000, retry_after="")
@example(status=200, body=b'{"code": 1' + b"0" * 5_000 + b"}", retry_after="")
@example(status=200, body=b'{"code": 1e999, "data": NaN}', retry_after="1e999")
def test_any_answer_gives_a_value_or_an_error(status: int, body: bytes, retry_after: str) -> None:
    """Whatever is answered to any of the calls, nothing else comes out, and texts can be stored."""
    trio.run(every_call, status, body, retry_after)


async def every_call(status: int, body: bytes, retry_after: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        headers = {b"Retry-After": retry_after.encode("latin-1")}
        return httpx.Response(status, content=body, headers=headers)

    async with FakedKie(answer).kie as kie:
        for call in (
            lambda: kie.create("m", {}, None),
            lambda: kie.task("t"),
            lambda: kie.fresh_url("http://x"),
            kie.credit,
        ):
            try:
                value: Any = await call()
            except ProviderError as error:
                value = error
            check(value)


def check(value: Any) -> None:
    """A value is of the type that it is meant to be, and an error shows no key."""
    match value:
        case ProviderError():
            shows_no_key(value)
            assert storable(str(value))
            if isinstance(value, Refused):
                assert value.retry_after is None or 0 < value.retry_after <= 86_400
        case Task(outcome=Made(urls=urls)):
            assert all(storable(url) and httpx.URL(url).scheme in ("http", "https") for url in urls)
        case Task(outcome=NotMade(text=text)):
            assert storable(text)
        case Task(outcome=Going(progress=progress)):
            assert progress is None or 0 <= progress <= 1
        case str():
            assert storable(value)
        case _:
            assert value is None or isinstance(value, float)


def storable(text: str) -> bool:
    """Postgres takes it."""
    return "\x00" not in text and text.encode() is not None


@given(body=st.binary(max_size=100) | (RECORDS | JSON).map(lambda value: json.dumps({"data": value}).encode()))
@example(body=b"[" * 100_000)
def test_any_callback_names_a_task_or_none(body: bytes) -> None:
    """Anybody can post anything."""
    task_id = task_id_of(body)
    assert task_id is None or (task_id.isascii() and 0 < len(task_id) <= 200)
