"""Setting the system up: the stand-ins, two instances, the bot's webhook; then people may come."""

from __future__ import annotations

import os
from collections.abc import Callable

import trio

from demo.instances.balancer import WEBHOOK
from demo.score.score import is_message
from demo.system import System
from sandbox.kie.app import DEMO_KEY
from sandbox.telegram import DEMO_TOKEN
from svc.settings.environment import load_settings
from svc.settings.table import SETTINGS

OWN_BOT = "svc.bot.menu_bot:bot"
FIRST_PERSON = 4_999_999
"""Says /start to another bot before anybody is judged."""
FIRST_ANSWER = 10.0
"""Seconds in which this person is answered."""


async def set_up(system: System, nursery: trio.Nursery, bot: str | None, progress: Callable[[str], None]) -> None:
    """Start everything but Postgres, which runs; all of it ends with `nursery`. Raises Ended and trio.TooSlowError."""
    program = bot or load_settings(required=()).bot
    system.own_bot = program == OWN_BOT
    system.sandbox.telegram.bot().user["first_name"] = name_of(program)
    progress("stand-ins for Telegram and kie, and a balancer")
    await _start_stand_ins(system, nursery, bot)
    progress("an instance, which becomes ACTIVE")
    await (await system.start_instance()).reaches("ACTIVE")
    progress("another one, which waits as PASSIVE")
    await (await system.start_instance()).reaches("PASSIVE")
    if not system.own_bot:
        await _learn_answer(system)
    system.wiring.begin()
    nursery.start_soon(system.people.run)
    nursery.start_soon(system.wiring.keep_asking, system.databases)
    # In the background: the first /start need not wait for it.
    nursery.start_soon(system.add_standby, system.databases.ports[1])


def name_of(program: str) -> str:
    """What a bot is called in the messenger, by where it is: "Todo bot" is in `examples.todo_bot:bot`."""
    return program.partition(":")[0].rpartition(".")[2].replace("_", " ").capitalize()


async def _start_stand_ins(system: System, nursery: trio.Nursery, bot: str | None) -> None:
    await nursery.start(system.sandbox.run_sender, system.balancer.post)
    provider: str = await nursery.start(system.provider.run)
    balancer: str = await nursery.start(system.balancer.run)
    system.environment = {**system.environment, "KIE_API_KEY": DEMO_KEY, "KIE_API_ROOT": provider}
    system.instance_settings = _settings(balancer, bot)
    params = {
        "url": f"{balancer}{WEBHOOK}",
        "secret_token": system.environment["WEBHOOK_SECRET"],
        "max_connections": 40,
    }
    answer = system.sandbox.telegram.call(DEMO_TOKEN, "setWebhook", params)
    assert answer.status == 200, answer.body


def _settings(balancer: str, bot: str | None) -> dict[str, str]:
    """Of an instance, but for those that are told to the person as well and those that tell it from the others.

    Set to nothing is not set, also where there is a `.env` file: it may well be that of a bot that people use. What is
    in the environment is meant, as in `IN_DOUBT=resend svc demo`, unless it is about where others are.
    """
    return {
        **{setting.name: "" for setting in SETTINGS if setting.name != "BOT" and setting.name not in os.environ},
        **dict.fromkeys(("LEADER_DATABASE_URL", "WEBHOOK_URL", "INTAKE", "KIE_WEBHOOK_KEY", "LOG_LEVEL"), ""),
        "PUBLIC_URL": balancer,
        "LOG_FORMAT": "json",
        # No flood control over all chats: at 200 people a second it, and not the service, would be what is seen.
        "SEND_RATE": "0",
        # The least: of 200 people a second two days would be 35 million rows.
        "KEEP_PROCESSED": "24",
        # Well within the time for which a link is cut.
        "STEP_DOWN_AFTER": "3",
        **({} if bot is None else {"BOT": bot}),
    }


async def _learn_answer(system: System) -> None:
    """How many messages another bot answers a /start with: somebody says it, and when it is done they are counted.

    Of our own that is known, and not counted: were it sent twice, that would be taken for what it answers. A bot that
    is not done in time counts as one that answers with a message. One that is done and has said nothing is not judged.
    """
    telegram = system.sandbox.telegram
    update = telegram.user_sends_text(FIRST_PERSON, "/start")
    done = False
    if update is not None:
        with trio.move_on_after(FIRST_ANSWER):
            await system.wiring.until_done(update.id)
            done = True
    sent = sum(is_message(call) for call in telegram.call_log.find(chat_id=FIRST_PERSON))
    system.wiring.judging = sent > 0 or not done
    system.score.messages_per_start = max(1, sent)
