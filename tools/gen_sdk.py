"""Make `docs/sdk.md` from the docstrings of the public names: `python tools/gen_sdk.py`.

What belongs to the reference is listed here; the tests see to it that nothing public of `Client` is missing from the
list, that everything has a docstring, and that the page is what this program makes.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import veery
from veery import errors
from veery.client.attachments import Attached, AttachmentsService, prepare
from veery.client.backup import Backup
from veery.client.client import Client
from veery.client.config.sync import Sync
from veery.client.conversations import Conversations
from veery.client.deleting import Deleting
from veery.client.devices.service import DevicesService
from veery.client.doctor import Doctor
from veery.client.event_kinds import EVENT_KINDS
from veery.client.events import Consumer, Events, EventStream
from veery.client.groups.changing import Changing
from veery.client.groups.making import Making
from veery.client.groups.service import Groups
from veery.client.levels.service import Levels
from veery.client.locking import Locking
from veery.client.naming import Naming
from veery.client.notices import Notices
from veery.client.outbox import OutboxService
from veery.client.pictures import Pictures
from veery.client.profile_service import ProfileService
from veery.client.reacting import Reacting
from veery.client.receiving import Receiving
from veery.client.requests import Requests
from veery.client.searching import Searching
from veery.client.sending import Sending
from veery.client.settings import SettingsService
from veery.client.storage import StorageService
from veery.client.timers import Timers
from veery.client.transfer.service import Transfer
from veery.client.typing_indicators import TypingIndicators
from veery.protocol.expiry_rules import DisappearingMode
from veery.store.search import Search

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "sdk.md"
HEAD: Final = ROOT / "tools" / "sdk_head.md"
WORK: Final = frozenset({"run", "run_due", "begin", "road_opened", "polled"})  # what the engine calls, not a program


@dataclass(frozen=True, slots=True)
class Service:
    """An attribute of `Client`. rooms: classes whose methods it hands out as its own; engine: names to leave out."""

    name: str
    kind: type
    rooms: tuple[type, ...] = ()
    engine: frozenset[str] = frozenset()


SERVICES: Final = (
    Service("events", Events),
    Service("sending", Sending),
    Service("conversations", Conversations),
    Service("requests", Requests),
    Service("attachments", AttachmentsService, engine=frozenset({"send"})),
    Service("reacting", Reacting),
    Service("deleting", Deleting),
    Service("timers", Timers),
    Service("typing", TypingIndicators, engine=frozenset({"message_sent"})),
    Service("notices", Notices),
    Service("groups", Groups, (Making, Changing), frozenset({"room", "documents"})),
    Service("search", Searching),
    Service("outbox", OutboxService),
    Service("receiving", Receiving),
    Service("profile", ProfileService),
    Service("pictures", Pictures, engine=frozenset({"renew"})),
    Service("settings", SettingsService),
    Service("devices", DevicesService),
    Service("levels", Levels),
    Service("sync", Sync),
    Service("naming", Naming),
    Service("storage", StorageService),
    Service("backup", Backup),
    Service("transfer", Transfer, engine=frozenset({"begin"})),
    Service("locking", Locking),
    Service("doctor", Doctor),
)
ENGINE: Final = frozenset({"pump", "documents", "rereading", "housekeeping"})  # attributes that only the engine uses
VALUES: Final = (
    ("EventStream", EventStream),
    ("Consumer", Consumer),
    ("veery.client.attachments.prepare", prepare),
    ("veery.client.attachments.Attached", Attached),
    ("veery.protocol.expiry_rules.DisappearingMode", DisappearingMode),
    ("veery.store.search.Search", Search),
)


class Bare:
    """An annotation that prints as it was written."""

    def __init__(self, text: object) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text if isinstance(self._text, str) else getattr(self._text, "__name__", str(self._text))


def client_attributes() -> list[str]:
    """The public attributes that `Client.__init__` makes."""
    tree = ast.parse(inspect.getsource(Client.__init__).replace("\n    ", "\n").lstrip())
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_")
    ]


def public(kind: type, leave_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Names and functions or properties that a class defines for others, in the order of its source."""
    for name, value in vars(kind).items():
        shown = not name.startswith("_") or name == "__call__"
        if shown and name not in leave_out and (callable(value) or isinstance(value, property | classmethod)):
            yield name, value


def members(service: Service) -> list[tuple[str, Any]]:
    """Everything that the reference shows of a service."""
    found = list(public(service.kind, WORK | service.engine))
    return found + [each for room in service.rooms for each in public(room, WORK)]


def text_of(value: Any) -> str:
    """The docstring. Raises ValueError if there is none."""
    found = inspect.getdoc(value.__func__ if isinstance(value, classmethod) else value)
    if not found:
        raise ValueError(f"{value!r} has no docstring")
    return found


def signature(name: str, value: Any) -> str:
    """How it is called, or what a property gives."""
    if isinstance(value, property):
        return f"{name}: {value.fget.__annotations__['return']}"
    call: Callable[..., Any] = value.__func__ if isinstance(value, classmethod) else value
    found = inspect.signature(call)
    kept = [each for each in found.parameters.values() if each.name not in ("self", "cls")]
    bare = [_as_written(each) for each in kept]
    result = found.return_annotation
    shown = found.replace(parameters=bare, return_annotation=Bare(result) if result != found.empty else result)
    prefix = "await " if inspect.iscoroutinefunction(call) else ""
    return f"{prefix}{name}{shown}"


def _as_written(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if callable(default) and default is not parameter.empty:
        default = Bare(default.__name__)
    note = parameter.annotation
    return parameter.replace(annotation=note if note is parameter.empty else Bare(note), default=default)


def entry(name: str, value: Any) -> list[str]:
    """One name: how it is called, and what its docstring says."""
    return ["```text", signature(name, value), "```", text_of(value), ""]


def section(service: Service) -> list[str]:
    """One service of the client."""
    lines = [f"### client.{service.name}", text_of(service.kind), ""]
    for name, value in members(service):
        lines += entry(f"client.{service.name}" if name == "__call__" else f"{service.name}.{name}", value)
    return lines


def event_lines() -> list[str]:
    """Every kind of event, with its fields."""
    lines = ["## Events", ""]
    lines += [
        "Besides what is listed, each has its kind in `event`; all but the last ones have their number in `seq`.",
        "",
    ]
    common = EVENT_KINDS["message"].fields
    for kind in EVENT_KINDS.values():
        lines += [f"### {kind.name}", kind.about + ("" if kind.durable else " Of the moment: it has no number."), ""]
        own = dict(kind.fields)
        if kind.name != "message" and common.items() <= own.items():
            own = {name: what for name, what in own.items() if name not in common}
            lines += ["It has all fields of `message`, and:", ""]
        lines += ["| field | |", "| --- | --- |", *(f"| `{name}` | {what} |" for name, what in own.items())]
        lines += [*(f"| `{name}` (not always) | {what} |" for name, what in kind.optional.items()), ""]
    return lines


def client_lines() -> list[str]:
    """`veery` itself."""
    lines = ["## Names of the package", ""]
    for name in ("Profile", "Account", "AccountId", "KeyFile", "Passphrase"):
        kind = getattr(veery, name)
        lines += [f"### veery.{name}", text_of(kind), ""]
        for member, value in public(kind):
            lines += entry(f"{name}.{member}", value)
    for name in ("create_profile", "restore_profile"):
        lines += [f"### veery.{name}", *entry(f"veery.{name}", getattr(veery, name))]
    lines += ["## Client", text_of(Client), ""]
    for member, value in public(Client):
        lines += entry(f"Client.{member}", value)
    return lines


def value_lines() -> list[str]:
    """What is given to services, and what they give."""
    lines = ["## Values", ""]
    for name, value in VALUES:
        short = name.rpartition(".")[2]
        if not inspect.isclass(value):
            lines += [f"### {name}", *entry(short, value)]
            continue
        lines += [f"### {name}", text_of(value), ""]
        for member, held in public(value):
            lines += entry(f"{short}.{member}", held)
    return lines


def error_lines() -> list[str]:
    """The tree of errors."""
    lines = ["## Errors", "", "All are in `veery.errors`; `veery.VeeryError` is their root.", ""]
    lines += [text_of(errors.VeeryError), "", "| | `kind` begins with | |", "| --- | --- | --- |"]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.VeeryError):
            what = " ".join(text_of(kind).split("\n\n")[0].split())
            lines.append(f"| `{name}` | `{kind.default_kind}` | {what} |")
    return lines


def page() -> str:
    """The whole page."""
    lines = client_lines()
    lines += event_lines()
    lines += ["## Services of a client", ""]
    for service in SERVICES:
        lines += section(service)
    lines += value_lines() + error_lines()
    return HEAD.read_text() + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written.\n")
