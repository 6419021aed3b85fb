"""A slip in a program, an id or a text of another type, is told by name and changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.conversations.engines import Device, exchange
from veery.client.client import Client
from veery.errors import Misuse, VeeryError
from veery.protocol.given import WrongType

SERVICES: Final = (
    *("attachments", "conversations", "deleting", "devices", "events", "groups", "levels", "locking", "naming"),
    *("notices", "outbox", "profile", "reacting", "requests", "search", "sending", "settings", "storage", "timers"),
    *("transfer", "typing"),
)
WRONG: Final[dict[str, tuple[object, ...]]] = {  # by annotation
    "int": ("1", None, b"1", object()),
    "int | None": ("1", b"1", object()),
    "str": (5, None, b"x", object()),
    "AccountId | str": (5, None, b"x", object()),
    "Id": (5, None, b"x", object()),
    "Iterable[Id]": (5, None, [5], b"xx"),
    "Sequence[Attached]": (5, "notes.txt", [b"x"]),
}
RIGHT: Final = ("int", "str", "AccountId | str", "Id", "Iterable[Id]")  # what a good value is known for


def calls(client: Client) -> Iterator[tuple[str, Callable[..., Any], inspect.Parameter]]:
    """Every parameter that is an id or a text, of the public methods that need nothing else."""
    for service in SERVICES:
        for name, method in inspect.getmembers(getattr(client, service), inspect.ismethod):
            for each in [] if name.startswith("_") else inspect.signature(method).parameters.values():
                others = (other.annotation in RIGHT for other in needed(method) if other.name != each.name)
                if each.annotation in WRONG and all(others):
                    yield f"{service}.{name}", method, each


def needed(method: Callable[..., Any]) -> list[inspect.Parameter]:
    return [each for each in inspect.signature(method).parameters.values() if each.default is each.empty]


def arguments(method: Callable[..., Any], wrong: inspect.Parameter, value: object, other: str) -> dict[str, Any]:
    """Arguments of which one is wrong."""
    right = dict(zip(RIGHT, (1, other, other, other, [other]), strict=True))
    return {**{each.name: right.get(str(each.annotation)) for each in needed(method)}, wrong.name: value}


async def test_every_method_names_what_is_of_the_wrong_type(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    tried = 0
    for name, method, parameter in calls(alice.client):
        for value in WRONG[str(parameter.annotation)]:
            try:
                made = method(**arguments(method, parameter, value, bob.id))
                if inspect.isawaitable(made):
                    await made
            except VeeryError:
                tried += 1
            except Exception as error:
                raise AssertionError(f"{name}({parameter.name}={value!r}) raises {error!r}") from error
    assert tried > 200


async def test_an_id_that_is_a_number_is_told(alice: Device) -> None:
    with pytest.raises(WrongType, match=r"whom a message is for must be text \(str\), not int"):
        await alice.client.sending.send_text(5, "hello")  # type: ignore[arg-type]
    with pytest.raises(Misuse, match=r"a text must be text \(str\), not None"):
        await alice.client.sending.send_text(alice.id, None)  # type: ignore[arg-type]
    with pytest.raises(Misuse, match=r"must be a whole number \(int\), not str"):
        await alice.client.sending.retry("12")  # type: ignore[arg-type]
    assert await alice.messages(alice.id) == []
