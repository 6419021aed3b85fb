"""Frames of the node message queue, and what a receiver makes of each (chapter 15).

A message is a list of parts as the application sees them, without the routing id. `receive` is the table of 15.8 as a
pure function: it is given the parts, what is known of the connection *now* (service-node status is looked up for every
message, never kept from connecting time), the registered commands and the tags of own requests that still wait; its
outcome tells the shell what to do. After connecting both sides send commands and requests, so one table serves both.

What lives longer than one message (tags that wait, keys of routing ids) is in `queue_state`; addresses are in
`queue_address`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, TypeAlias

from veery.errors import Misuse
from veery.protocol.constants import QUEUE_COMMAND_MAX, QUEUE_TAG_SIZE
from veery.protocol.crypto import RandomBytes

REPLY: Final = b"REPLY"
HI: Final = b"HI"
HELLO: Final = b"HELLO"
BYE: Final = b"BYE"
TIMEOUT: Final = b"TIMEOUT"  # the only result part of a request that timed out, 15.3.4; never on the wire


class Refusal(Enum):
    """Why a command is refused, in the order of the checks (15.3.3)."""

    UNKNOWN_COMMAND = b"UNKNOWNCOMMAND"  # no such command, no dot, or too long
    FORBIDDEN = b"FORBIDDEN"  # the level of the connection is too low
    NOT_A_SERVICE_NODE = b"NOT_A_SERVICE_NODE"  # the receiver is no service node, and the command needs one
    FORBIDDEN_SN = b"FORBIDDEN_SN"  # the sender's key is not in the active list
    NO_REPLY_TAG = b"NO_REPLY_TAG"  # a request without a tag


_REFUSALS: Final = {refusal.value: refusal for refusal in Refusal}


class Level(IntEnum):
    """What the authenticator granted to a connection (15.2)."""

    NONE = 0
    BASIC = 1
    ADMIN = 2


@dataclass(frozen=True, slots=True)
class CommandRule:
    """How a command was registered. `remote_sn`: the sender must be a service node; `local_sn`: the receiver."""

    request: bool
    level: Level = Level.NONE
    remote_sn: bool = False
    local_sn: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """What a receiver knows of the connection at the moment a message comes.

    outgoing: it was opened here. connecting: HI was sent and not yet answered. remote_sn: the proven key is in the
    active list now, or the connection was opened by key to a service node. local_sn: this side is a service node.
    """

    outgoing: bool
    connecting: bool = False
    level: Level = Level.NONE
    remote_sn: bool = False
    local_sn: bool = False


# -- outcomes (15.8) -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ignored:
    """Drop the message."""


@dataclass(frozen=True, slots=True)
class Replied:
    """An own request was answered; its tag is used up."""

    tag: bytes
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """An own request was refused; its tag is used up."""

    tag: bytes
    code: Refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """Something sent from here was refused without a tag: log it. `command` is b"" if it was not told."""

    code: Refusal
    command: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """The caller said HI: send `send`."""

    send: tuple[bytes, ...] = (HELLO,)


@dataclass(frozen=True, slots=True)
class Connected:
    """The listener answered HI: the connection is up."""


@dataclass(frozen=True, slots=True)
class Close:
    """The listener said BYE: close this outgoing connection at once."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """A command failed a check: send `send` back on the same connection."""

    code: Refusal
    send: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Run a command, and answer with `reply(tag, …)` exactly once."""

    command: bytes
    tag: bytes
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """Run a one-way command; nothing is answered."""

    command: bytes
    parts: tuple[bytes, ...]


Outcome: TypeAlias = "Ignored | Replied | Failed | Refused | Hello | Connected | Close | Refuse | Request | Command"


def receive(
    parts: Sequence[bytes],
    connection: Connection,
    commands: Mapping[bytes, CommandRule],
    pending: Container[bytes],
    aliases: Mapping[bytes, bytes] | None = None,
) -> Outcome:
    """What a receiver makes of a message (15.8). Changes nothing: the caller takes used tags out of `pending`.

    commands: by full name, `category.command`; aliases: old names without a dot -> full names (15.5).
    """
    if not parts:
        return Ignored()
    word = parts[0]
    if word == REPLY:
        known = len(parts) > 1 and parts[1] in pending
        return Replied(parts[1], tuple(parts[2:])) if known else Ignored()
    if word == HI:
        return Ignored() if connection.outgoing else Hello()
    if word == HELLO:
        return Connected() if connection.outgoing and connection.connecting else Ignored()
    if word == BYE:
        return Close() if connection.outgoing else Ignored()
    if word in _REFUSALS:
        return _refused(_REFUSALS[word], parts, pending)
    return _command(parts, connection, commands, aliases or {})


def _refused(code: Refusal, parts: Sequence[bytes], pending: Container[bytes]) -> Outcome:
    if len(parts) == 3 and parts[1] == REPLY:
        return Failed(parts[2], code) if parts[2] in pending else Ignored()
    if len(parts) == 1 and code is Refusal.UNKNOWN_COMMAND:
        return Ignored()
    return Refused(code, parts[1] if len(parts) > 1 else b"")


def _command(
    parts: Sequence[bytes],
    connection: Connection,
    commands: Mapping[bytes, CommandRule],
    aliases: Mapping[bytes, bytes],
) -> Outcome:
    sent = parts[0]
    name = aliases.get(sent, sent)
    rule = commands.get(name) if _well_named(name) else None
    if rule is None:
        return Refuse(Refusal.UNKNOWN_COMMAND, (Refusal.UNKNOWN_COMMAND.value, sent))
    tagged = rule.request and len(parts) > 1 and parts[1] != b""
    code = _check(rule, connection, tagged)
    if code is not None:
        return Refuse(code, (code.value, REPLY, parts[1]) if tagged else (code.value, sent))
    if rule.request:
        return Request(name, parts[1], tuple(parts[2:]))
    return Command(name, tuple(parts[1:]))


def _well_named(name: bytes) -> bool:
    return name.find(b".") > 0 and len(name) <= QUEUE_COMMAND_MAX


def _check(rule: CommandRule, connection: Connection, tagged: bool) -> Refusal | None:
    if connection.level < rule.level:
        return Refusal.FORBIDDEN
    if rule.local_sn and not connection.local_sn:
        return Refusal.NOT_A_SERVICE_NODE
    if rule.remote_sn and not connection.remote_sn:
        return Refusal.FORBIDDEN_SN
    if rule.request and not tagged:
        return Refusal.NO_REPLY_TAG
    return None


# -- messages to send (15.3) -----------------------------------------------------------------------------------


def request(command: bytes, tag: bytes, *parts: bytes) -> list[bytes]:
    """A request. Raises Misuse for an empty tag (15.3.1) or a name that no receiver knows."""
    if not tag:
        raise Misuse("a request must have a tag")
    return [_named(command), tag, *parts]


def command(name: bytes, *parts: bytes) -> list[bytes]:
    """A one-way command. Raises Misuse for a name that no receiver knows."""
    return [_named(name), *parts]


def reply(tag: bytes, *parts: bytes) -> list[bytes]:
    """The answer to a request. Raises Misuse for an empty tag."""
    if not tag:
        raise Misuse("an answer must have a tag")
    return [REPLY, tag, *parts]


def hello() -> list[bytes]:
    """What a caller that connects by address sends first (15.3.2)."""
    return [HI]


def new_tag(random: RandomBytes) -> bytes:
    """A tag of 15 random bytes. Unguessable: peers match answers by it alone (15.3.1)."""
    return random(QUEUE_TAG_SIZE)


def _named(name: bytes) -> bytes:
    if not _well_named(name):
        raise Misuse(f"a command is named `category.command`, with at most {QUEUE_COMMAND_MAX} bytes")
    return name
