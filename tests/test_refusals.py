"""Whose fault a refusal is, by the answers that the Bot API server is known to give."""

from __future__ import annotations

import random

import pytest

from svc.delivery.refusals import another_way_may_do, comes_too_late, is_nobodys, may_be_the_bots
from svc.delivery.retry_policy import MAX_ATTEMPTS, after_failure
from svc.storage.inbox import Dead, Done, Ending, Retry
from telegram_client.errors import InDoubt, NotSent, Refused

# 403s of Telegram's servers about sending and editing, as https://core.telegram.org/api/errors lists them; the Bot API
# server turns them into 400s. The last ones have always been 400s.
CODES = [
    "ALLOW_PAYMENT_REQUIRED_10",
    "BOT_ACCESS_FORBIDDEN",
    "BROADCAST_FORBIDDEN",
    "CHANNEL_PUBLIC_GROUP_NA",
    "CHAT_ACTION_FORBIDDEN",
    "CHAT_ADMIN_REQUIRED",
    "CHAT_FORBIDDEN",
    "CHAT_GUEST_SEND_FORBIDDEN",
    "CHAT_SEND_MEDIA_FORBIDDEN",
    "CHAT_SEND_PLAIN_FORBIDDEN",
    "CHAT_SEND_WEBPAGE_FORBIDDEN",
    "CHAT_WRITE_FORBIDDEN",
    "INLINE_BOT_REQUIRED",
    "MESSAGE_AUTHOR_REQUIRED",
    "NOT_ALLOWED",
    "NOT_ELIGIBLE",
    "PEER_ID_INVALID",
    "PREMIUM_ACCOUNT_REQUIRED",
    "PRIVACY_PREMIUM_REQUIRED",
    "RIGHT_FORBIDDEN",
    "USER_BANNED_IN_CHANNEL",
    "USER_DELETED",
    "USER_INVALID",
    "USER_IS_BLOCKED",
    "USER_NOT_MUTUAL_CONTACT",
    "USER_NOT_PARTICIPANT",
    "USER_PRIVACY_RESTRICTED",
    "USER_RESTRICTED",
    "VOICE_MESSAGES_FORBIDDEN",
    "CHANNEL_PRIVATE",
    "CHAT_RESTRICTED",
    "INPUT_USER_DEACTIVATED",
    "MESSAGE_ID_INVALID",
    "TOPIC_CLOSED",
    "TOPIC_DELETED",
]

TEXTS = [
    "chat not found",
    "user not found",
    "message to edit not found",
    "message to be replied not found",
    "message thread not found",
    "message can't be edited",
    "message can't be deleted",
    "have no rights to send a message",
    "Have no write access to the chat",
    "not enough rights to send text messages to the chat",
    "need administrator rights in the channel chat",
]

OURS = [
    "can't parse entities: Can't find end of the entity starting at byte offset 3",
    "message text is empty",
    "message is too long",
    "chat_id is empty",
    "sticker set not found",
    "wrong file identifier/HTTP URL specified",
    "BUTTON_DATA_INVALID",
    "BUTTON_TYPE_INVALID",
    "ENTITY_BOUNDS_INVALID",
    "MESSAGE_EMPTY",
    "REPLY_MARKUP_INVALID",
]


def refused(status: int, description: str) -> Refused:
    return Refused("sendMessage", description, status=status)


def ending(error: Exception, *, attempts: int = 1, doubts: int = 0, age: float = 0.0, fine: bool = False) -> Ending:
    """How an attempt to send ends with `error`."""
    return after_failure(
        error,
        attempts=attempts,
        doubts=doubts,
        age=age,
        repeatable=False,
        can_be_looked_for=False,
        policy="resend",
        bot_is_fine=fine,
        rng=random.Random(0),
    )


@pytest.mark.parametrize("text", [*CODES, *TEXTS])
def test_what_is_nobodys_fault_is_finished(text: str) -> None:
    """Who was to have the message cannot have it: refused, and no dead letter."""
    assert is_nobodys(refused(400, f"Bad Request: {text}"))
    assert ending(refused(400, f"Bad Request: {text}")) == Done("refused")


@pytest.mark.parametrize("text", OURS)
def test_what_is_wrong_with_the_request_is_kept(text: str) -> None:
    """It can be looked at, mended and replayed."""
    assert isinstance(ending(refused(400, f"Bad Request: {text}")), Dead)


@pytest.mark.parametrize("text", ["bot was blocked by the user", "bot was kicked from the group chat", "ANY_CODE"])
def test_every_403_is_nobodys_fault(text: str) -> None:
    """It is about the chat or the user, never about the request."""
    assert ending(refused(403, f"Forbidden: {text}")) == Done("refused")


@pytest.mark.parametrize(("status", "text"), [(401, "Unauthorized"), (404, "Not Found")])
def test_nothing_dies_of_the_bots_own_fault(status: int, text: str) -> None:
    """However often; only where Telegram knows the bot it is the update's fault, and that has its attempts."""
    error = refused(status, text)
    assert isinstance(ending(error, attempts=MAX_ATTEMPTS + 50, age=1e7), Retry)
    assert isinstance(ending(error, attempts=MAX_ATTEMPTS - 1, fine=True), Retry)
    assert isinstance(ending(error, attempts=MAX_ATTEMPTS, fine=True), Dead)


def test_which_errors_make_the_bot_suspect() -> None:
    """The statuses of a wrong token or address, also on a page that is not Telegram's."""
    assert may_be_the_bots(refused(401, "Unauthorized"))
    assert may_be_the_bots(InDoubt("sendMessage", "the answer is not JSON", status=404))
    assert not may_be_the_bots(refused(400, "Bad Request: chat not found"))
    assert not may_be_the_bots(NotSent("sendMessage", "ConnectError"))
    assert not may_be_the_bots(RuntimeError("404"))


def test_a_message_is_sent_twice_in_doubt_and_not_again() -> None:
    """The second doubt is the last; a replay gives it one more."""
    doubt = InDoubt("sendMessage", "Gateway Timeout", status=504)
    first = ending(doubt)
    assert isinstance(first, Retry)
    assert first.doubts == 1
    for doubts in (1, 2):
        second = ending(doubt, attempts=2, doubts=doubts)
        assert isinstance(second, Dead)
        assert second.reason.startswith("it cannot be told whether it was sent")
        assert second.doubts == 1


def test_an_old_update_is_tried_before_it_is_given_up() -> None:
    """What has waited a day for the bot does not die of its first 429."""
    flood = NotSent("sendMessage", "Too Many Requests", status=429, retry_after=5)
    assert isinstance(ending(flood, age=25 * 3600.0), Retry)
    assert isinstance(ending(flood, age=25 * 3600.0, attempts=MAX_ATTEMPTS), Dead)


@pytest.mark.parametrize("method", ["editMessageText", "editMessageCaption", "editMessageMedia"])
@pytest.mark.parametrize(
    "text", ["message can't be edited", "message to edit not found", "MESSAGE_ID_INVALID", "there is no text to edit"]
)
def test_where_an_edit_is_refused_another_message_may_do(method: str, text: str) -> None:
    """The message is gone, too old, or of another kind."""
    assert another_way_may_do(Refused(method, f"Bad Request: {text}", status=400))


@pytest.mark.parametrize(
    "text", ["failed to get HTTP URL content", "wrong file identifier/HTTP URL specified", "PHOTO_INVALID_DIMENSIONS"]
)
def test_where_a_file_is_refused_another_way_may_do(text: str) -> None:
    """It can be uploaded, or told as a link."""
    assert another_way_may_do(Refused("sendPhoto", f"Bad Request: {text}", status=400))


@pytest.mark.parametrize("text", ["message thread not found", "TOPIC_DELETED", "TOPIC_CLOSED"])
def test_where_a_topic_is_gone_another_way_may_do(text: str) -> None:
    """Elsewhere in its chat."""
    assert another_way_may_do(Refused("sendPhoto", f"Bad Request: {text}", status=400))


@pytest.mark.parametrize(
    ("method", "status", "text"),
    [
        ("sendPhoto", 403, "Forbidden: bot was blocked by the user"),
        ("editMessageText", 403, "Forbidden: bot was kicked from the group chat"),
        ("sendPhoto", 400, "Bad Request: chat not found"),
        ("sendPhoto", 400, "Bad Request: USER_IS_BLOCKED"),
        ("sendPhoto", 401, "Unauthorized"),
        ("editMessageText", 404, "Not Found"),
        ("sendMessage", 400, "Bad Request: message can't be edited"),
    ],
)
def test_where_nobody_can_have_it_no_other_way_does(method: str, status: int, text: str) -> None:
    """Blocked, kicked, gone; and where the bot is not known, nothing was said of this call."""
    assert not another_way_may_do(Refused(method, text, status=status))


OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@pytest.mark.parametrize(
    "method", ["answerCallbackQuery", "answerInlineQuery", "answerPreCheckoutQuery", "answerShippingQuery"]
)
def test_an_answer_to_an_old_question_comes_too_late(method: str) -> None:
    """Nobody waits for it any more."""
    assert comes_too_late(Refused(method, OLD, status=400))
    assert not comes_too_late(Refused(method, "Unauthorized", status=401))


def test_what_else_is_wrong_with_an_answer_is_found_out() -> None:
    """Results that Telegram cannot read are a fault of the bot's; a press's spinner ends by itself."""
    assert not comes_too_late(Refused("answerInlineQuery", "Bad Request: RESULT_ID_DUPLICATE", status=400))
    assert not comes_too_late(Refused("sendMessage", OLD, status=400))
    assert comes_too_late(Refused("answerCallbackQuery", "Bad Request: MESSAGE_TOO_LONG", status=400))
