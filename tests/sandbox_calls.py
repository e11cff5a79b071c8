"""Calls at the stand-in for Telegram as plain functions, without HTTP."""

from __future__ import annotations

from typing import Any

from sandbox.answers import ApiAnswer
from sandbox.telegram import DEMO_TOKEN, Telegram


def call(telegram: Telegram, method: str, /, **params: Any) -> ApiAnswer:
    """What the method answers to the bot with DEMO_TOKEN."""
    return telegram.call(DEMO_TOKEN, method, params)


def why(answer: ApiAnswer) -> str:
    """The words of a refusal."""
    assert answer.body["ok"] is False
    assert answer.body["error_code"] == answer.status >= 400
    description: str = answer.body["description"]
    return description
