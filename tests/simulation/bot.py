"""The bot of the simulation: every message that it sends says which row of the inbox it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from svc.handler.bot import Bot
from svc.handler.job import Job, JobRequest
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from svc.storage.jobs import ended_id
from telegram_client.updates import Update

JOB_SECONDS = 100.0
WANTS_JOB = "job"
ASIDE = "aside"


class SimulatedBot(Bot):
    """Answers each update but an ASIDE with its id, and asks for a job where somebody writes WANTS_JOB."""

    def decide(self, update: Update, known: Known) -> Reply:
        """The update's id; what has been asked for so far is the chat's state."""
        message = update.message
        assert message is not None
        assert message.sender is not None
        if message.text == ASIDE:
            return NOTHING
        say = _say(message.chat.id, update.update_id)
        if message.text != WANTS_JOB:
            return Reply((say,))
        job = JobRequest("kie", "a model", {"prompt": "x"}, message.sender.id, seconds=JOB_SECONDS)
        return Reply((say,), job=job, state={"asked": [*known.state.get("asked", []), update.update_id][-100:]})

    def progress(self, job: Job, known: Known) -> Sequence[Call]:
        """An edit of the answer, to the text that it has, which the judgement goes by. None, if nobody knows its id."""
        if job.status_message_id is None:
            return ()
        where = {"chat_id": job.chat_id, "message_id": job.status_message_id}
        keyboard = {"inline_keyboard": [[{"text": job.state, "callback_data": "x"}]]}
        return (Call("editMessageText", where | {"text": str(job.job_id), "reply_markup": keyboard}),)

    def finished(self, job: Job, known: Known) -> Reply:
        """The id of the row that tells of the end."""
        return Reply((_say(job.chat_id, ended_id(job.job_id)),))


def _say(chat_id: int, row: int) -> Call:
    return Call("sendMessage", {"chat_id": chat_id, "text": str(row)})
