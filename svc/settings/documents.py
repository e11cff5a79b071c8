"""The table of settings as an operator reads it: in `svc run --help`, in the README and in `.env.example`.

    python -m svc.settings.documents

writes the last two anew, in the repository whose folder is the working folder.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from svc.settings.table import SETTINGS, Setting

HEADER = "| name | default | |\n|---|---|---|\n"
NOTE = "From the environment and from a .env file in the working folder; the environment wins. Times are in seconds."
_TABLE = re.compile(re.escape(HEADER) + r"(?:\| `[A-Z_]+` \|.*\n)*")


def readme_table() -> str:
    """The table in Markdown."""
    rows = (f"| `{setting.name}` | {setting.default_shown} | {setting.text} |\n" for setting in SETTINGS)
    return HEADER + "".join(rows)


def with_table(readme: str) -> str:
    """`readme` with its table of settings replaced by the present one."""
    return _TABLE.sub(lambda _: readme_table(), readme)


def help_text() -> str:
    """All settings for a terminal, 100 columns wide at most."""
    return "\n".join([_wrapped(f"settings: {NOTE}", ""), "", *map(_help_entry, SETTINGS)])


def env_example() -> str:
    """A `.env` file to start from: what is required has to be filled in, the rest has its default in a comment."""
    advice = "Copy this file to .env and fill in what is required. Times are in seconds."
    origin = "Made by: python -m svc.settings.documents"
    return "\n".join([f"# {advice}\n# {origin}\n", *map(_env_entry, SETTINGS)])


def _help_entry(setting: Setting) -> str:
    default = setting.default_shown if setting.required else f"default: {setting.default_shown}"
    return f"  {setting.name} ({_plain(default)})\n{_wrapped(_plain(setting.text), '      ')}"


def _env_entry(setting: Setting) -> str:
    in_words = bool(setting.shown) or setting.default is None
    default = setting.default_shown if setting.required else f"default: {setting.default_shown}"
    text = f"{setting.text} ({default})" if in_words else setting.text
    line = f"{setting.name}=" if setting.required else f"#{setting.name}={'' if in_words else setting.default_shown}"
    return f"{_wrapped(_plain(text), '# ')}\n{_plain(line)}\n"


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def main() -> None:
    """Write the README's table and `.env.example`."""
    readme = Path("README.md")
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")
    Path(".env.example").write_text(env_example(), "utf-8")


if __name__ == "__main__":
    main()
