"""What an address in the settings must look like. Each function returns the address to use, or raises ValueError.

No error quotes the address: it may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

WEBHOOK_PATH = "/webhook"
PUBLIC_API = "api.telegram.org"
# The ports that Telegram delivers to, https://core.telegram.org/bots/api#setwebhook. A Bot API server of one's own
# delivers to any.
PUBLIC_PORTS = (443, 80, 88, 8443)

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LOCAL_DOMAINS = ("localhost", "local", "internal")
LONGEST_HOST = 253


def api_root(text: str) -> str:
    """The address of a Bot API server: http or https, to which `/bot<token>/<method>` is added."""
    parts = _http(text)
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, without ? or #")
    import httpx  # takes longer than all else that the command line needs to know its own words

    try:
        httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("is not an address") from None
    if parts.hostname == PUBLIC_API and parts.scheme != "https":
        raise ValueError(f"must be https for {PUBLIC_API}: the token is in every address")
    return parts.geturl().rstrip("/")


def is_public(root: str) -> bool:
    """Whether this is Telegram's own Bot API server."""
    return urlsplit(root).hostname == PUBLIC_API


def webhook_url(text: str) -> str:
    """An address that a Bot API server of one's own delivers to."""
    return _http(text).geturl()


def service_url(text: str) -> str:
    """The address of this service as others reach it: http or https, to which a path is added."""
    parts = _http(text)
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, without ? or #")
    return parts.geturl().rstrip("/")


def service_of(webhook_url: str) -> str | None:
    """The address of the service whose webhook this is; None where the address does not tell."""
    parts = urlsplit(webhook_url)
    if parts.query or parts.fragment or not parts.path.endswith(WEBHOOK_PATH):
        return None
    return webhook_url.removesuffix(WEBHOOK_PATH)


def public_webhook_url(text: str) -> str:
    """An address that Telegram delivers to.

    The rules are those of the Bot API server's source (tdlib/telegram-bot-api, WebhookActor.cpp), as far as they can
    be checked without asking the network. Checked here because Telegram removes the old webhook before it checks.
    """
    parts = _http(text)
    if parts.scheme != "https":
        raise ValueError("must be an https:// address")
    if (parts.port or 443) not in PUBLIC_PORTS:
        ports = ", ".join(map(str, PUBLIC_PORTS))
        raise ValueError(f"has port {parts.port}, and Telegram delivers to {ports} only")
    if not _can_be_reached_by_telegram(parts.hostname or ""):
        raise ValueError("must have a host that Telegram can reach: a public name, or a public IPv4 address")
    return parts.geturl()


def bind_host(text: str) -> str:
    """An IP address (version 6 with or without brackets; returned without) or a host name to listen on."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        labels = text.lower().split(".")
    well_formed = len(text) <= LONGEST_HOST and all(_LABEL.fullmatch(label) for label in labels)
    if not well_formed or labels[-1].isdigit():
        raise ValueError(f"must be an IP address or a host name, not {text!r}")
    return text


def postgres_url(text: str) -> str:
    """The address of a database; several hosts are allowed, separated by commas."""
    parts = _split(text)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must start with postgresql://")
    user, at, hosts = parts.netloc.rpartition("@")
    cut_off = not at and "@" in parts.path  # a slash in the password has ended the host
    if "@" in user or cut_off or parts.fragment:
        raise ValueError("has a / # or @ where none belongs: in a user or password they are %2F %23 %40")
    for host in hosts.split(","):
        name, _, port = host.rpartition(":") if re.search(r":[^\]]*$", host) else (host, "", "")
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("has a port that is not one: a : / ? in a password is %3A %2F %3F")
        name = unquote(name).strip("[]")
        if name and not name.startswith("/"):
            _check_host(name)
    return text


def passwords(url: str) -> list[str]:
    """The password in a database's address, as it stands there and as the driver reads it."""
    parts = urlsplit(url)
    in_query = [
        value for name, _, value in (part.partition("=") for part in parts.query.split("&")) if name == "password"
    ]
    return [text for password in (parts.password or "", *in_query) for text in (password, unquote(password))]


def _http(text: str) -> SplitResult:
    if re.search(r"[^\x21-\x7e]|\\", text):
        raise ValueError("may hold only printable ASCII: its host in punycode, its path percent-encoded")
    parts = _split(text)
    try:
        fit = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fit = False  # a port that is no number
    if not fit:
        raise ValueError("must be an http:// or https:// address")
    _check_host(parts.hostname or "")
    return parts


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError("is not an address") from None


def _check_host(name: str) -> None:
    try:
        name.encode("idna")
    except UnicodeError:
        raise ValueError("has a host that is not one") from None


def _can_be_reached_by_telegram(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        well_formed = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
        return well_formed and not labels[-1].isdigit() and labels[-1] not in _LOCAL_DOMAINS
    return address.version == 4 and address.is_global
