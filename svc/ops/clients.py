"""Where a request to the ops page comes from: which address, whether it is this machine itself, whether by https.

Headers about that are anybody's to write. They are believed where the peer is one of TRUSTED_PROXIES; of others they
still tell one thing: that somebody may stand behind the peer.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Headers = Sequence[tuple[str, str]]
"""Names in lower case, and values."""

UNKNOWN = "unknown"
"""The client where no address is known: behind a Unix socket, or where a proxy's header cannot be read."""

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
# What proxies write; some of them only when they are told to.
_BY_PROXIES = {
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-envoy-external-address",
    "x-proxyuser-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
}


def client_of(peer: str | None, headers: Headers, proxies: Sequence[Network]) -> str:
    """The address of whoever asks: the peer's, or where that is a trusted proxy the last one in X-Forwarded-For that is
    none. Of IPv6 the network of 64 bits, as one customer has.
    """
    address = _address(peer)
    if address is None or not _is_in(address, proxies):
        return _shown(address)
    hops = [hop for name, value in headers if name == "x-forwarded-for" for hop in value.split(",")]
    for hop in reversed(hops):
        address = _address(hop.strip())
        if address is None or not _is_in(address, proxies):
            break
    return _shown(address)


def is_local(peer: str | None, headers: Headers, http_version: str, proxies: Sequence[Network]) -> bool:
    """Whether a program on this machine asks, and nothing says that it does so for somebody else.

    HTTP/1.0 is what nginx speaks to what is behind it. A Host that is not this machine's may be a name that a site in
    the operator's browser has had point here.
    """
    address = _address(peer)
    if address is None or not address.is_loopback or _is_in(address, proxies) or http_version < "1.1":
        return False
    names = {name for name, _ in headers}
    if names & _BY_PROXIES or any(name.startswith("x-forwarded") for name in names):
        return False
    hosts = [value for name, value in headers if name in ("host", ":authority")]
    return len(hosts) == 1 and _name_of(hosts[0]) in _LOCAL_NAMES


def is_secure(peer: str | None, headers: Headers, scheme: str, proxies: Sequence[Network]) -> bool:
    """Whether the browser has come by https, as far as a trusted proxy or the connection says so."""
    address = _address(peer)
    if address is not None and _is_in(address, proxies):
        told = [value for name, value in headers if name == "x-forwarded-proto"]
        if told:
            return told[-1].split(",")[-1].strip().lower() == "https"
    return scheme == "https"


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address, also with the port or brackets that some proxies add; an IPv4 one in IPv6 as itself. None: none."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        try:
            address = ip_address(_name_of(text or ""))
        except ValueError:
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _name_of(host: str) -> str:
    """The name or address in a Host header."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.netloc == host and "@" not in host else ""


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _shown(address: IPv4Address | IPv6Address | None) -> str:
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(IPv6Network((address, 64), strict=False))
    return str(address)
