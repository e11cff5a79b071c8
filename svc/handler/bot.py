"""What a bot is: an object that decides, and says what Telegram has to be told of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svc.handler.job import Job
from svc.handler.known import Known
from svc.handler.reply import NOTHING, Call, Reply
from telegram_client.updates import Update


class BotError(Exception):
    """The setting BOT names no bot; the message says what is wrong."""


class Bot:
    """Derive from it, make one in a module, and name that with BOT=package.module:name.

    Its methods are pure: what they return depends on their arguments only. They may be called again for the same
    update after any fault, and must not wait.
    """

    commands: Mapping[str, Sequence[tuple[str, str]]] = {}
    """What the app suggests: (command, description) by language code, "" for all other languages."""

    kinds: Sequence[str] = ()
    """Kinds of updates that it reads besides those which Telegram sends unasked."""

    def decide(self, update: Update, known: Known) -> Reply:
        """What to do about an update."""
        raise NotImplementedError

    def wants_jobs(self, update: Update, state: Mapping[str, Any]) -> bool:
        """Whether `known.jobs` is to be filled for this update, which costs a query."""
        return False

    def finished(self, job: Job, known: Known) -> Reply:
        """What to do about a job that has been made (ready), or has ended as failed, unknown, or cancelled by an
        operator.

        Of one that is ready, the file that the reply sends is kept with the job.
        """
        return NOTHING

    def progress(self, job: Job, known: Known) -> Sequence[Call]:
        """The calls that show how a job goes: only such as can be repeated. Made now and then; they may be left out."""
        return ()

    def apology(self, update: Update, known: Known) -> Call | None:
        """What is said to whoever sent an update that could not be handled; None: nothing, or there is nobody."""
        return None


def load_bot(name: str) -> Bot:
    """The bot that `package.module:name` names, also in the working directory; raises BotError."""
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise BotError(f"{name} is not package.module:name")
    if (here := str(Path.cwd())) not in sys.path:
        # At the end: nothing there takes the place of a package that is installed.
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a module does while it is imported
        raise BotError(f"{module_name} cannot be imported: {type(error).__name__}: {error}") from error
    bot = getattr(module, attribute, None)
    if not isinstance(bot, Bot):
        raise BotError(f"{name} is not a svc.handler.bot.Bot")
    return bot
