"""Calls of the Bot API and of providers: how long each took, by what became of it."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

CallOutcome = Literal["ok", "refused", "not_sent", "flood", "in_doubt"]
"""flood: 429, not sent either. The others as in telegram_client/errors.py and providers/provider.py."""

Operation = Literal["create", "task", "upload", "fresh_url"]

CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
PROVIDER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

PROBE = "probe"
"""Stands for the method of a call that looks for a message; such a call is always refused."""
OTHER = "other"
# fmt: off
METHODS = frozenset(
    {
        "getMe", "getUpdates", "getFile", "getWebhookInfo", "setWebhook", "deleteWebhook", "getMyCommands",
        "setMyCommands", "deleteMyCommands", "getChatMenuButton", "setChatMenuButton", "getChat",
        "getChatMember", "sendMessage", "sendMessageDraft", "sendPhoto", "sendVideo", "sendAnimation",
        "sendAudio", "sendVoice", "sendVideoNote", "sendDocument", "sendMediaGroup", "sendSticker", "sendPoll",
        "sendDice", "sendLocation", "sendVenue", "sendContact", "sendGame", "sendInvoice", "sendChatAction",
        "copyMessage", "forwardMessage", "editMessageText", "editMessageCaption", "editMessageMedia",
        "editMessageReplyMarkup", "deleteMessage", "deleteMessages", "pinChatMessage", "setMessageReaction",
        "answerCallbackQuery", "answerInlineQuery", "answerPreCheckoutQuery", "answerShippingQuery",
        "refundStarPayment",
    }
)
# fmt: on
"""Those that are told apart; whatever else a bot calls is `other`, so that no name of its own becomes a label."""


class BotApiCalls:
    """The Bot API's. A method and an outcome are on the page once there has been such a call."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "svc_bot_api_call_seconds",
            "How long calls of the Bot API took; the method `probe` looks for a message and is always refused",
            ["method", "outcome"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._flood = Counter(
            "svc_flood_seconds", "Seconds for which Telegram's 429 answers asked to wait", registry=registry
        )
        self.counters = (self._seconds, self._flood)
        """Both, for a snapshot."""
        self._children: dict[tuple[str, CallOutcome], Histogram] = {}

    def observe(self, method: str, outcome: CallOutcome, seconds: float) -> None:
        """A call has ended so, after so many seconds."""
        child = self._children.get((method, outcome))
        if child is None:
            known = method if method in METHODS or method == PROBE else OTHER
            child = self._seconds.labels(known, outcome)
            if known == method:  # a bot may make up any number of others
                self._children[method, outcome] = child
        child.observe(seconds)

    def count_flood(self, seconds: float) -> None:
        """A 429 has asked to wait for so many seconds."""
        self._flood.inc(seconds)


class ProviderCalls:
    """The providers'; of these there are as many names as the settings set up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "svc_provider_call_seconds",
            "How long calls of a generation provider took",
            ["provider", "operation", "outcome"],
            buckets=PROVIDER_BUCKETS,
            registry=registry,
        )

    def observe(self, provider: str, operation: Operation, outcome: CallOutcome, seconds: float) -> None:
        """A call has ended so, after so many seconds."""
        self._seconds.labels(provider, operation, outcome).observe(seconds)
