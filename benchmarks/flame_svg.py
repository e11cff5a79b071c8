"""A flame graph as one SVG without scripts: what py-spy has sampled, as boxes that are as wide as their share.

Whoever called is below whoever was called. A box tells its name and its share where the pointer rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

WIDTH, MARGIN, LINE, HEADER = 1200.0, 10.0, 16, 64
CHARACTER = 6.3
MOST_BYTES = 150_000
FEWEST_PIXELS = 1.0
# By the first of these that a function's file begins with. The last one is for all others.
COLOURS = (
    ("httpx, httpcore, h11", "#f4b183", ("httpx/", "httpcore/", "h11/", "sniffio/", "anyio/")),
    ("Hypercorn, Quart", "#f6d77a", ("hypercorn/", "quart/", "quart_trio/", "werkzeug/", "wsproto/")),
    ("asyncpg, asyncio", "#a9d18e", ("asyncpg/", "trio_asyncio/", "asyncio/")),
    ("Trio", "#9dc3e6", ("trio/", "outcome/")),
    ("logging", "#d9a6d9", ("structlog/", "logging/", "svc/observability/")),
    ("this project", "#f08080", ("svc/", "telegram_client/", "statemachine/", "providers/", "migrations/")),
    ("Python", "#d0d0d0", ("",)),
)


@dataclass
class Node:
    """One function where it was called from, with its samples and those of what it called."""

    name: str
    samples: int = 0
    children: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Box:
    """Where a node is drawn: its depth from 0, its left edge and width in pixels."""

    node: Node
    depth: int
    left: float
    width: float


def read_stacks(raw: str) -> Counter[tuple[str, ...]]:
    """The stacks of py-spy's raw format, outermost function first, and how often each was seen.

    A thread that waits in `threading` takes no processor time, though py-spy counts it: it is left out.
    """
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        names = tuple(stack.split(";"))
        if not names[-1].startswith("Condition.wait ("):
            stacks[names] += int(count)
    return stacks


def grow(stacks: Counter[tuple[str, ...]]) -> Node:
    """The tree of all stacks, without what all of them begin with."""
    root = Node("all")
    for stack, count in stacks.items():
        node = root
        node.samples += count
        for name in stack:
            node = node.children.setdefault(name, Node(name))
            node.samples += count
    while len(root.children) == 1 and (only := next(iter(root.children.values()))).samples == root.samples:
        root = only
    return root


def draw(root: Node, title: str) -> str:
    """The picture, in at most MOST_BYTES: the narrowest boxes are left out until it fits."""
    fewest = FEWEST_PIXELS
    while len((svg := _draw(root, title, fewest)).encode()) > MOST_BYTES:
        fewest *= 1.25
    return svg


def _draw(root: Node, title: str, fewest: float) -> str:
    boxes = list(_boxes(root, 0, MARGIN, WIDTH - 2 * MARGIN, fewest))
    height = HEADER + LINE * (1 + max(box.depth for box in boxes)) + int(MARGIN)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" '
            'font-family="Menlo, Consolas, monospace" font-size="10">',
            f'<rect width="100%" height="100%" fill="#fff"/><text x="{MARGIN:.0f}" y="22" font-size="14">'
            f"{escape(title)}</text>",
            *_legend(),
            *(_svg(box, root.samples, height) for box in boxes),
            "</svg>\n",
        ]
    )


def _boxes(node: Node, depth: int, left: float, width: float, fewest: float) -> Iterator[Box]:
    """The node's box and those above it that are wide enough, by name from left to right."""
    yield Box(node, depth, left, width)
    for child in sorted(node.children.values(), key=lambda child: child.name):
        part = width * child.samples / node.samples
        if part >= fewest:
            yield from _boxes(child, depth + 1, left, part, fewest)
        left += part


def _legend() -> Iterator[str]:
    left = MARGIN
    for words, colour, _ in COLOURS:
        yield f'<rect x="{left:.0f}" y="36" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{left + 17:.0f}" y="46">{escape(words)}</text>'
        left += 40 + CHARACTER * len(words)


def _svg(box: Box, samples: int, height: int) -> str:
    top = height - int(MARGIN) - LINE * (box.depth + 1)
    share = f"{escape(box.node.name)}: {100 * box.node.samples / samples:.1f} %"
    room = int((box.width - 4) / CHARACTER)
    label = escape(_short(box.node.name)[:room]) if room >= 3 else ""
    text = f'<text x="{box.left + 2:.1f}" y="{top + 11}">{label}</text>' if label else ""
    return (
        f'<g><title>{share}</title><rect x="{box.left:.1f}" y="{top}" width="{max(0.3, box.width - 0.3):.1f}" '
        f'height="{LINE - 1}" fill="{_colour(box.node.name)}"/>{text}</g>'
    )


def _short(name: str) -> str:
    """The function without its file."""
    return name.partition(" (")[0]


def _colour(name: str) -> str:
    file = name.partition(" (")[2]
    return next(colour for _, colour, begins in COLOURS if file.startswith(begins))
