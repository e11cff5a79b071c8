"""What is remembered of a chat, and what of it another version of the bot can read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.bot.create.brought import Brought
from svc.bot.create.draft import Draft
from svc.bot.memory import Memory, read_memory
from svc.handler.reply import Reply
from tests.bot.updates import knows, pressed, says, shown, wrote

MEMORIES = st.builds(
    Memory,
    language=st.sampled_from(["", "en", "ru"]),
    asking=st.text(max_size=10),
    draft=st.none() | st.builds(Draft, st.integers(1, 2**31), st.text(max_size=8)),
    album=st.text(max_size=10),
    edited=st.none() | st.integers(1, 2**31),
    blocked=st.booleans(),
    apologised_at=st.none() | st.floats(0, 2**33),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*Memory.__struct_fields__, "other"])


@given(MEMORIES)
def test_what_is_kept_is_read_again(memory: Memory) -> None:
    """Through JSON, as the service keeps it."""
    state = msgspec.json.decode(msgspec.json.encode(memory.state()))
    assert read_memory(state) == memory


def test_an_empty_memory_is_an_empty_state() -> None:
    """Nothing is kept for a chat that has never chosen anything."""
    assert Memory().state() == {}
    assert read_memory({}) == Memory()


@given(st.dictionaries(NAMES, JSON))
def test_any_state_can_be_read(state: dict[str, Any]) -> None:
    """What does not fit counts as not there, and the bot answers all the same."""
    assert isinstance(read_memory(state), Memory)
    for update in (wrote("/start"), wrote("kling"), pressed("menu")):
        assert shown(says(update, knows(state))).params["text"]


@pytest.mark.parametrize(
    ("state", "memory"),
    [
        ({"language": "ru", "edited": "1"}, Memory(language="ru")),
        ({"language": 5, "blocked": True}, Memory(blocked=True)),
        ({"draft": {"nonsense": 1}, "asking": "draft"}, Memory(asking="draft")),
        ({"of_tomorrow": {"x": 1}, "language": "en"}, Memory(language="en")),
    ],
)
def test_what_does_not_fit_leaves_the_rest(state: dict[str, Any], memory: Memory) -> None:
    """One field of another version does not cost the others."""
    assert read_memory(state) == memory


@pytest.mark.parametrize(
    "how", [wrote("/start"), wrote("/cancel"), wrote("menu"), pressed("menu"), pressed("category:image")]
)
def test_leaving_a_question_leaves_it(how: Any) -> None:
    """What is typed after the menu is looked for, and is no answer any more."""
    asking = Memory(language="ru", asking="draft", draft=Draft(1, "00000000"))
    assert says(how, knows(asking.state())).state == {"language": "ru"}


@pytest.mark.parametrize(
    "how", [wrote("/help"), wrote("/lang"), pressed("settings"), pressed("history"), wrote("/strat")]
)
def test_a_look_aside_keeps_the_question(how: Any) -> None:
    """Help is not the end of it."""
    asking = Memory(asking="draft", draft=Draft(1, "00000000"))
    assert says(how, knows(asking.state())).state is None


LONG = "\U0001f98a" * 2000


@pytest.mark.parametrize(
    ("memory", "kept"),
    [
        (
            Memory("ru", "draft", Draft(1, "m", {"prompt": LONG, "negative": LONG[:1000]}), Brought(LONG)),
            Memory("ru", "draft", Draft(1, "m", {"prompt": LONG, "negative": LONG[:1000]})),
        ),
        (Memory("ru", brought=Brought("a fox", "image", LONG * 3)), Memory("ru")),
        (Memory("ru", brought=Brought("a fox"), album=LONG * 3), Memory("ru")),
        (Memory("ru", draft=Draft(1, "m", {"prompt": LONG * 3})), Memory("ru")),
        (Memory("ru", brought=Brought(LONG)), Memory("ru", brought=Brought(LONG))),
    ],
    ids=["a draft and a description", "a file's id", "an album's id", "a draft of another version", "what fits"],
)
def test_what_is_remembered_has_room(memory: Memory, kept: Memory) -> None:
    """Long texts of letters that take four bytes: what can be asked for again is forgotten."""
    state = memory.state()
    assert Reply(state=state).state == state
    assert read_memory(state) == kept


def test_a_description_beside_a_long_draft_is_answered() -> None:
    """Somebody has filled in long texts, and then writes another long one: no error, and the draft stays."""
    known = knows(Memory(draft=Draft(1, "m", {"prompt": LONG, "negative": LONG[:900]})).state())
    reply = says(wrote("fox " * 3 + LONG[:1900]), known)
    assert shown(reply) is not None
    assert read_memory(reply.state or known.state).draft is not None
