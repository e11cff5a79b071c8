"""The files of a page: what a browser gets, from folders of installed packages."""

from __future__ import annotations

from importlib.resources import files

from sandbox.api import HttpResponse

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from the network, nothing inline: what a person or a bot has sent can only ever be shown."""


class Pages:
    """The files in the folders `page` of packages, read once; no two have a file of the same name."""

    def __init__(self, *packages: str) -> None:
        found = [file for package in packages for file in files(package).joinpath("page").iterdir()]
        self._files = {file.name: file.read_bytes() for file in found if _type_of(file.name)}

    def get(self, name: str) -> HttpResponse:
        """One file, as an answer. Raises LookupError if there is none of that name."""
        headers = [
            ("Content-Type", _type_of(name)),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ]
        return HttpResponse(200, headers, self._files[name])


def _type_of(name: str) -> str:
    return TYPES.get(name[name.rfind(".") :], "")
