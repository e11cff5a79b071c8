"""Setting the system up: the stand-ins, two instances, the bot's webhook; then people may come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from demo.instances.balancer import WEBHOOK
from demo.score.score import is_message
from sandbox.kie.app import DEMO_KEY
from sandbox.telegram import DEMO_TOKEN
from svc.settings.environment import load_settings

if TYPE_CHECKING:
    from demo.system import System

OWN_BOT = "svc.bot.menu_bot:bot"
FIRST_PERSON = 4_999_999
"""Says /start before anybody is judged."""
FIRST_ANSWER = 10.0
"""Seconds in which this person is answered."""


async def set_up(system: System, nursery: trio.Nursery, bot: str | None, progress: Callable[[str], None]) -> None:
    """Start everything but Postgres, which runs; all of it ends with `nursery`. Raises Ended and trio.TooSlowError."""
    system.own_bot = (bot or load_settings(required=()).bot) == OWN_BOT
    progress("stand-ins for Telegram and kie, and a balancer")
    await _start_stand_ins(system, nursery, bot)
    progress("an instance, which becomes ACTIVE")
    await (await system.start_instance()).reaches("ACTIVE")
    progress("another one, which waits as PASSIVE")
    await (await system.start_instance()).reaches("PASSIVE")
    system.score.messages_per_start = await _messages_per_start(system)
    system.wiring.begin()
    nursery.start_soon(system.people.run)
    nursery.start_soon(system.wiring.keep_asking, system.databases)
    # In the background: the first /start need not wait for it.
    nursery.start_soon(system.add_standby, system.databases.ports[1])


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
    return {
        "LEADER_DATABASE_URL": "",
        "WEBHOOK_URL": "",
        "INTAKE": "webhook",
        "KIE_WEBHOOK_KEY": "",
        "PUBLIC_URL": balancer,
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "info",
        # No flood control over all chats: at 200 people a second it, and not the service, would be what is seen.
        "SEND_RATE": "0",
        # Well within the time for which a link is cut.
        "STEP_DOWN_AFTER": "3",
        **({} if bot is None else {"BOT": bot}),
    }


async def _messages_per_start(system: System) -> int:
    """How many messages a /start is answered with: somebody says it, and what has come is counted when it is done.

    A bot that answers nothing, or not in time, counts as one that answers with a message.
    """
    telegram = system.sandbox.telegram
    update = telegram.user_sends_text(FIRST_PERSON, "/start")
    if update is None:
        return 1
    with trio.move_on_after(FIRST_ANSWER):
        await system.wiring.until_done(update.id)
    return max(1, sum(is_message(call) for call in telegram.call_log.find(chat_id=FIRST_PERSON)))
