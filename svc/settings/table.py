"""Every setting there is, once. What `load_settings` reads, what `svc run --help`, the README and `.env.example` say of
it, and which settings a command cannot do without: all of it comes from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from svc.settings.addresses import PUBLIC_API, api_root, bind_host, postgres_url, service_url, webhook_url
from svc.settings.parsers import api_key, label, networks, number, object_name, one_of, ops_token, secret, token


@dataclass(frozen=True)
class Setting:
    """One setting. Its value is the field of `Settings` with the same name in lower case.

    `parse` turns its text into the value or raises ValueError. `default` is the value where nothing is set, and
    `shown` says it in words where the value alone would not. `text` and `shown` are Markdown.
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    text: str
    shown: str = ""
    required: bool = False

    @property
    def default_shown(self) -> str:
        """The default as the README shows it."""
        if self.shown:
            return self.shown
        if self.default is None:
            return "none"
        return f"`{self.default}`" if isinstance(self.default, str) else f"{self.default:g}"


SETTINGS = (
    Setting("BOT_TOKEN", token, "", "from @BotFather; secret", "required", required=True),
    Setting(
        "DATABASE_URL",
        postgres_url,
        "",
        "`postgresql://...`, Postgres 14 or newer; several hosts allowed",
        "required",
        required=True,
    ),
    Setting(
        "WEBHOOK_SECRET",
        secret,
        "",
        "1 to 256 of `A-Za-z0-9_-`; Telegram sends it with every update",
        "required, but for polling",
        required=True,
    ),
    # Which of these addresses Telegram itself delivers to depends on TELEGRAM_API_ROOT: `load_settings` checks it.
    Setting(
        "WEBHOOK_URL",
        webhook_url,
        None,
        "public https address that leads to this service's `/webhook`, port 443, 80, 88 or 8443; unset: the webhook is "
        "not set by the service",
    ),
    Setting(
        "BOT",
        object_name,
        "svc.bot.menu_bot:bot",
        "`package.module:name` of the bot: what is answered",
    ),
    Setting("INTAKE", one_of("webhook", "polling"), "webhook", "`webhook` or `polling`: how updates come in"),
    Setting(
        "LEADER_DATABASE_URL",
        postgres_url,
        "",
        "a direct address for the lock, where the other goes through a pooler",
        "`DATABASE_URL`",
    ),
    Setting(
        "TELEGRAM_API_ROOT",
        api_root,
        f"https://{PUBLIC_API}",
        "the Bot API server; one of your own delivers to any http or https `WEBHOOK_URL`",
    ),
    Setting(
        "HOST",
        bind_host,
        None,
        "the address to listen on, an IP address or a host name; `127.0.0.1` lets in this machine only",
        "from `hypercorn.toml` (0.0.0.0)",
    ),
    Setting("PORT", number(int, 1, 65535), None, "the port to listen on", "from `hypercorn.toml` (8080)"),
    Setting(
        "KIE_API_KEY",
        api_key,
        "",
        "the key of an account at kie.ai; secret; unset: nothing can be created",
        "none",
    ),
    Setting("KIE_API_ROOT", api_root, "https://api.kie.ai", "where kie.ai is reached"),
    Setting(
        "KIE_WEBHOOK_KEY",
        api_key,
        "",
        "the key that kie.ai signs its callbacks with, if it does; secret; unset: signatures are not checked",
        "none",
    ),
    # Without one a job's end is found by asking alone, and a create whose answer was lost can never be recognised.
    Setting(
        "PUBLIC_URL",
        service_url,
        None,
        "public address of this service, to which `/callback/...` is added; without one providers do not call",
        "from `WEBHOOK_URL`, where that ends with `/webhook`",
    ),
    # Of a chat, so many jobs are seen at most: `MOST_JOBS` of svc/handler/known.py.
    Setting("JOBS_PER_USER", number(int, 0, 100), 2, "jobs that a person may have at once"),
    Setting("JOBS_PER_DAY", number(int, 0, 100), 50, "jobs that a person may ask for in 24 hours"),
    Setting("WORKERS", number(int, 1, 1000), 16, "chats that are answered at the same time"),
    Setting(
        "PASSIVE_HOLD",
        number(float, 0, 3600),
        30.0,
        "how long a PASSIVE instance keeps an update in mind (it is in the database in any case)",
    ),
    Setting("DRAIN_TIMEOUT", number(float, 0, 3600), 20.0, "how long what is in flight at SIGTERM may take"),
    Setting(
        "LINGER",
        number(float, 0, 600),
        0.0,
        "HTTP stays open this long after the lock is released (Kubernetes: 5 to 10)",
    ),
    Setting(
        "LEASE",
        number(float, 1, 60),
        3.0,
        "after how long Postgres frees the lock of a silent instance; heartbeats and the lease follow from it",
    ),
    Setting(
        "IN_DOUBT",
        one_of("verify", "resend", "skip"),
        "verify",
        "what becomes of a message that may or may not have arrived: `verify` looks for it before anything is sent "
        "again, `resend` and `skip` do not look",
    ),
    Setting(
        "IN_DOUBT_FALLBACK",
        one_of("resend", "skip"),
        "resend",
        "`resend` or `skip`: what becomes of a message where looking cannot tell",
    ),
    Setting(
        "STEP_DOWN_AFTER",
        number(float, 0, 3600),
        20.0,
        "an ACTIVE instance that has work and has not got through to the Bot API for so long gives up the lead, if "
        "another one gets through; 0: never",
    ),
    Setting(
        "SEND_RATE",
        number(float, 0, 100_000),
        30.0,
        "messages and edits a second over all chats; 1000 with paid broadcasts; 0 turns this limit off",
    ),
    Setting(
        "SEND_RATE_CHAT",
        number(float, 0, 1000),
        1.0,
        "messages and edits a second in one chat, with bursts; 0 turns this limit off",
    ),
    Setting(
        "SEND_RATE_GROUP",
        number(float, 0, 10_000),
        20.0,
        "messages and edits a minute in one group, besides the second's limit; 0 turns this limit off",
    ),
    # Telegram may deliver an update again for 24 hours: what is forgotten earlier could be answered twice.
    Setting(
        "KEEP_PROCESSED",
        number(float, 24, 100_000),
        48.0,
        "hours for which it is known what has been processed, so that it is not answered again; at least 24",
    ),
    Setting(
        "KEEP_TRANSITIONS",
        number(float, 1, 100_000),
        720.0,
        "hours for which the history of states is kept (`svc status` shows the end of it)",
    ),
    Setting(
        "KEEP_DEAD",
        number(float, 0, 100_000),
        0.0,
        "hours for which dead updates are kept; 0: for ever, because each is somebody who got no answer, and can be "
        "replayed",
    ),
    # A person's jobs of the last 24 hours are counted.
    Setting(
        "KEEP_JOBS",
        number(float, 24, 100_000),
        2160.0,
        "hours for which jobs that have ended are kept, and can be sent again; at least 24",
    ),
    Setting(
        "KEEP_PAYLOADS",
        number(float, 0, 100_000),
        0.0,
        "hours for which what people have written is kept after it was answered, for `svc replay`; 0: it is not kept",
    ),
    Setting(
        "OPS_TOKEN",
        ops_token,
        "",
        "what opens `/ops` from elsewhere than this machine; secret; at least 16 characters; unset: it is closed there",
        "none",
    ),
    Setting(
        "TRUSTED_PROXIES",
        networks,
        (),
        "addresses or networks, with commas between them, whose `X-Forwarded-For` and `X-Forwarded-Proto` are "
        "believed, and nobody else's; with `127.0.0.1`, for a proxy on this machine, `/ops` wants the token from "
        "here too",
        "none",
    ),
    Setting(
        "LOG_FORMAT",
        one_of("console", "json"),
        None,
        "how a line of the log looks: `console` or `json`",
        "`console` on a terminal, else `json`",
    ),
    Setting(
        "LOG_LEVEL",
        one_of("debug", "info", "warning", "error"),
        "info",
        "`debug`, `info`, `warning` or `error`; `debug` adds the dedup check and the /start line of the original logs",
    ),
    Setting("INSTANCE_ID", label, "", "a label in logs and tables", "host, pid and a random part"),
)

REQUIRED = tuple(setting.name for setting in SETTINGS if setting.required)
"""What `svc run` cannot do without."""
