"""The SDK reference: whole, up to date, and everything in it explained."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import veery
from veery.client.event_kinds import EVENT_KINDS

ROOT = Path(__file__).parents[2]


def tool() -> Any:
    """The program that makes the page."""
    place = importlib.util.spec_from_file_location("gen_sdk", ROOT / "tools" / "gen_sdk.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules["gen_sdk"] = module  # dataclasses look there for the module of a class
    place.loader.exec_module(module)
    return module


gen_sdk = tool()


def test_the_reference_is_what_the_docstrings_say() -> None:
    assert gen_sdk.PAGE.read_text() == gen_sdk.page(), "run: python tools/gen_sdk.py"


def test_every_kind_of_event_is_in_it_with_its_fields() -> None:
    page = gen_sdk.PAGE.read_text()
    _, _, events = page.partition("## Events\n")
    for kind in EVENT_KINDS.values():
        _, _, rest = events.partition(f"### {kind.name}\n")
        entry, _, _ = rest.partition("\n##")
        shown = {} if kind.name == "notice" else kind.fields  # shown once, for `message`
        for name in (*shown, *kind.optional):
            assert f"| `{name}`" in entry, (kind.name, name)
    assert "It has all fields of `message`" in events


def test_it_is_made_without_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import gen_sdk; gen_sdk.page()"],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_public_attribute_of_a_client_is_in_it_or_the_engines_own() -> None:
    listed = {service.name for service in gen_sdk.SERVICES}
    assert listed.isdisjoint(gen_sdk.ENGINE)
    assert set(gen_sdk.client_attributes()) == listed | gen_sdk.ENGINE


def test_every_name_of_the_package_is_in_it() -> None:
    page = gen_sdk.page()
    assert "## Client" in page
    for name in set(veery.__all__) - {"Client", "__version__"}:
        assert f"veery.{name}" in page, name


@pytest.mark.parametrize("service", gen_sdk.SERVICES, ids=lambda service: str(service.name))
def test_every_public_method_has_a_docstring(service: Any) -> None:
    assert gen_sdk.members(service)
    for name, value in gen_sdk.members(service):
        assert gen_sdk.text_of(value).rstrip().endswith("."), (service.name, name)


def test_a_name_without_a_docstring_is_refused() -> None:
    with pytest.raises(ValueError, match="has no docstring"):
        gen_sdk.text_of(lambda: None)


def test_nothing_of_this_machine_is_in_it() -> None:
    assert not re.search(r" at 0x|<function|<object", gen_sdk.page())


def test_what_groups_hand_out_is_in_it() -> None:
    named = {name for service in gen_sdk.SERVICES if service.name == "groups" for name, _ in gen_sdk.members(service)}
    assert {"create", "invite", "promote", "rename", "remove", "destroy", "accept", "leave"} <= named
