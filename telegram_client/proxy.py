"""The proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY)."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import re
import urllib.request

import httpx


def find_proxy(root: str) -> httpx.Proxy | None:
    """The proxy to reach `root` through, if the environment names one. Neither it nor the error shows its password.

    Raises ValueError for one that cannot be used.
    """
    url = httpx.URL(root)
    proxies = urllib.request.getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or _is_loopback(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    proxy: httpx.Proxy | None = None
    with contextlib.suppress(ValueError, httpx.InvalidURL):
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    if proxy is None or not re.fullmatch(r"[\w.:-]+", proxy.url.host):
        raise ValueError("the environment's proxy is not an http, https or socks5 address")
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ValueError("the environment's proxy is a socks proxy, which needs one more package: httpx[socks]")
    return proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
