"""The URL of a webhook, taken apart as the real server does it (HttpUrl.cpp of tdlib/td)."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from string import punctuation
from urllib.parse import quote

DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(r"(?:(?P<scheme>[^:/?#@\[\]]*)://)?(?P<authority>[^/?#]*)(?P<target>.*)", re.DOTALL)
_WITH_PORT = re.compile(r"(?P<name>.+):(?P<port>[^:\]@]*)", re.DOTALL)
_HOST = re.compile(r"(?:[a-z0-9.\-_!$,~*'();&+=]|%[0-9a-f]{2}|[^\x00-\x7f])+")
_SPACES = " \t\r\n\0\v"


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A webhook's URL; `host` is in lower case, that of IPv6 in brackets, and `target` is the path with the query."""

    scheme: str
    userinfo: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The Host header: the port is in it unless it is the scheme's own (since Bot API 9.3)."""
        return self.host + self._port_if_needed

    @property
    def authorization(self) -> str:
        """The Authorization header for what stands before the @; "" for nothing."""
        return f"Basic {base64.b64encode(self.userinfo.encode()).decode()}" if self.userinfo else ""

    @property
    def ip_address(self) -> str:
        """The address that the host is known to have; "" for a name that would have to be looked up."""
        if self.host == "localhost":
            return "127.0.0.1"
        bare = self.host.strip("[]")
        return bare if _is_ip_address(bare) else ""

    def at(self, ip_address: str) -> str:
        """The URL to connect to: at this address, or at its own host for ""."""
        host = f"[{ip_address}]" if ":" in ip_address else ip_address or self.host
        return f"{self.scheme}://{host}{self._port_if_needed}{self.target}"

    @property
    def _port_if_needed(self) -> str:
        return "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"


def parse_webhook_url(text: str) -> WebhookUrl:
    """Read `[http[s]://][userinfo@]host[:port][/path][?query]`; without a scheme it is https. Raises ValueError."""
    match = _URL.fullmatch(text)
    assert match is not None
    scheme = "https" if match["scheme"] is None else match["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise ValueError("unsupported URL protocol")
    with_port = _WITH_PORT.fullmatch(match["authority"])
    name = with_port["name"] if with_port else match["authority"]
    port = _port(with_port["port"]) if with_port else DEFAULT_PORTS[scheme]
    userinfo, _, host = name.rpartition("@")
    return WebhookUrl(scheme, userinfo, _host(host.lower()), port, _target(match["target"]))


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,20}", text) or not 1 <= int(text) <= 65_535:
        raise ValueError("wrong port number")
    return int(text)


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return f"[{_ipv6(host[1:-1])}]"
    if host == "." or not _HOST.fullmatch(host):
        raise ValueError("wrong URL host")
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("wrong URL host") from None


def _ipv6(text: str) -> ipaddress.IPv6Address:
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("wrong IPv6 address") from None


def _target(text: str) -> str:
    text = text.rstrip(_SPACES)
    return quote(text if text.startswith("/") else f"/{text}", safe=punctuation)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
