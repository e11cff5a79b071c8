"""The rooms of docs/architecture.md are the code's: who imports whom is drawn there, and nothing else is so."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("svc", "statemachine", "providers", "telegram_client", "sandbox", "migrations", "fleet", "demo")
NOT_SHIPPED = (ROOT / "fleet" / "torture", ROOT / "fleet" / "fuzz")
"""For developers only: they may import whatever they look at."""
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROOMS = TEXT.split("\n## Rooms\n")[1].split("\n## ")[0]

Imports = dict[str, set[str]]


def room_of(module: str) -> str:
    """The room of a module: a folder of svc/, a file that stands in svc/ itself, or another package as a whole."""
    package, *rest = module.split(".")
    if package != "svc":
        return package
    name = rest[0] if rest else "__init__"
    return f"svc/{name}" if (ROOT / "svc" / name).is_dir() else f"svc/{name}.py"


def imported_modules(tree: ast.AST) -> set[str]:
    """The project's modules that a file imports, at its top or within its functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # "from svc import service" names a module, "from svc.service import Service" is in one.
            found |= {f"svc.{alias.name}" for alias in node.names} if node.module == "svc" else {node.module}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def imports_of_the_code() -> Imports:
    """For each room the rooms that its files import."""
    found: Imports = {}
    for package in PACKAGES:
        shipped = (path for path in (ROOT / package).rglob("*.py") if not any(map(path.is_relative_to, NOT_SHIPPED)))
        for path in sorted(shipped):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            room = room_of(module)
            others = {room_of(name) for name in imported_modules(ast.parse(path.read_text("utf-8")))}
            found.setdefault(room, set()).update(others - {room})
    return found


def imports_of_the_table() -> Imports:
    """The same, from the table of rooms."""
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", ROOMS, re.MULTILINE)
    return {room: set(re.findall(r"`([^`]+)`", others)) for room, others in rows}


def arrows_of_the_picture() -> set[tuple[str, str]]:
    """The arrows of the picture of rooms."""
    (picture,) = re.findall(r"```mermaid\nflowchart TB\n(.*?)```", ROOMS, re.DOTALL)
    names = dict(re.findall(r"^ +(\w+)\[([^\]]+)\]$", picture, re.MULTILINE))
    pairs = re.findall(r"^ +(\w+) --> (\w+)$", picture, re.MULTILINE)
    return {(names[start], names[end]) for start, end in pairs}


def reachable(imports: Imports, start: str) -> set[str]:
    """All rooms below `start`."""
    below: set[str] = set()
    todo = [start]
    while todo:
        for room in imports[todo.pop()] - below:
            below.add(room)
            todo.append(room)
    return below


def test_the_table_of_rooms_is_the_codes() -> None:
    """Each room with what it imports, both ways."""
    code = imports_of_the_code()
    for entry in ("svc/__init__.py", "svc/__main__.py"):
        code.pop(entry)
    assert imports_of_the_table() == code


def test_the_picture_is_the_tables() -> None:
    """An arrow for each import that no way through other arrows shows already."""
    table = imports_of_the_table()
    direct = {
        (room, other)
        for room, others in table.items()
        for other in others
        if not any(other in reachable(table, between) for between in others - {other})
    }
    assert arrows_of_the_picture() == direct


def test_rooms_stand_in_no_circle() -> None:
    """There is an order in which each room imports only what comes before it."""
    order = list(TopologicalSorter(imports_of_the_code()).static_order())
    assert order.index("svc/service.py") > order.index("svc/storage")


def test_the_two_wings_know_nothing_of_each_other() -> None:
    """What takes updates in and what answers them meet in the inbox, and in the wiring."""
    code = imports_of_the_code()
    assert "svc/delivery" not in reachable(code, "svc/intake")
    assert "svc/intake" not in reachable(code, "svc/delivery")


def test_the_engine_imports_nothing_of_the_bot() -> None:
    """What is answered is the setting BOT's: the service runs any bot, and this project's is one of them."""
    code = imports_of_the_code()
    assert "svc/bot" in code
    assert [room for room in code if "svc/bot" in code[room]] == []
    assert reachable(code, "svc/bot") == {"svc/handler", "telegram_client"}


def test_an_update_enters_at_most_eight_rooms() -> None:
    """The steps of its way name the rooms; the webhook's is the first and the client's the last but for the inbox."""
    way = TEXT.split("## The way of an update")[1].split("\n## ")[0]
    rooms = list(dict.fromkeys(re.findall(r"^\d+\. \*\*`([^`]+)`\*\*", way, re.MULTILINE)))
    assert set(rooms) <= imports_of_the_table().keys()
    assert rooms[0] == "svc/intake"
    assert "telegram_client" in rooms
    assert 4 <= len(rooms) <= 8


def map_of(package: Path) -> set[str]:
    """The files and folders that the docstring of a package lists, each with what it holds."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    return set(re.findall(r"^ *([a-z]\w*(?:\.py|/)) {2,}\S", text, re.MULTILINE))


def test_a_map_names_every_file() -> None:
    """Where the docstring of a package lists its files, it lists all that are there and no others."""
    packages = [path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    with_a_map = [package for package in packages if len(map_of(package)) > 1]
    assert {ROOT / "demo", ROOT / "fleet", ROOT / "sandbox"} <= set(with_a_map)
    for package in with_a_map:
        files = {path.name for path in package.glob("[a-z]*.py")}
        folders = {f"{path.name}/" for path in package.glob("[a-z]*/")}
        assert map_of(package) == files | folders, package
