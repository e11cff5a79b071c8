"""What the Bot API answers: results, and refusals with Telegram's own words.

The texts are those of the public Bot API server (tdlib/telegram-bot-api), since clients match on them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """One answer: HTTP status, JSON body, and headers beyond the usual ones."""

    status: int
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer that has not been given yet; `parameters` as in ResponseParameters."""

    status: int
    description: str
    parameters: dict[str, int] = field(default_factory=dict)

    def answer(self) -> ApiAnswer:
        """The error as an answer; a `retry_after` is in the body and in the Retry-After header."""
        body: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        headers: tuple[tuple[str, str], ...] = ()
        if self.parameters:
            body["parameters"] = self.parameters
        if "retry_after" in self.parameters:
            headers = (("Retry-After", str(self.parameters["retry_after"])),)
        return ApiAnswer(self.status, body, headers)


class MethodFailed(Exception):
    """A method ends with an error answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


def ok(result: Any, description: str | None = None) -> ApiAnswer:
    """A successful answer."""
    body = {"ok": True, "result": result}
    if description is not None:
        body["description"] = description
    return ApiAnswer(200, body)


def bad_request(why: str) -> Refusal:
    """400 with `Bad Request: why`."""
    return Refusal(400, f"Bad Request: {why}")


def flood(retry_after: int) -> Refusal:
    """429: come back after `retry_after` seconds."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})


UNAUTHORIZED = Refusal(401, "Unauthorized")
NOT_FOUND = Refusal(404, "Not Found")
METHOD_NOT_FOUND = Refusal(404, "Not Found: method not found")

CHAT_ID_EMPTY = bad_request("chat_id is empty")
CHAT_NOT_FOUND = bad_request("chat not found")
NEVER_STARTED = Refusal(403, "Forbidden: bot can't initiate conversation with a user")
BLOCKED = Refusal(403, "Forbidden: bot was blocked by the user")
DEACTIVATED = Refusal(403, "Forbidden: user is deactivated")
KICKED = Refusal(403, "Forbidden: bot was kicked from the group chat")

TEXT_EMPTY = bad_request("message text is empty")
TEXT_TOO_LONG = bad_request("message is too long")
CAPTION_TOO_LONG = bad_request("message caption is too long")
NOT_MODIFIED = bad_request(
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
NO_MESSAGE_ID = bad_request("message identifier is not specified")
EDIT_NOT_FOUND = bad_request("message to edit not found")
EDIT_FORBIDDEN = bad_request("message can't be edited")
INLINE_EXPECTED = bad_request("inline keyboard expected")
DELETE_NOT_FOUND = bad_request("message to delete not found")
NO_TEXT_TO_EDIT = bad_request("there is no text in the message to edit")
NO_CAPTION_TO_EDIT = bad_request("there is no caption in the message to edit")
NO_MEDIA_TO_EDIT = bad_request("there is no media in the message to edit")
INLINE_MESSAGE_INVALID = bad_request("MESSAGE_ID_INVALID")
REPLY_NOT_FOUND = bad_request("message to be replied not found")
REPLY_NOT_JSON = bad_request("can't parse reply parameters JSON object")
REPLY_NOT_OBJECT = bad_request("object expected as reply parameters")
QUOTE_INVALID = bad_request("QUOTE_TEXT_INVALID")
THREAD_NOT_FOUND = bad_request("message thread not found")
TOPIC_REQUIRED = bad_request("channel direct messages topic must be specified")
COPY_NOT_FOUND = bad_request("message to copy not found")
COPY_FORBIDDEN = bad_request("message can't be copied")
FORWARD_NOT_FOUND = bad_request("message to forward not found")
PIN_NOT_FOUND = bad_request("message to pin not found")
QUERY_TOO_OLD = bad_request("query is too old and response timeout expired or query ID is invalid")
WRONG_ACTION = bad_request("wrong parameter action in request")

BUTTON_DATA_INVALID = bad_request("BUTTON_DATA_INVALID")
MARKUP_NOT_JSON = bad_request("can't parse reply keyboard markup JSON object")
MARKUP_NOT_OBJECT = bad_request("object expected as reply markup")
KEYBOARD_NOT_ROWS = bad_request('field "inline_keyboard" must be an Array of Arrays of InlineKeyboardButton')
REPLY_KEYBOARD_NOT_ROWS = bad_request('field "keyboard" must be an Array of Arrays')
BUTTON_TEXT_EMPTY = bad_request("can't parse inline keyboard button: button text must be non-empty")
BUTTON_WITHOUT_ACTION = bad_request("text buttons are unallowed in the inline keyboard")

FILE_EMPTY = bad_request("file must be non-empty")
FILE_TOO_LARGE = Refusal(413, "Request Entity Too Large")
FILE_ID_INVALID = bad_request("wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
URL_FAILED = bad_request("failed to get HTTP URL content")
URL_OF_WRONG_TYPE = bad_request("wrong type of the web page content")
NOT_A_PICTURE = bad_request("IMAGE_PROCESS_FAILED")
PHOTO_INVALID_DIMENSIONS = bad_request("PHOTO_INVALID_DIMENSIONS")
GET_FILE_INVALID = bad_request("invalid file_id")
GET_FILE_TOO_LARGE = bad_request("file is too big")
MEDIA_NOT_JSON = bad_request("can't parse input media JSON object")
ALBUM_NOT_JSON = bad_request("can't parse media JSON object")
ALBUM_NOT_ARRAY = bad_request("expected an Array of InputMedia")
ALBUM_EMPTY = bad_request("there are no messages to send")
ALBUM_TOO_LARGE = bad_request("too many messages to send as an album")

COMMAND_INVALID = bad_request("BOT_COMMAND_INVALID")
COMMAND_DESCRIPTION_INVALID = bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
LANGUAGE_INVALID = bad_request("invalid language code specified")
RESULTS_NOT_ARRAY = bad_request("expected an Array of inline query results")
RESULTS_TOO_MANY = bad_request("too many inline query results specified")
RESULT_ID_DUPLICATE = bad_request("RESULT_ID_DUPLICATE")
RESULT_ID_INVALID = bad_request("RESULT_ID_INVALID")

WEBHOOK_ACTIVE = Refusal(
    409,
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
)
OTHER_POLLER = Refusal(
    409,
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
)
POLL_ENDED_BY_WEBHOOK = Refusal(409, "Conflict: terminated by setWebhook request")


def required(name: str) -> Refusal:
    """A parameter is missing that the method cannot do without."""
    return bad_request(f'parameter "{name}" is required')


def upgraded(new_chat_id: int) -> Refusal:
    """The group became the supergroup `new_chat_id`."""
    return Refusal(
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": new_chat_id},
    )
