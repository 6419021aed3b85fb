"""The documentation agrees with the code: links, commands, dependencies, rooms, benchmarks and named tests."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from veery.cli.parser import build

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
VARIABLES = {"network.toml": "network.toml"}


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert not re.search(r"/(work|root|home|tmp)/", page.read_text())


def shown_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text()):
            lines = [line.partition(" #")[0].strip().removeprefix("$ ") for line in block.splitlines()]
            found += [(page.name, line) for line in lines if re.match(r"(\.venv/bin/)?veery [a-z]", line)]
    return found


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_shown_commands_parse(page: str, line: str) -> None:
    words = shlex.split(line)
    build().parse_args(words[1:])


def test_there_are_commands_to_parse() -> None:
    assert len(shown_commands()) >= 8


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = list(project["project"]["dependencies"])
    named += [each for extra in project["project"]["optional-dependencies"].values() for each in extra]
    named += [each for group in project["dependency-groups"].values() for each in group]
    page = (ROOT / "docs" / "dependencies.md").read_text()
    for requirement in named:
        name = re.split(r"[<>=\[~! ]", requirement, maxsplit=1)[0]
        assert name in page, f"docs/dependencies.md gives no reason for {name}"


def test_the_house_is_as_it_is_drawn() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for room in sorted((ROOT / "src" / "veery").iterdir()):
        if room.is_dir() and (room / "__init__.py").exists():
            assert f"{room.name}/" in page, f"docs/architecture.md does not show {room.name}/"


def test_every_benchmark_is_described() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for program in (ROOT / "benchmarks").glob("[a-z]*.py"):
        assert f"benchmarks/{program.name}" in page


def test_tests_that_the_threat_model_names_exist() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    named = re.findall(r"`(tests/[\w/.*-]+)`", page)
    assert named
    for each in named:
        assert any(ROOT.glob(each)), f"docs/threat-model.md names {each}"
