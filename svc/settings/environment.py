"""The settings of one instance, from the environment and a `.env` file. Every fault is named, not only the first."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from dotenv import dotenv_values

from svc.settings import addresses
from svc.settings.masking import make_mask
from svc.settings.parsers import Network
from svc.settings.table import REQUIRED, SETTINGS
from telegram_client.proxy import find_proxy

LogFormat = Literal["console", "json"]
Intake = Literal["webhook", "polling"]
InDoubtPolicy = Literal["verify", "resend", "skip"]
"""What becomes of a message that may or may not have arrived: it is looked for, or one of the others at once."""

Fallback = Literal["resend", "skip"]
"""What becomes of it where it cannot be told whether it arrived."""


class SettingsError(Exception):
    """The settings cannot be used; `faults` has one line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    """What an operator can set; times are in seconds, those of `keep_` in hours. Secrets are kept out of the repr.

    A field is the setting of the same name in `svc.settings.table`, which says what it means and has its default.
    """

    bot_token: str = field(repr=False)
    database_url: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str | None = field(repr=False)  # some have the token in it
    bot: str
    intake: Intake
    leader_database_url: str = field(repr=False)
    telegram_api_root: str
    host: str | None
    port: int | None
    kie_api_key: str = field(repr=False)
    kie_api_root: str
    kie_webhook_key: str = field(repr=False)
    public_url: str | None = field(repr=False)  # as webhook_url
    jobs_per_user: int
    jobs_per_day: int
    workers: int
    passive_hold: float
    drain_timeout: float
    linger: float
    lease: float
    in_doubt: InDoubtPolicy
    in_doubt_fallback: Fallback
    step_down_after: float
    send_rate: float
    send_rate_chat: float
    send_rate_group: float
    keep_processed: float
    keep_transitions: float
    keep_dead: float
    keep_jobs: float
    keep_payloads: float
    ops_token: str = field(repr=False)
    trusted_proxies: tuple[Network, ...]
    log_format: LogFormat | None
    log_level: str
    instance_id: str

    @property
    def bot_id(self) -> int:
        """The number in front of the token: the bot's user id."""
        return int(self.bot_token.split(":", 1)[0])

    @property
    def fallback(self) -> Fallback:
        """What becomes of a message where it cannot be told whether it arrived, or is not looked for."""
        return self.in_doubt_fallback if self.in_doubt == "verify" else self.in_doubt

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed: the token and its second half, the webhook's secret, the provider's keys, the
        ops page's token, the databases' passwords.
        """
        passwords = (*addresses.passwords(self.database_url), *addresses.passwords(self.leader_database_url))
        token = (self.bot_token, self.bot_token.partition(":")[2])
        others = (self.webhook_secret, self.kie_api_key, self.kie_webhook_key, self.ops_token)
        return tuple(dict.fromkeys(text for text in (*token, *others, *passwords) if text))

    def hide(self, text: str) -> str:
        """`text` without the secrets. What comes from elsewhere may hold one: a webhook's address, for instance."""
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
    texts = _read(os.environ if environ is None else environ, dotenv)
    values, faults = _parse(texts)
    faults |= _missing(texts, required, values["INTAKE"])
    faults |= _undeliverable(values["WEBHOOK_URL"], values["TELEGRAM_API_ROOT"])
    lines = [f"{setting.name} {faults[setting.name]}" for setting in SETTINGS if setting.name in faults]
    if "BOT_TOKEN" in required:
        lines += _proxy_faults(values["TELEGRAM_API_ROOT"])
    if lines:
        raise SettingsError(lines)
    values["LEADER_DATABASE_URL"] = values["LEADER_DATABASE_URL"] or values["DATABASE_URL"]
    values["PUBLIC_URL"] = values["PUBLIC_URL"] or _service_of(values)
    values["INSTANCE_ID"] = values["INSTANCE_ID"] or default_instance_id()
    return Settings(**{name.lower(): value for name, value in values.items()})


def default_instance_id() -> str:
    """A label for this process: host, pid and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _read(environ: Mapping[str, str], dotenv: str | None) -> dict[str, str]:
    """What is set, by name and without the spaces around it. Set to nothing is not set."""
    try:
        in_file = dotenv_values(dotenv) if dotenv else {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{dotenv} cannot be read: {type(error).__name__}"]) from None
    texts = {name: text.strip() for name, text in {**in_file, **environ}.items() if text is not None}
    return {name: text for name, text in texts.items() if text}


def _parse(texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values, and the faults by name; a setting with a fault has its default as its value."""
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    faults = {}
    for setting in SETTINGS:
        if setting.name in texts:
            try:
                values[setting.name] = setting.parse(texts[setting.name])
            except ValueError as error:
                faults[setting.name] = str(error)
    return values, faults


def _missing(texts: Mapping[str, str], required: Collection[str], intake: Intake) -> dict[str, str]:
    # Polling lets nobody in at /webhook, so no secret is needed there; to set a webhook one is needed all the same.
    no_secret = intake == "polling" and "WEBHOOK_URL" not in required
    needed = set(required) - ({"WEBHOOK_SECRET"} if no_secret else set())
    return dict.fromkeys(needed - texts.keys(), "is not set")


def _undeliverable(webhook_url: str | None, api_root: str) -> dict[str, str]:
    """The fault of a webhook that Telegram would refuse. A Bot API server of one's own delivers to any address."""
    if webhook_url is not None and addresses.is_public(api_root):
        try:
            addresses.public_webhook_url(webhook_url)
        except ValueError as error:
            return {"WEBHOOK_URL": str(error)}
    return {}


def _service_of(values: Mapping[str, Any]) -> str | None:
    """The address of this service, where the webhook's tells it and holds no secret: it is told to providers."""
    url = addresses.service_of(values["WEBHOOK_URL"] or "")
    hidden = (values["BOT_TOKEN"], values["BOT_TOKEN"].partition(":")[2], values["WEBHOOK_SECRET"])
    return None if url is None or any(secret and secret in unquote(url) for secret in hidden) else url


def _proxy_faults(api_root: str) -> list[str]:
    # The proxy is used only once this instance leads; an operator should hear of its fault at the start.
    try:
        find_proxy(api_root)
    except ValueError as error:
        return [str(error)]
    return []
