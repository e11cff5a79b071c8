"""The bot of the scene `jobs`: whoever writes "draw 7" gets picture 7, and "hello 7" is answered in the meantime.

Everything that it sends says which request it belongs to, so that the verdict can tell all of them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from svc.handler.bot import Bot
from svc.handler.job import Job, JobRequest
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, RemoteFile, Reply
from telegram_client.updates import Update

JOB_SECONDS = 60.0
"""A job that is in doubt is unknown when these are over: within the calm after a run."""


class JobBot(Bot):
    """Asks for a picture for each "draw"."""

    def decide(self, update: Update, known: Known) -> Reply:
        """A job for "draw N", an answer for anything else."""
        message = update.message
        if message is None or message.sender is None:
            return NOTHING
        word, _, number = (message.text or "").partition(" ")
        if word != "draw":
            return Reply((_say(message.chat.id, f"hello {number}"),))
        job = JobRequest(
            provider="kie",
            model="torture",
            input={"prompt": f"picture {number}"},
            user_id=message.sender.id,
            context={"number": number},
            seconds=JOB_SECONDS,
        )
        return Reply((_say(message.chat.id, f"asked {number}"),), job=job)

    def progress(self, job: Job, known: Known) -> Sequence[Call]:
        """What a bot would show: an edit every few seconds."""
        where = {"chat_id": job.chat_id, "message_id": job.status_message_id}
        return (Call("editMessageText", where | {"text": f"asked {job.context['number']}: {job.state}"}),)

    def finished(self, job: Job, known: Known) -> Reply:
        """The picture, or what became of it."""
        number = job.context["number"]
        if job.state != "ready":
            return Reply((_say(job.chat_id, f"{job.state} {number}: {job.error}"),))
        photo = {"chat_id": job.chat_id, "caption": f"picture {number}"}
        url = job.results[0].url
        return Reply(
            (Call("sendPhoto", photo | {"photo": url}),),
            instead=(
                (Call("sendPhoto", photo | {"photo": RemoteFile(url, "picture.png")}),),
                (_say(job.chat_id, f"link {number}: {url}"),),
            ),
        )


def _say(chat_id: int, text: str) -> Call:
    return Call("sendMessage", {"chat_id": chat_id, "text": text})


bot = JobBot()
