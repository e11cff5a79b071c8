"""The files that a browser gets as they are, and the page and the login, which are templates. All are read once."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PACKAGES = ("svc.plots", "svc.ops")


class Files:
    """What is in the folders `page` of the ops page and of the plots, by name."""

    def __init__(self) -> None:
        folders = [files(package).joinpath("page") for package in _PACKAGES]
        self._files = {
            file.name: (file.read_bytes(), _type_of(file.name))
            for folder in folders
            if folder.is_dir()
            for file in folder.iterdir()
            if _type_of(file.name)
        }

    def get(self, name: str) -> tuple[bytes, str] | None:
        """One file and its content type; None if there is none of that name."""
        return self._files.get(name)


def _type_of(name: str) -> str:
    return TYPES.get(name[name.rfind(".") :], "")


def make_templates() -> Environment:
    """The templates of the page and the login: whatever is put into them is text."""
    return Environment(loader=PackageLoader("svc.ops"), autoescape=True, undefined=StrictUndefined, auto_reload=False)
