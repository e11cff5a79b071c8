"""The settings of one instance, from the environment and a `.env` file. Every fault is named, not only the first."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from dotenv import dotenv_values

from svc.settings import addresses
from svc.settings.masking import make_mask
from telegram_client.proxy import find_proxy

LogFormat = Literal["console", "json"]
Intake = Literal["webhook", "polling"]
InDoubtPolicy = Literal["resend", "skip"]
"""What becomes of a message that may or may not have arrived."""
T = TypeVar("T")

REQUIRED = ("BOT_TOKEN", "DATABASE_URL", "WEBHOOK_SECRET")

_TOKEN = re.compile(r"[0-9]{1,15}:[A-Za-z0-9_-]{20,100}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """The settings cannot be used; `faults` has one line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    """What an operator can set; times are in seconds. Secrets are kept out of the repr."""

    bot_token: str = field(repr=False)
    database_url: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    leader_database_url: str = field(repr=False)
    webhook_url: str | None = field(default=None, repr=False)  # some have the token in it
    intake: Intake = "webhook"
    telegram_api_root: str = "https://api.telegram.org"
    port: int | None = None
    workers: int = 16
    passive_hold: float = 30.0
    drain_timeout: float = 20.0
    lease: float = 3.0
    linger: float = 0.0
    in_doubt: InDoubtPolicy = "resend"
    send_rate: float = 30.0
    send_rate_chat: float = 1.0
    send_rate_group: float = 20.0
    log_format: LogFormat | None = None
    log_level: str = "info"
    instance_id: str = ""

    @property
    def bot_id(self) -> int:
        """The number in front of the token: the bot's user id."""
        return int(self.bot_token.split(":", 1)[0])

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed; of the token its second half too, which is the secret of it."""
        passwords = (*addresses.passwords(self.database_url), *addresses.passwords(self.leader_database_url))
        token = (self.bot_token, self.bot_token.partition(":")[2])
        return tuple(dict.fromkeys(text for text in (*token, self.webhook_secret, *passwords) if text))

    def hide(self, text: str) -> str:
        """`text` without the secrets: what others say, of a webhook's address say, may hold one."""
        return make_mask(self.secrets)(text)


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    dotenv: str | None = ".env",
    required: Collection[str] = REQUIRED,
) -> Settings:
    """Read the settings; the environment wins over the file. Raises SettingsError with every fault found.

    `required` names the settings that this command cannot do without.
    """
    try:
        in_file = dotenv_values(dotenv) if dotenv else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{dotenv} cannot be read: {type(error).__name__}"]) from None
    values = {name: value for name, value in in_file.items() if value is not None}
    values.update(os.environ if environ is None else environ)
    return _Reader(values, required).settings()


class _Reader:
    def __init__(self, values: Mapping[str, str], required: Collection[str]) -> None:
        self._values = values
        self._required = required
        self._faults: list[str] = []

    def settings(self) -> Settings:
        intake: Intake = self._take("INTAKE", _intake, "webhook")
        if intake == "polling" and "WEBHOOK_URL" not in self._required:
            # Nobody is let in at /webhook then.
            self._required = [name for name in self._required if name != "WEBHOOK_SECRET"]
        api_root = self._take("TELEGRAM_API_ROOT", addresses.api_root, f"https://{addresses.PUBLIC_API}")
        webhook_url = addresses.public_webhook_url if addresses.is_public(api_root) else addresses.webhook_url
        database_url = self._take("DATABASE_URL", addresses.postgres_url, "")
        settings = Settings(
            bot_token=self._take("BOT_TOKEN", _token, ""),
            database_url=database_url,
            webhook_secret=self._take("WEBHOOK_SECRET", _secret, ""),
            leader_database_url=self._take("LEADER_DATABASE_URL", addresses.postgres_url, database_url),
            intake=intake,
            webhook_url=self._take("WEBHOOK_URL", webhook_url, None),
            telegram_api_root=api_root,
            port=self._take("PORT", _number(int, 1, 65535), None),
            workers=self._take("WORKERS", _number(int, 1, 1000), 16),
            passive_hold=self._take("PASSIVE_HOLD", _number(float, 0, 3600), 30.0),
            drain_timeout=self._take("DRAIN_TIMEOUT", _number(float, 0, 3600), 20.0),
            lease=self._take("LEASE", _number(float, 1, 60), 3.0),
            linger=self._take("LINGER", _number(float, 0, 600), 0.0),
            send_rate=self._take("SEND_RATE", _number(float, 0, 100_000), 30.0),
            send_rate_chat=self._take("SEND_RATE_CHAT", _number(float, 0, 1000), 1.0),
            send_rate_group=self._take("SEND_RATE_GROUP", _number(float, 0, 10_000), 20.0),
            in_doubt=self._take("IN_DOUBT", _in_doubt, "resend"),
            log_format=self._take("LOG_FORMAT", _log_format, None),
            log_level=self._take("LOG_LEVEL", _level, "info"),
            instance_id=self._take("INSTANCE_ID", _label, "") or default_instance_id(),
        )
        if "BOT_TOKEN" in self._required:
            self._look_at_the_proxy(api_root)
        if self._faults:
            raise SettingsError(self._faults)
        return settings

    def _take(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._values.get(name, "").strip()
        if not text:
            if name in self._required:
                self._faults.append(f"{name} is not set")
            return default
        try:
            return parse(text)
        except ValueError as error:
            self._faults.append(f"{name} {error}")
            return default

    def _look_at_the_proxy(self, api_root: str) -> None:
        # Needed only once this instance leads; an operator should hear of it at the start.
        try:
            find_proxy(api_root)
        except ValueError as error:
            self._faults.append(str(error))


def default_instance_id() -> str:
    """A label for this process: host, pid and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("is not a bot token (it looks like 123456:ABC-def...)")  # never with the text itself
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError("must be 1 to 256 characters of A-Z a-z 0-9 _ -")
    return text


def _number(kind: Callable[[str], T], low: float, high: float) -> Callable[[str], T]:
    def parse(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            value = None
        # A comparison with NaN is false, so it is refused too.
        if not isinstance(value, (int, float)) or not low <= value <= high:
            noun = "a whole number" if kind is int else "a number"
            raise ValueError(f"must be {noun} from {low} to {high}, not {text!r}")
        return value

    return parse


def _in_doubt(text: str) -> InDoubtPolicy:
    match text.lower():
        case "resend":
            return "resend"
        case "skip":
            return "skip"
    raise ValueError(f"must be resend or skip, not {text!r}")


def _log_format(text: str) -> LogFormat:
    match text.lower():
        case "console":
            return "console"
        case "json":
            return "json"
    raise ValueError(f"must be console or json, not {text!r}")


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"must be one of {', '.join(_LEVELS)}, not {text!r}")
    return text.lower()


def _label(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("must be at most 100 printable characters")
    return text


def _intake(text: str) -> Intake:
    match text.lower():
        case "webhook":
            return "webhook"
        case "polling":
            return "polling"
    raise ValueError(f"must be webhook or polling, not {text!r}")
