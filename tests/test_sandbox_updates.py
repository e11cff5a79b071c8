"""How a bot gets its updates: getUpdates without waiting, and the settings of a webhook."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.answers import ApiAnswer
from sandbox.queues import UPDATE_KINDS
from sandbox.telegram import Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import call

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Telegram:
    return Telegram(now=clock)


def texts(answer: ApiAnswer) -> list[str]:
    return [update["message"]["text"] for update in answer.body["result"]]


def info(telegram: Telegram) -> dict[str, Any]:
    result: dict[str, Any] = call(telegram, "getWebhookInfo").body["result"]
    return result


def test_updates_come_again_until_the_offset_passes_them(telegram: Telegram, clock: ManualClock) -> None:
    for text in "abc":
        telegram.user_sends_text(7, text)
    first = call(telegram, "getUpdates")
    assert texts(first) == ["a", "b", "c"]
    clock.time += 1
    assert texts(call(telegram, "getUpdates", limit=2)) == ["a", "b"]
    second_id = first.body["result"][1]["update_id"]
    assert texts(call(telegram, "getUpdates", offset=second_id)) == ["b", "c"]
    assert texts(call(telegram, "getUpdates", offset=second_id + 2)) == []


def test_a_negative_offset_keeps_the_newest(telegram: Telegram) -> None:
    for text in "abc":
        telegram.user_sends_text(7, text)
    assert texts(call(telegram, "getUpdates", offset=-1)) == ["c"]
    assert texts(call(telegram, "getUpdates")) == ["c"]


def test_expired_updates_are_gone(telegram: Telegram, clock: ManualClock) -> None:
    telegram.user_sends_text(7, "old")
    clock.time += 86_401
    assert texts(call(telegram, "getUpdates")) == []


def test_only_allowed_kinds_arrive(telegram: Telegram) -> None:
    call(telegram, "getUpdates", allowed_updates='["callback_query"]')
    assert telegram.user_sends_text(7, "unseen") is None
    call(telegram, "getUpdates", allowed_updates=[])
    assert telegram.user_sends_text(7, "seen") is not None
    assert telegram.push_update("chat_member", {"from": {"id": 7}}) is None


@pytest.mark.parametrize("value", ["[", '{"message": true}', "7", '["poll", 7]', ""])
def test_allowed_updates_that_are_no_array_of_strings_change_nothing(telegram: Telegram, value: str) -> None:
    """`get_allowed_update_types` returns 0 for them, and 0 is left out of account: no error, and no change."""
    call(telegram, "getUpdates", allowed_updates='["poll"]')
    assert call(telegram, "getUpdates", allowed_updates=value).status == 200
    assert info(telegram)["allowed_updates"] == ["poll"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["Callback_Query", "MESSAGE", "telepathy"], ["message", "callback_query"]),
        (["telepathy"], None),
        ([], None),
        (sorted(set(UPDATE_KINDS) - {"chat_member", "message_reaction", "message_reaction_count"}), None),
    ],
)
def test_names_of_kinds_count_in_any_case_and_without_a_known_one_the_default_is_meant(
    telegram: Telegram, names: list[str], told: list[str] | None
) -> None:
    """`to_lower_inplace(type_name)`, `if (result == 0) return DEFAULT_ALLOWED_UPDATE_TYPES`, which is not told."""
    call(telegram, "getUpdates", allowed_updates=["poll"])
    call(telegram, "getUpdates", allowed_updates=names)
    assert info(telegram).get("allowed_updates") == told


def test_get_updates_conflicts_with_a_webhook(telegram: Telegram) -> None:
    call(telegram, "setWebhook", url=URL)
    answer = call(telegram, "getUpdates")
    assert (answer.status, answer.body["description"]) == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )


def test_set_webhook_says_whether_anything_changed(telegram: Telegram, clock: ManualClock) -> None:
    settings = {"url": URL, "secret_token": "s", "max_connections": 5}
    assert call(telegram, "setWebhook", **settings).body == {
        "ok": True,
        "result": True,
        "description": "Webhook was set",
    }
    clock.time += 1
    assert call(telegram, "setWebhook", **settings).body["description"] == "Webhook is already set"
    assert info(telegram)["url"] == URL
    assert info(telegram)["max_connections"] == 5


def test_set_webhook_twice_in_a_second_is_a_flood(telegram: Telegram, clock: ManualClock) -> None:
    call(telegram, "setWebhook", url=URL)
    answer = call(telegram, "setWebhook", url=URL + "2")
    assert answer.status == 429
    assert answer.body["parameters"] == {"retry_after": 1}
    assert answer.headers == (("Retry-After", "1"),)
    clock.time += 1
    assert call(telegram, "setWebhook", url=URL + "2").status == 200


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"url": "ftp://example.com/"}, "invalid webhook URL specified"),
        ({"url": URL, "ip_address": "here"}, "bad webhook: Invalid IP address specified"),
        ({"url": "http://example.com/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": URL, "secret_token": "no spaces"}, "secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "x" * 257}, "secret token is too long"),
    ],
)
def test_a_rejected_set_webhook_leaves_the_bot_with_none(
    telegram: Telegram, clock: ManualClock, settings: dict[str, Any], why: str
) -> None:
    call(telegram, "setWebhook", url=URL)
    clock.time += 1
    answer = call(telegram, "setWebhook", **settings)
    assert (answer.status, answer.body["description"]) == (400, f"Bad Request: {why}")
    assert info(telegram)["url"] == ""


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://example.com/hook", True),
        ("https://example.com:8443/hook", True),
        ("https://example.com:8080/hook", False),
        ("https://10.0.0.1/hook", False),
        ("https://[2606:2800:220:1::1]/hook", False),
        (URL, False),
    ],
)
def test_a_strict_sandbox_takes_what_the_public_server_takes(clock: ManualClock, url: str, accepted: bool) -> None:
    telegram = Telegram(now=clock, strict_webhooks=True)
    assert (call(telegram, "setWebhook", url=url).status == 200) is accepted


def test_a_refused_set_webhook_has_dropped_the_pending_updates(telegram: Telegram) -> None:
    """`do_set_webhook` begins with `if (to_bool(query->arg("drop_pending_updates"))) clear_tqueue()`."""
    telegram.user_sends_text(7, "gone")
    assert call(telegram, "setWebhook", url="ftp://x/", drop_pending_updates=True).status == 400
    assert info(telegram)["pending_update_count"] == 0


def test_a_url_without_a_scheme_is_https(telegram: Telegram) -> None:
    """`parse_url(new_url, HttpUrl::Protocol::Https)`; getWebhookInfo tells the URL as it was given."""
    assert call(telegram, "setWebhook", url="example.com/hook").status == 200
    assert info(telegram)["url"] == "example.com/hook"


@pytest.mark.parametrize(
    ("settings", "ip_address"),
    [
        ({"url": URL}, "127.0.0.1"),
        ({"url": "http://localhost:9/hook"}, "127.0.0.1"),
        ({"url": URL, "ip_address": "127.0.0.2"}, "127.0.0.2"),
        ({"url": "https://example.com/"}, "<unknown>"),
    ],
)
def test_webhook_info_tells_the_address(telegram: Telegram, settings: dict[str, str], ip_address: str) -> None:
    """The fixed one, else that of the host; `<unknown>` is the server's word for one that it has not looked up."""
    assert "ip_address" not in info(telegram)
    call(telegram, "setWebhook", **settings)
    assert info(telegram)["ip_address"] == ip_address


@pytest.mark.parametrize("method", ["deleteWebhook", "setWebhook"])
def test_closing_a_webhook_forgets_its_last_error(telegram: Telegram, method: str) -> None:
    """`on_webhook_closed`: `last_webhook_error_date_ = 0`."""
    call(telegram, "setWebhook", url=URL)
    telegram.bot().last_error_date, telegram.bot().last_error_message = 1_700_000_000, "Connection refused"
    assert info(telegram)["last_error_message"] == "Connection refused"
    call(telegram, method)
    assert not {"last_error_date", "last_error_message"} & info(telegram).keys()


def test_delete_webhook_keeps_pending_updates_unless_told(telegram: Telegram) -> None:
    call(telegram, "setWebhook", url=URL)
    telegram.user_sends_text(7, "kept")
    assert call(telegram, "deleteWebhook").body["description"] == "Webhook was deleted"
    assert call(telegram, "deleteWebhook").body["description"] == "Webhook is already deleted"
    assert info(telegram)["pending_update_count"] == 1
    call(telegram, "deleteWebhook", drop_pending_updates="true")
    assert info(telegram)["pending_update_count"] == 0
