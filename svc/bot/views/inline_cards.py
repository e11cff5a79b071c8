"""Inline mode: "@bot kling" in any chat offers cards to send there, with a link that opens the model in the bot."""

from __future__ import annotations

from typing import Any

from svc.bot.catalog import Catalog, Model
from svc.bot.languages import texts_for
from svc.bot.memory import read_memory
from svc.bot.paging import page_number, page_of
from svc.bot.request import Request
from svc.bot.search import find
from svc.bot.view import View, cut, deep_link
from svc.bot.views.card import card_text
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import InlineQuery

PER_PAGE = 20
CACHED_FOR = 10
"""For how many seconds Telegram may give the same answer again."""
EXPIRES = 30.0
"""For how many seconds Telegram waits for the answer."""


def answer_inline_query(query: InlineQuery, catalog: Catalog, known: Known) -> Reply:
    """The cards for what was typed, in pages: `offset` is the number of the page. All models, if nothing was."""
    if known.age > EXPIRES:
        return NOTHING
    memory = read_memory(known.state)
    texts = texts_for(query.sender.language_code, memory.language)
    request = Request(catalog, texts, known, memory, query.sender.id, private=False)
    models = find(query.query, catalog).models or catalog.models
    page = page_of(models, page_number(query.offset), PER_PAGE)
    answer = {
        "inline_query_id": query.id,
        "results": [_card(model, request) for model in page.items],
        "cache_time": CACHED_FOR,
        "is_personal": True,
        "next_offset": str(page.number + 1) if page.number < page.count else "",
    }
    return Reply((Call("answerInlineQuery", answer),))


def _card(model: Model, request: Request) -> dict[str, Any]:
    texts, me = request.texts, request.known.me
    rows = ((deep_link(texts.buttons.open_here, me.username, model.key),),) if me else ()
    shown = View(card_text(model, request), rows).params()
    return {
        "type": "article",
        "id": model.key,
        "title": cut(model.title, 100),
        "description": cut(texts.makes.get(model.task, model.task), 200),
        "input_message_content": {
            "message_text": shown.pop("text"),
            "parse_mode": shown.pop("parse_mode"),
            "link_preview_options": shown.pop("link_preview_options"),
        },
        **({"reply_markup": shown["reply_markup"]} if rows else {}),
    }
