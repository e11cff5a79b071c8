"""What Telegram sends us: the envelope that every update has, and the few fields that the bot reads.

The webhook reads the envelope only, and keeps the body as it came. Unknown kinds and unknown fields are normal:
Telegram adds them without notice.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

INT64 = 2**63
Int64 = Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)]
"""A number as Telegram sends it: none of its ids has more than 52 bits. JSON has greater ones, which no table can hold:
and a message's id goes into a statement of every later update."""


class NotAnUpdate(ValueError):
    """The body is not a JSON object with an integer `update_id`; the message says what is wrong."""


class Envelope(msgspec.Struct, frozen=True):
    """What the inbox needs to know of any update.

    `kind` is the name of its payload ("message", "callback_query", ... or one not known yet). `chat_id` is the key
    of its order: the chat, else the user. Where there is neither it is 0, which is no chat's: such an update shares no
    order with any other, nor with another that has 0. `message_id` is that of the message, where the kind is
    "message": an id of the chat's sequence. Those of other kinds are older, or of another account's messages.
    """

    update_id: int
    kind: str
    chat_id: int
    message_id: int | None = None


class User(msgspec.Struct, frozen=True):
    """Who acted."""

    id: Int64
    language_code: str | None = None
    is_bot: bool = False
    first_name: str = ""
    username: str | None = None


class Chat(msgspec.Struct, frozen=True):
    """Where it happened; `type` is private, group, supergroup or channel."""

    id: Int64
    type: str = "private"
    is_forum: bool = False
    is_direct_messages: bool = False


class File(msgspec.Struct, frozen=True):
    """A file in a message. `file_size` in bytes and `duration` in seconds, where Telegram tells them."""

    file_id: str
    file_size: Int64 | None = None
    mime_type: str | None = None
    duration: float | None = None
    width: Int64 | None = None
    height: Int64 | None = None


class Entity(msgspec.Struct, frozen=True):
    """A part of a text that is a command, a mention, ...; offset and length are counted in UTF-16 units."""

    type: str
    offset: Int64
    length: Int64


class DirectMessagesTopic(msgspec.Struct, frozen=True):
    """The topic of a channel's direct messages."""

    topic_id: Int64


class Message(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A message; `sender` is missing in channels. `date` is Unix time, 0 for a message that cannot be reached any more.

    A photo comes in several sizes, the largest last. A message without any of the contents below is a service message
    (somebody joined, something was pinned), or of a kind that the bot does not read.
    """

    message_id: Int64
    chat: Chat
    sender: User | None = None
    date: Int64 = 0
    edit_date: Int64 | None = None
    text: str | None = None
    entities: tuple[Entity, ...] = ()
    caption: str | None = None
    caption_entities: tuple[Entity, ...] = ()
    photo: tuple[File, ...] = ()
    video: File | None = None
    animation: File | None = None
    audio: File | None = None
    voice: File | None = None
    video_note: File | None = None
    document: File | None = None
    sticker: File | None = None
    checklist: dict[str, Any] | None = None
    contact: dict[str, Any] | None = None
    dice: dict[str, Any] | None = None
    game: dict[str, Any] | None = None
    location: dict[str, Any] | None = None
    paid_media: dict[str, Any] | None = None
    poll: dict[str, Any] | None = None
    story: dict[str, Any] | None = None
    venue: dict[str, Any] | None = None
    media_group_id: str | None = None
    message_thread_id: Int64 | None = None
    is_topic_message: bool = False
    direct_messages_topic: DirectMessagesTopic | None = None
    is_automatic_forward: bool = False
    via_bot: User | None = None
    successful_payment: dict[str, Any] | None = None


class CallbackQuery(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A press on an inline button; `message` is missing if it is too old, or was sent via inline mode."""

    id: str
    sender: User
    message: Message | None = None
    data: str | None = None
    inline_message_id: str | None = None


class InlineQuery(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """Somebody types the bot's name and a text in any chat; `offset` is the one that the answer before has given."""

    id: str
    sender: User
    query: str = ""
    offset: str = ""


class ChatMember(msgspec.Struct, frozen=True):
    """`status`: creator, administrator, member, restricted, left or kicked."""

    status: str


class ChatMemberUpdated(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """The bot's own membership in a chat has changed: in a private chat, it was blocked (kicked) or unblocked."""

    chat: Chat
    sender: User
    new_chat_member: ChatMember


class Payment(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """A question before a payment or a delivery, which has to be answered within 10 seconds."""

    id: str
    sender: User


class Update(msgspec.Struct, frozen=True):
    """One update, of which at most one of the kinds below is set; none for kinds that the bot does not read."""

    update_id: Int64
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: CallbackQuery | None = None
    inline_query: InlineQuery | None = None
    my_chat_member: ChatMemberUpdated | None = None
    pre_checkout_query: Payment | None = None
    shipping_query: Payment | None = None


_decode_any = msgspec.json.Decoder().decode
_decode_update = msgspec.json.Decoder(Update).decode


def read_envelope(body: bytes) -> Envelope:
    """The envelope of the update in `body`; raises NotAnUpdate."""
    try:
        document = _load(body)
    except ValueError as error:
        raise NotAnUpdate("not JSON") from error
    if not isinstance(document, dict):
        raise NotAnUpdate("not a JSON object")
    update_id = document.get("update_id")
    # Telegram's are positive; what is below zero is the service's own.
    if type(update_id) is not int or not 0 <= update_id < INT64:
        raise NotAnUpdate("update_id is not an integer from 0 to 2**63 - 1")
    kind = next((key for key in document if key != "update_id"), "empty")
    payload = document.get(kind)
    return Envelope(
        update_id, _storable(kind), _order_key(payload), _message_id(payload) if kind == "message" else None
    )


def read_update(body: bytes) -> Update:
    """The fields that the bot reads; raises ValueError where one has a type that Telegram does not send."""
    try:
        return _decode_update(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return msgspec.convert(_without_surrogates(json.loads(body)), Update)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def _load(body: bytes) -> Any:
    try:
        return _decode_any(body)
    except (msgspec.DecodeError, RecursionError):
        # msgspec refuses lone surrogates, which Telegram's texts may hold (an emoji cut in two).
        try:
            return json.loads(body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def _order_key(payload: Any) -> int:
    """The chat's id, else the user's: the updates that share it are done one after the other. 0: with no other."""
    if not isinstance(payload, dict):
        return 0
    for holder in (payload, payload.get("message")):
        chat = holder.get("chat") if isinstance(holder, dict) else None
        if isinstance(chat, dict) and _is_id(chat.get("id")):
            return int(chat["id"])
    for name in ("from", "user"):
        user = payload.get(name)
        if isinstance(user, dict) and _is_id(user.get("id")):
            return int(user["id"])
    return 0


def _message_id(payload: Any) -> int | None:
    if not isinstance(payload, dict) or not _is_id(payload.get("message_id")):
        return None
    return int(payload["message_id"])


def _is_id(value: Any) -> bool:
    return type(value) is int and -INT64 <= value < INT64


def _storable(kind: str) -> str:
    # A Postgres text holds neither NUL nor lone surrogates.
    return kind[:64].replace("\0", "").encode("utf-8", "replace").decode()


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
