"""The table of events holds what the code writes. `tests/conftest.py` holds every written event against it as well."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

import veery
from tests.conversations.engines import Device
from veery.client.approval import Change
from veery.client.devices.telling import Told
from veery.client.event_kinds import EVENT_KINDS
from veery.client.levels.notices import Warn
from veery.store.events import GONE
from veery.store.message_values import AttachmentState, DeliveryState

CLIENT = Path(veery.__file__).parent / "client"
CONSTANT = re.compile(r'^(\w+_EVENT)(?:: Final)? = "(\w+)"', re.MULTILINE)
WRITES = re.compile(r"\bevents\.append\((?!event\))(\w+)")
LIVE = re.compile(r'"event": (\w+)')


def sources() -> dict[Path, str]:
    return {path: path.read_text() for path in CLIENT.rglob("*.py")}


def test_every_kind_that_the_code_names_is_there_and_no_other() -> None:
    named = {value for text in sources().values() for _, value in CONSTANT.findall(text)}
    assert {*named, GONE} == set(EVENT_KINDS)


def test_every_kind_is_written_by_a_name() -> None:
    constants = {name for text in sources().values() for name, _ in CONSTANT.findall(text)}
    written = {name for text in sources().values() for pattern in (WRITES, LIVE) for name in pattern.findall(text)}
    written -= {"event"}  # what `event_json` gives is of a kind that was written
    assert written == constants


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("state", "state", set(DeliveryState) - {DeliveryState.RECEIVED}),
        ("attachment", "state", set(AttachmentState)),
        ("conversation", "change", set(Change)),
        ("security", "warning", set(Warn)),
        ("device", "change", set(Told)),
    ],
)
def test_what_a_field_may_say_is_listed(kind: str, name: str, values: set[Enum]) -> None:
    assert set(re.findall(r"`(\w+)`", EVENT_KINDS[kind].fields[name])) == {each.value for each in values}


async def test_an_event_that_is_not_in_the_table_does_not_pass_the_tests(alice: Device) -> None:
    kind = EVENT_KINDS["setting"]
    assert kind.differences(("name", "value")) == []
    assert kind.differences(("name", "colour")) == ["`value` is missing", "`colour` is not known"]
    await alice.client.settings.set("typing", "on")
    (event,) = [each for each in await alice.events() if each["event"] == "setting"]
    assert kind.differences(set(event) - {"event", "seq"}) == []
