"""Webhook requests as Telegram sends them, made from templates of a fixed length.

Every update has an id, a user and a chat of its own. Ids keep their number of digits, so that a request is one `%`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_UPDATE = 100_000_000
FIRST_CHAT = 1_000_000
MOST_UPDATES = 8_000_000

Maker = Callable[[int], bytes]


class Numbers:
    """The numbers of one side's updates, from 0 on, none twice."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self) -> int:
        """The next number."""
        n = self.taken
        if n >= MOST_UPDATES:
            raise OverflowError("ids would grow by a digit")
        self.taken = n + 1
        return n


_BODY = (
    '{"update_id":%(update)s,\n'
    '"%(kind)s":{"message_id":7,"from":{"id":%(chat)s,"is_bot":false,"first_name":"Ann","language_code":"en"},'
    '"chat":{"id":%(chat)s,"first_name":"Ann","type":"private"},"date":%(date)d,%(rest)s}}'
)
# The order is Telegram's; it sends no User-Agent.
_HEAD = (
    "POST %(path)s HTTP/1.1\r\n"
    "Host: 127.0.0.1:%(port)d\r\n"
    "X-Telegram-Bot-Api-Secret-Token: %(secret)s\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: %(length)d\r\n"
    "Connection: keep-alive\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "\r\n"
)


def starts(port: int, secret: str) -> Maker:
    """Makes the nth `/start` request, n from 0."""
    return _maker(port, secret, "message", '"text":"/start","entities":[{"offset":0,"length":6,"type":"bot_command"}]')


def edits(port: int, secret: str) -> Maker:
    """Makes the nth `edited_message` request: a kind that neither side answers."""
    return _maker(port, secret, "edited_message", f'"edit_date":{int(time.time())},"text":"a typo, mended"')


def menus(port: int) -> Maker:
    """Makes the nth sendMessage call, to drive the stand-in itself with."""
    body = b'{"chat_id":%d,"text":"menu","reply_markup":{"inline_keyboard":[[{"text":"a","callback_data":"a"}]]}}'
    values = {"path": "/bot42:x/sendMessage", "port": port, "secret": "x", "length": len(body % FIRST_CHAT)}
    request = (_HEAD % values).encode() + body
    return lambda n: request % (FIRST_CHAT + n)


def _maker(port: int, secret: str, kind: str, rest: str) -> Maker:
    values = {"update": "%(update)d", "kind": kind, "chat": "%(chat)d", "date": int(time.time()), "rest": rest}
    # Built in two steps: the first fills in all but the ids and leaves `%d` where they go.
    template = (_BODY % values).replace("%(update)d", "%d").replace("%(chat)d", "%d")
    length = len(template % (FIRST_UPDATE, FIRST_CHAT, FIRST_CHAT))
    head = _HEAD % {"path": "/webhook", "port": port, "secret": secret, "length": length}
    request = (head + template).encode()

    def make(n: int) -> bytes:
        chat = FIRST_CHAT + n
        return request % (FIRST_UPDATE + n, chat, chat)

    return make
