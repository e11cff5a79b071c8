"""The proxies of the environment: used, passed by, or refused at the start."""

from __future__ import annotations

import base64
import sys
import traceback
from collections.abc import Callable

import pytest
import trio
import trio.testing

from svc.settings.environment import SettingsError, load_settings
from telegram_client.client import BotApi
from telegram_client.errors import NotSent
from telegram_client.proxy import find_proxy
from tests.faked_client import MESSAGE, TOKEN, shows_no_token
from tests.peers import ScriptedServer

PASSWORD = "proxy-pass-word"
PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the proxies of the environment; it has none at first."""
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def set_proxies(**proxies: str) -> None:
        for name, value in proxies.items():
            monkeypatch.setenv(name.upper(), value)

    return set_proxies


def address_of(proxy: ScriptedServer) -> str:
    """With credentials, and without a scheme."""
    return f"user:{PASSWORD}@{proxy.url.removeprefix('http://')}"


ANSWER = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 22\r\n\r\n{"ok":true,"result":1}'


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
async def test_a_proxy_of_the_environment_is_used(
    nursery: trio.Nursery, environ: Callable[..., None], name: str
) -> None:
    """The call goes through it, with its credentials; an address without a scheme is http's."""
    proxy = ScriptedServer(ANSWER)
    await nursery.start(proxy.serve)
    environ(**{name: address_of(proxy) if name == "http_proxy" else f"http://{address_of(proxy)}"})
    async with BotApi(TOKEN, root="http://api.example") as api:
        with trio.fail_after(20):
            assert await api.call("sendMessage", MESSAGE) == 1
    head = proxy.requests[0]
    assert head.startswith(f"POST http://api.example/bot{TOKEN}/sendMessage HTTP/1.1".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(f"user:{PASSWORD}".encode()) in head
    assert b"Host: api.example\r\n" in head
    nursery.cancel_scope.cancel()


async def test_a_proxy_that_refuses_the_tunnel_is_not_sent(nursery: trio.Nursery, environ: Callable[..., None]) -> None:
    """It sees the host's name only, and the call has not begun."""
    proxy = ScriptedServer(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    await nursery.start(proxy.serve)
    environ(https_proxy=f"http://{address_of(proxy)}", http_proxy="http://unused.example")
    async with BotApi(TOKEN) as api:
        with trio.fail_after(20), pytest.raises(NotSent, match="ProxyError") as caught:
            await api.call("sendMessage", MESSAGE)
    assert proxy.requests[0].startswith(b"CONNECT api.telegram.org:443 HTTP/1.1")
    assert TOKEN.encode() not in proxy.requests[0]
    shows_no_token(caught.value)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("root", "no_proxy", "proxied"),
    [
        ("https://api.telegram.org", "", True),
        ("https://api.telegram.org", "telegram.org", False),
        ("https://api.telegram.org", "*", False),
        ("https://api.telegram.org", "example.org", True),
        ("http://127.0.0.1:8081", "", False),
        ("http://localhost:8081", "", False),
        ("http://[::1]:8081", "", False),
        ("http://10.0.0.5:8081", "", True),
    ],
)
def test_no_proxy_and_this_machine_are_reached_directly(
    environ: Callable[..., None], root: str, no_proxy: str, proxied: bool
) -> None:
    """NO_PROXY counts, and a server on this machine is never asked for elsewhere."""
    environ(all_proxy="http://proxy.example:3128", no_proxy=no_proxy)
    assert (find_proxy(root) is not None) is proxied


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (f"ftp://user:{PASSWORD}@proxy.example", "proxy is not"),
        (f"http://user:{PASSWORD}@proxy.example:port", "proxy is not"),
        (f"socks5://user:{PASSWORD}@proxy.example", "one more package"),
        ("http://", "proxy is not"),
        ("http://:3128", "proxy is not"),
        ("http://a b", "proxy is not"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_reported_at_the_start(
    environ: Callable[..., None], monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    """Client and settings name the fault in a sentence that does not show the address."""
    environ(all_proxy=address)
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ValueError, match=why) as caught:
        BotApi(TOKEN)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SettingsError, match=why) as faults:
        load_settings({"BOT_TOKEN": TOKEN}, dotenv=None, required=("BOT_TOKEN",))
    assert len(faults.value.faults) == 1
    assert PASSWORD not in str(faults.value)


def test_a_proxys_password_is_in_no_repr(environ: Callable[..., None]) -> None:
    """Not the client's, nor that of the proxy it holds."""
    environ(all_proxy=f"http://user:{PASSWORD}@proxy.example")
    assert PASSWORD not in repr(BotApi(TOKEN))
    assert PASSWORD not in repr(find_proxy("https://api.telegram.org"))
