"""The documents: every relative link leads somewhere, every name is one that exists, and the workflow calls make."""

from __future__ import annotations

import re
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulation.schedule import KINDS, ProviderTrouble
from tests.test_package import PROJECT

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "deploy" / "README.md",
]
ADRS = sorted(DECISIONS.glob("[0-9]*.md"))
PARTS = ["## Context", "## Decision", "## Consequences"]
A_PAGE = 60  # lines
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")

LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """A document as a test's id."""
    return path.relative_to(ROOT).as_posix()


def links(text: str) -> list[str]:
    """Where the links in a Markdown text lead, within the repository."""
    found = LINK.findall(CODE.sub("", text))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings: lower case, hyphens for spaces, a number for one that repeats."""
    made: set[str] = set()
    fences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ +(.+?) *$", fences, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", LINK.sub(lambda link: link[0][1:].partition("]")[0], heading).lower())
        slug = plain.replace(" ", "-")
        number = 1
        while slug in made:
            slug = f"{plain.replace(' ', '-')}-{number}"
            number += 1
        made.add(slug)
    return made


def broken(document: Path, text: str) -> list[str]:
    """The links of `text`, as if it stood in `document`, that lead nowhere."""

    def leads_somewhere(link: str) -> bool:
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or not target.resolve().is_relative_to(ROOT):
            return False
        return not anchor or anchor in anchors(text if target == document else target.read_text("utf-8"))

    return [link for link in links(text) if not leads_somewhere(link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file or folder of the repository, and if it names a heading, to one that is there."""
    assert broken(document, document.read_text("utf-8")) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    """A missing file, a missing heading, a file outside; not what stands in code or leads into the world."""
    text = (
        "# One heading, `code`\n## Twice\n## Twice\n"
        "[a](README.md) [b](#one-heading-code) [c](README.md#settings) [d](#twice-1) [e](https://example.org/x)\n"
        "[f](missing.md) [g](#missing) [h](README.md#missing) [i](../../etc/hosts) `[j](missing.md)`\n"
    )
    assert broken(ROOT / "CHANGELOG.md", text) == ["missing.md", "#missing", "README.md#missing", "../../etc/hosts"]


@pytest.mark.parametrize("adr", ADRS, ids=name_of)
def test_a_decision_has_its_form(adr: Path) -> None:
    """Its number and title on top, its three parts in order, under a page."""
    text = adr.read_text("utf-8")
    assert re.match(rf"# {adr.name[:4]}\. \S", text)
    assert re.findall(r"^## .+$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) < A_PAGE


def test_the_index_lists_every_decision() -> None:
    """In order and by the title that it has; no number is used twice or left out."""
    assert [int(adr.name[:4]) for adr in ADRS] == list(range(1, len(ADRS) + 1))
    titles = [(adr.name, adr.read_text("utf-8").partition("\n")[0].partition(". ")[2]) for adr in ADRS]
    rows = re.findall(r"^\| \[\d{4}\]\((.+?)\) \| (.+) \|$", (DECISIONS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert rows == titles


def test_the_changelog_knows_this_version() -> None:
    """Unreleased stands on top, then the version of pyproject.toml or an older one, newest first."""
    heads = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert PROJECT["version"] == heads[1]


# The workflow and the hooks


def workflow() -> Any:
    """The jobs of the workflow for GitHub."""
    return yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]


def targets() -> set[str]:
    """What `make` can be asked for."""
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.+)$", MAKEFILE, re.MULTILINE)
    names = set(phony.replace("\\\n", " ").split())
    assert all(re.search(rf"^{re.escape(name)}:", MAKEFILE, re.MULTILINE) for name in names)
    return names


def test_the_workflow_runs_what_a_developer_runs() -> None:
    """Each job is one make target, after the checkout and the right Python; `make test` by way of the script that gets
    what only its tests want."""
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow().items()}
    assert commands == {name: [f"make {name}"] for name in ("lint", "test-lowest", "test-long")} | {"test": [".ci/run"]}
    assert (ROOT / ".ci" / "run").read_text("utf-8").endswith("\nexec make test\n")
    assert commands.keys() <= targets()
    for job in workflow().values():
        assert [step.get("uses", "").partition("@")[0] for step in job["steps"][:2]] == [
            "actions/checkout",
            "actions/setup-python",
        ]


def test_the_workflow_tests_every_python_that_is_promised() -> None:
    """The matrix is the classifiers of pyproject.toml, and the lowest dependencies are tested with the oldest."""
    versions = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert workflow()["test"]["strategy"]["matrix"]["python"] == versions
    assert PROJECT["requires-python"] == f">={versions[0]}"
    oldest = {step["with"]["python-version"] for step in workflow()["test-lowest"]["steps"] if "with" in step}
    assert oldest == {versions[0]}


def test_the_hooks_are_the_parts_of_lint() -> None:
    """All of them, by make, with nothing downloaded."""
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert repo["repo"] == "local"
    (parts,) = re.findall(r"^lint:(.*?)(?:##.*)?$", MAKEFILE, re.MULTILINE)
    assert [hook["entry"] for hook in repo["hooks"]] == [f"make {part}" for part in parts.split()]
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}
    assert set(parts.split()) <= targets()


def test_every_make_target_that_is_mentioned_exists() -> None:
    """In the documents' code, spans and blocks."""
    for document in DOCUMENTS:
        for code in CODE.findall(document.read_text("utf-8")):
            assert set(re.findall(r"\bmake ([a-z][a-z-]*)", code)) <= targets(), name_of(document)


def test_messages_name_the_distribution() -> None:
    """Whoever is told to install an extra is told the right name."""
    for path in (path for folder in ("svc", "sandbox") for path in (ROOT / folder).rglob("*.py")):
        for name in re.findall(r"pip install '?([A-Za-z0-9._-]+)\[", path.read_text("utf-8")):
            assert name == PROJECT["name"], name_of(path)


def test_the_table_of_faults_names_what_exists() -> None:
    """Every test and mutant that it names is there, and it names all that goes wrong in the simulation."""
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    sources = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
    named = set(re.findall(r"`(_[a-z0-9_]+|test_[a-z0-9_]+)`", text))
    assert named
    assert not {name for name in named if not any(f"def {name}(" in source for source in sources.values())}
    files = set(re.findall(r"`(test_[a-z0-9_*]+\.py)`", text))
    assert not {name for name in files if not any(fnmatch(path.name, name) for path in sources)}
    trouble = {each.name for each in fields(ProviderTrouble)} - {"lasting"}
    assert set(KINDS) | trouble <= set(re.findall(r"`([a-z_]+)`", text))
    quoted = set(re.findall(r'"([^"|]+)"', text))
    assert quoted
    assert not {name for name in quoted if not any(f'"{name}"' in source for source in sources.values())}
