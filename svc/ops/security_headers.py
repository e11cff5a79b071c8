"""The headers of everything below /ops: a browser runs nothing but the page's own modules, and keeps nothing."""

from __future__ import annotations

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline: what a person has sent can only ever be shown."""

# Not no-referrer: with that a browser says "Origin: null" where a form is sent, and it could not be told from another
# site's (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
