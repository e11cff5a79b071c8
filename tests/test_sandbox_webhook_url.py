"""How the URL of a webhook is read: the rules of `parse_url` in HttpUrl.cpp of tdlib/td."""

from __future__ import annotations

import pytest

from sandbox.webhook_url import parse_webhook_url


@pytest.mark.parametrize(
    ("text", "host_header", "reached"),
    [
        ("example.com", "example.com", "https://example.com/"),
        ("HTTPS://Example.COM/Hook?x=1", "example.com", "https://example.com/Hook?x=1"),
        ("https://example.com:443/", "example.com", "https://example.com/"),
        ("https://example.com:08443/", "example.com:8443", "https://example.com:8443/"),
        ("http://example.com:443", "example.com:443", "http://example.com:443/"),
        ("localhost:8080/hook", "localhost:8080", "https://localhost:8080/hook"),
        ("http://user:pass@localhost:1/a", "localhost:1", "http://localhost:1/a"),
        ("http://[::1]:80/", "[::1]", "http://[::1]/"),
        ("http://[::1]", "[::1]", "http://[::1]/"),
        ("https://example.com?x=a b \n", "example.com", "https://example.com/?x=a%20b"),
        ("https://bücher.example/", "xn--bcher-kva.example", "https://xn--bcher-kva.example/"),
    ],
)
def test_host_and_port_are_told_apart(text: str, host_header: str, reached: str) -> None:
    """Without a scheme it is https; the Host carries a port that is not the scheme's own (Bot API 9.3)."""
    url = parse_webhook_url(text)
    assert (url.authority, url.at("")) == (host_header, reached)


def test_it_may_be_reached_at_another_address() -> None:
    url = parse_webhook_url("https://example.com:8443/hook")
    assert url.at("127.0.0.1") == "https://127.0.0.1:8443/hook"
    assert url.at("::1") == "https://[::1]:8443/hook"


@pytest.mark.parametrize(
    "text",
    [
        " https://example.com/",
        "ftp://example.com/",
        "://example.com/",
        "https://",
        "https://.",
        "https://:443/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://exam ple.com/",
        "https://exam%zzple.com/",
        "https://[::1/",
        "https://[nonsense]/",
        "https://@/",
    ],
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"URL|port|IPv6"):
        parse_webhook_url(text)
