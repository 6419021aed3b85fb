"""One table of environment variables: whatever the code reads stands in it, and so on the manual page."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import veery
from veery.cli.man_page import man_page
from veery.cli.parser import build
from veery.cli.variables import NOT_SETTINGS, VARIABLES
from veery.errors import SettingsError
from veery.fileserver.settings import FileServerSettings
from veery.runtime.settings import load

SOURCE = Path(veery.__file__).parent
LISTED = {name.strip() for names in VARIABLES for name in names.split(",")}
OF_OTHERS = {"variable"}  # an argument of `unlock`, one of the constants


def is_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def asked_for(tree: ast.AST) -> Iterator[ast.expr]:
    """What is asked of `os.environ`, or handed to `getenv`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            yield node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if is_environment(node.func.value) or node.func.attr == "getenv":
                yield node.args[0]
        elif isinstance(node, ast.Compare) and any(map(is_environment, node.comparators)):
            yield node.left


def read_by(file: Path) -> Iterator[str]:
    """The names of variables that a module reads, and of those that it gives a name to."""
    tree = ast.parse(file.read_text())
    wanted = list(asked_for(tree))
    module = (
        importlib.import_module(".".join(file.relative_to(SOURCE.parent).with_suffix("").parts)) if wanted else None
    )
    for each in wanted:
        if isinstance(each, ast.Constant):
            yield str(each.value)
        elif not (isinstance(each, ast.Name) and each.id in OF_OTHERS):
            assert isinstance(each, ast.Name), f"{file} asks for what this test cannot read"
            yield str(getattr(module, each.id))
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if any(isinstance(target, ast.Name) and target.id.endswith("_VARIABLE") for target in targets):
                yield str(node.value.value)


def test_every_variable_that_the_code_reads_is_listed() -> None:
    found = {name for file in SOURCE.rglob("*.py") for name in read_by(file)}
    assert len(found) > 8
    assert found - LISTED == set()
    assert {name for name in LISTED if name.startswith(("VEERY_", "NO", "TERM"))} - {"VEERY_..."} <= found


def test_the_manual_tells_of_every_variable() -> None:
    text = man_page(build()).split(".SH ENVIRONMENT")[1].split(".SH ")[0]
    assert [names for names in VARIABLES if f".B {names}\n" not in text] == []


def test_no_variable_of_the_table_is_taken_for_a_setting() -> None:
    listed = {name: "x" for name in LISTED if name.startswith("VEERY_") and name != "VEERY_..."}
    load(FileServerSettings, environment=listed, not_settings=NOT_SETTINGS)
    with pytest.raises(SettingsError, match="VEERY_SOMETHING"):
        load(FileServerSettings, environment={**listed, "VEERY_SOMETHING": "x"}, not_settings=NOT_SETTINGS)
