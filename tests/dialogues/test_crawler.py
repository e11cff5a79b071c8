"""Every button that can be reached from /start is pressed, through the running service, in both languages."""

from __future__ import annotations

import pytest
import trio.testing

from sandbox.kie.app import KieSandbox
from sandbox.state import MessageObject
from tests.dialogues.person import Person, buttons_of, shown
from tests.harness import running_bot

MENU = "menu"


def data_of(message: MessageObject) -> list[str]:
    """What the buttons of a message send."""
    return [button["callback_data"] for button in buttons_of(message) if "callback_data" in button]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_button_leads_somewhere_and_back(language: str, autojump_clock: trio.testing.MockClock) -> None:
    """No press stays unanswered, no view is a dead end, and nothing is logged as an error."""
    async with running_bot(kie=KieSandbox()) as bot:
        ann = Person(bot, language=language)
        await ann.says("/start")
        todo = data_of(ann.messages()[-1])
        seen = set(todo)
        views = set()
        while todo:
            data = todo.pop()
            await ann.presses_data(data)
            view = ann.messages()[-1]
            views.add(shown(view))
            assert ann.last_press.answered, data
            assert data_of(view), f"{data} leads to a dead end:\n{shown(view)}"
            new = [each for each in data_of(view) if each not in seen]
            seen.update(new)
            # Depth first, in the order of the buttons: a draft is left last.
            todo += reversed(new)
            if "lang" in data:
                # Some of these buttons change it.
                await ann.presses_data(f"lang:{language}")
        assert len(views) > 500
        assert MENU in seen
        assert bot.logs.errors() == []
