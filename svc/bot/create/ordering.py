"""The order for a job: what the provider gets, and what the bot wants to know again when it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from svc.bot.catalog import Catalog, Model
from svc.bot.languages import LANGUAGES, texts_for
from svc.bot.request import PROVIDER, Request
from svc.bot.showing import editing
from svc.bot.texts import Texts
from svc.bot.view import cut
from svc.handler.job import Job, JobRequest

# How much of a prompt is kept to be shown; the whole of it is in the job's input.
_SHOWN = 800

# Seconds within which it has to be made: moving pictures take longer.
_DEADLINES: Mapping[str, float] = {"image": 900.0, "audio": 900.0}
_LONG_DEADLINE = 3600.0


def order(request: Request, model: Model, given: Mapping[str, Any]) -> JobRequest:
    """The order for what `given`, a whole input of `model`, makes. Its status is the message that was pressed, or the
    one that answers."""
    return JobRequest(
        provider=PROVIDER,
        model=model.model_id,
        input=dict(given),
        user_id=request.user_id,
        context={
            "language": request.texts.language,
            "key": model.key,
            "title": model.title,
            "prompt": cut(prompt_in(model, given), _SHOWN),
            "topic": {name: value for name, value in request.where.items() if name != "chat_id"},
        },
        status_message_id=_pressed_message(request),
        seconds=_DEADLINES.get(model.category, _LONG_DEADLINE),
    )


def prompt_in(model: Model, given: Mapping[str, Any]) -> str:
    """What a person wrote for it; empty if the model takes no text."""
    return str(given.get(model.prompt.name, "")) if model.prompt else ""


@dataclass(frozen=True)
class Ordered:
    """What a job's order said about it: how it is called, what was written, in which language to speak of it. `model`
    is None if it is not offered any more."""

    title: str
    prompt: str
    texts: Texts
    model: Model | None


def ordered(job: Job, catalog: Catalog, language: str = "") -> Ordered:
    """Read it from the job; `language` is what the person has chosen since, "" for none."""
    key, title, prompt, spoken = (str(job.context.get(name) or "") for name in ("key", "title", "prompt", "language"))
    texts = LANGUAGES.get(language) or texts_for(spoken, spoken)
    return Ordered(title or job.model, prompt, texts, catalog.by_key(key))


def places_of(job: Job) -> tuple[dict[str, Any], ...]:
    """Where the job's end is told, as parameters of a send: the topic that it was asked for in, if it was in one, and
    the chat at large, should that topic be gone."""
    chat, topic = {"chat_id": job.chat_id}, job.context.get("topic")
    return ({**chat, **topic}, chat) if topic and isinstance(topic, dict) else (chat,)


def _pressed_message(request: Request) -> int | None:
    """The message that will show the job's status, if it is the one that was pressed."""
    if request.press is None or editing(request, request.press) is None:
        return None
    return request.press.message_id
