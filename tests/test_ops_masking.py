"""What operators see of what people have sent: updates as Telegram makes them, less what is private."""

from __future__ import annotations

import json
from typing import Any

import pytest

from svc.ops.masking import HIDDEN, LONGEST, masked, masked_text, shown_json, shown_payload
from svc.settings.masking import make_mask

CONTACT: dict[str, Any] = {
    "update_id": 812345678,
    "message": {
        "message_id": 77,
        "from": {"id": 5012345678, "is_bot": False, "first_name": "Ann", "username": "ann_b", "language_code": "en"},
        "chat": {"id": 5012345678, "type": "private", "first_name": "Ann"},
        "date": 1796009341,
        "contact": {
            "phone_number": "+49 151 23456789",
            "first_name": "Ben",
            "user_id": 5087654321,
            "vcard": "BEGIN:VCARD\nTEL:+4915123456789\nEND:VCARD",
        },
    },
}
PAYMENT: dict[str, Any] = {
    "update_id": 812345679,
    "message": {
        "successful_payment": {
            "currency": "EUR",
            "total_amount": 1500,
            "invoice_payload": "order-7",
            "telegram_payment_charge_id": "7_8_9",
            "provider_payment_charge_id": "ch_123456",
            "order_info": {"name": "Ann B", "phone_number": "4915123456789", "email": "ann@example.org"},
        }
    },
}


def text_of(shown: str | None) -> str:
    assert shown is not None
    return shown


def test_a_contact() -> None:
    """The number and the card are gone; ids, names and texts, by which operators find things, are there."""
    shown = json.loads(text_of(shown_payload(json.dumps(CONTACT), str)))
    contact = shown["message"].pop("contact")
    assert contact == {"phone_number": HIDDEN, "first_name": "Ben", "user_id": 5087654321, "vcard": HIDDEN}
    assert shown["message"] == {name: value for name, value in CONTACT["message"].items() if name != "contact"}


def test_a_payment() -> None:
    """Who has ordered and how it was paid is gone, what and how much is there."""
    shown = text_of(shown_payload(json.dumps(PAYMENT), str))
    assert "1500" in shown
    assert "order-7" in shown
    for gone in ("Ann B", "49151", "ann@", "ch_123456"):
        assert gone not in shown


@pytest.mark.parametrize(
    "text",
    [
        "call me: +49 151 23456789",
        "+4915123456789",
        "8 (915) 123-45-67",
        "(030) 1234567",
        "my card is 4242 4242 4242 4242, thanks",
        "4242-4242-4242-4242",
        "write to ann.b+bot@mail.example.org!",
        "token 424242:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc",
        "5551234567",
        "tel:0151/234567",
        "tel+4915123456789now",
        "4 9 1 5 1 2 3 4",
        "0151 \u00b7 234\u200b567",
        "4\ufe0f\u20e39\ufe0f\u20e31\ufe0f\u20e35\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e3",
        "\u0664\u0669\u0661\u0665\u0661\u0662\u0663\u0664\u0665\u0666",
        "DE89370400440532013000",
        "https://api.telegram.org/bot424242:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe",
    ],
)
def test_in_a_text(text: str) -> None:
    """Numbers to call, to pay with and to write to, and tokens."""
    assert HIDDEN in masked_text(text)
    assert not any(len(word) > 5 and word.strip("+-").isdigit() for word in masked_text(text).split())


@pytest.mark.parametrize(
    "text", ["", "hello 123", "room 101, 5 + 7 = 12", "a@b", "v1.2.3", "#12345", "12:30 - 14:00", "/start ref_99"]
)
def test_a_text_that_stays(text: str) -> None:
    """What nobody could use is shown as it is."""
    assert masked_text(text) == text


def test_secret_fields_and_the_settings_own() -> None:
    """Whatever a field calls secret, whatever is in it; and what the settings call so, wherever it is."""
    update = {"data": {"token": ["a"], "Secret": 5, "password": None, "text": "the word of the day: xyzzy-plugh"}}
    shown = json.loads(text_of(shown_payload(json.dumps(update), make_mask(["xyzzy-plugh"]))))
    assert shown == {"data": {"token": HIDDEN, "Secret": HIDDEN, "password": None, "text": "the word of the day: ***"}}


def test_json_within_a_text() -> None:
    """What a web app sends is JSON in a text; its fields are looked at too, however deep they are."""
    inner = json.dumps({"password": "hunter2", "note": "hi", "more": json.dumps({"phone": "110"})})
    shown = text_of(shown_payload(json.dumps({"web_app_data": {"data": inner}}), str))
    assert json.loads(json.loads(shown)["web_app_data"]["data"]) == {
        "password": HIDDEN,
        "note": "hi",
        "more": json.dumps({"phone": HIDDEN}),
    }
    assert masked("{not json") == "{not json"


def test_secrets_that_look_like_json() -> None:
    """A webhook secret may be any word or number; what is told of an update stays JSON with all its names and ids."""
    told = {"state": "the state of 1234", "update_id": 812345, "rows": ({"state": None},)}
    assert shown_json(told, make_mask(["state", "1234"])) == {
        "state": "the *** of ***",
        "update_id": 812345,
        "rows": [{"state": None}],
    }


def test_characters_that_would_spoil_the_rest() -> None:
    """No control characters, for which a browser refuses a whole SVG, and none that turn the line round."""
    assert shown_json("a\x01\x1b[31mb\u202ec\uffff", str) == "a\ufffd\ufffd[31mb\ufffdc\ufffd"
    assert shown_json("two\n\tlines", str) == "two\n\tlines"


def test_what_is_no_json() -> None:
    """It is masked as a text; nothing at all is nothing; what is too deep does not end the request."""
    assert shown_payload("not {json: +4915123456789", str) == f"not {{json: {HIDDEN}"
    assert shown_payload(None, str) is None
    deep = "[" * 200 + "]" * 200
    assert HIDDEN in text_of(shown_payload(deep, str))
    assert text_of(shown_payload("[" * 100_000, str)).startswith("[[[")


def test_long_ones_are_cut() -> None:
    """After they were masked, so that no half of a secret is left at the end."""
    shown = text_of(shown_payload(json.dumps({"text": "x " * LONGEST}), str))
    assert len(shown) < LONGEST + 60
    assert "more characters" in shown
    secret = "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
    at_the_edge = json.dumps({"text": "x" * (LONGEST - 30) + f" 424242:{secret}"})
    assert secret[:4] not in text_of(shown_payload(at_the_edge, make_mask([secret])))


def test_a_long_text_takes_no_time() -> None:
    """Patterns do not go back and forth: a megabyte of what nearly fits is masked at once."""
    for text in ("a" * 1_000_000, "1 " * 500_000, "a.b" * 300_000, "5" * 1_000_000, "12345:" * 150_000):
        assert masked(text) is not None
