"""Payments: nothing is for sale here, and who tries to pay all the same is told so before any money moves."""

from __future__ import annotations

from typing import Literal

from svc.bot.languages import texts_for
from svc.bot.memory import read_memory
from svc.handler.known import Known
from svc.handler.reply import Call, Reply
from telegram_client.updates import Payment


def refuse_payment(
    payment: Payment, known: Known, *, question: Literal["pre_checkout_query", "shipping_query"]
) -> Reply:
    """The answer to the question before a payment or a delivery."""
    texts = texts_for(payment.sender.language_code, read_memory(known.state).language)
    method = {"pre_checkout_query": "answerPreCheckoutQuery", "shipping_query": "answerShippingQuery"}[question]
    params = {f"{question}_id": payment.id, "ok": False, "error_message": texts.no_payments}
    return Reply((Call(method, params),))
