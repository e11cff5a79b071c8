"""The Bot API methods that answer what a user waits for: presses, inline queries, questions before a payment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.answers import (
    QUERY_TOO_OLD,
    RESULT_ID_DUPLICATE,
    RESULT_ID_INVALID,
    RESULTS_NOT_ARRAY,
    RESULTS_TOO_MANY,
    TEXT_TOO_LONG,
    ApiAnswer,
    MethodFailed,
    bad_request,
    ok,
    required,
)
from sandbox.keyboards import is_inline, read_markup
from sandbox.params import Params
from sandbox.state import BotState
from sandbox.texts import read_caption, read_text

ANSWER_WITHIN = 150.0
"""Seconds for answering a button press: not documented; the update itself lives as long."""
ANSWER_INLINE_WITHIN = 30.0
"""Seconds for answering an inline query: not documented; the update itself lives as long."""
ANSWER_QUESTION_WITHIN = 10.0
"""Seconds for answering before a payment (Bot API documentation, answerPreCheckoutQuery)."""
MAX_ALERT = 200
MAX_RESULTS = 50
MAX_RESULT_ID = 64

# What an inline result may be, with the fields that it cannot do without: one of those in a row.
_RESULT_FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "article": (("title",),),
    "photo": (("photo_url", "photo_file_id"),),
    "gif": (("gif_url", "gif_file_id"),),
    "mpeg4_gif": (("mpeg4_url", "mpeg4_file_id"),),
    "video": (("title",), ("video_url", "video_file_id")),
    "audio": (("audio_url", "audio_file_id"),),
    "voice": (("title",), ("voice_url", "voice_file_id")),
    "document": (("title",), ("document_url", "document_file_id")),
    "sticker": (("sticker_file_id",),),
    "location": (("latitude",), ("longitude",), ("title",)),
    "venue": (("latitude",), ("longitude",), ("title",), ("address",)),
    "contact": (("phone_number",), ("first_name",)),
    "game": (("game_short_name",),),
}


def answer_callback_query(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """End the spinner on a pressed button, perhaps with a text."""
    press = bot.presses.get(params.text("callback_query_id"))
    text = params.text("text")
    if len(text) > MAX_ALERT:
        raise MethodFailed(TEXT_TOO_LONG)
    if press is None or now - press.at > ANSWER_WITHIN:
        raise MethodFailed(QUERY_TOO_OLD)
    press.answered = True
    press.text = text
    press.show_alert = params.flag("show_alert")
    press.url = params.text("url")
    return ok(True)


def answer_inline_query(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """The results that are shown to a user who types behind the bot's name."""
    try:
        results = params.json("results")
        button = params.json("button")
    except ValueError:
        raise MethodFailed(bad_request("can't parse JSON encoded inline query results")) from None
    results = [] if results is None else results
    if not isinstance(results, list):
        raise MethodFailed(RESULTS_NOT_ARRAY)
    if len(results) > MAX_RESULTS:
        raise MethodFailed(RESULTS_TOO_MANY)
    checked = [_check_result(result) for result in results]
    if len({result["id"] for result in checked}) < len(checked):
        raise MethodFailed(RESULT_ID_DUPLICATE)
    query = bot.inline_queries.get(params.text("inline_query_id"))
    if query is None or now - query.at > ANSWER_INLINE_WITHIN:
        raise MethodFailed(QUERY_TOO_OLD)
    query.answered = True
    query.results = checked
    query.next_offset = params.text("next_offset")
    query.button = button if isinstance(button, dict) else None
    query.cache_time = max(params.integer("cache_time", 300), 0)
    query.is_personal = params.flag("is_personal")
    return ok(True)


def answer_question(bot: BotState, params: Params, now: float, *, name: str) -> ApiAnswer:
    """Let a payment go on, or say why not; `name` is the parameter that names the question."""
    agreed = params.flag("ok")
    if not agreed and not params.text("error_message"):
        raise MethodFailed(required("error_message"))
    if agreed and name == "shipping_query_id" and not params.text("shipping_options"):
        raise MethodFailed(required("shipping_options"))
    question = bot.questions.get(params.text(name))
    if question is None or now - question.at > ANSWER_QUESTION_WITHIN:
        raise MethodFailed(QUERY_TOO_OLD)
    question.ok = agreed
    question.error_message = "" if agreed else params.text("error_message")
    return ok(True)


def result_content(bot: BotState, result: Mapping[str, Any]) -> dict[str, Any]:
    """What a message has that a user has made of this result, which was checked. A file by URL shows as its URL."""
    told = result.get("input_message_content")
    if isinstance(told, Mapping):
        content = _text_of(told)
    else:
        kind = str(result["type"]).lower()
        file = bot.files.get(str(result.get(f"{kind.partition('_')[0]}_file_id", "")))
        caption = read_caption(Params(result)).fields("caption")
        content = {**file.content_fields(), **caption} if file else {"text": str(result.get(f"{kind}_url", kind))}
    markup = read_markup(Params(result))
    return {**content, "reply_markup": markup} if markup and is_inline(markup) else content


def _text_of(told: Mapping[str, Any]) -> dict[str, Any]:
    if "message_text" in told:
        return read_text(Params({**told, "text": told["message_text"]})).fields("text")
    return {"text": str(told.get("title", told.get("phone_number", "location")))}


def _check_result(result: object) -> dict[str, Any]:
    """A result as it came. Raises MethodFailed for one that Telegram would not take."""
    if not isinstance(result, dict):
        raise _result_refused("Inline query result must be an object")
    fields = Params(result)
    kind = fields.text("type").lower()
    for name in ("type", "id"):
        if not fields.text(name):
            raise _result_refused(f'Can\'t find field "{name}"')
    if kind not in _RESULT_FIELDS:
        raise _result_refused(f'type "{kind}" is unsupported for the inline query result')
    for names in _RESULT_FIELDS[kind]:
        if not any(fields.text(name) for name in names):
            raise _result_refused(f'Can\'t find field "{names[-1]}"')
    content = result.get("input_message_content")
    if kind == "article" and not isinstance(content, dict):
        raise _result_refused('Can\'t find field "message_text"')
    if isinstance(content, dict) and "message_text" in content:
        _text_of(content)
    read_caption(fields)
    read_markup(fields)
    if len(fields.text("id").encode(errors="surrogatepass")) > MAX_RESULT_ID:
        raise MethodFailed(RESULT_ID_INVALID)
    return {**result, "id": fields.text("id")}


def _result_refused(why: str) -> MethodFailed:
    return MethodFailed(bad_request(f"can't parse inline query result: {why}"))
