"""The Content extension: Veery's own fields in an ordinary message, under its signature (14.0.1).

One bt dict in protobuf field 20048 of Content. Clients that do not know the field show the message unchanged. A dict
that is malformed, too long or of another version is as if it were absent, and the message is shown all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.unknown_fields import UnknownFieldSet

from veery.errors import Misuse
from veery.protocol import bt
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import (
    CAPABILITIES_MAX,
    EXTENSION_FIELD,
    EXTENSION_MAX,
    EXTENSION_VERSION,
    RECORD_ECHO_SIZE,
    RECORD_GOSSIP_MAX,
)
from veery.protocol.content import Content, Unknown
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import parse

_LENGTH_DELIMITED: Final = 2  # wire type of protobuf
_FIELD: Final = (EXTENSION_FIELD, _LENGTH_DELIMITED)
_KNOWN: Final = frozenset({b"", b"c", b"h", b"r"})


@dataclass(frozen=True, slots=True)
class Extension:
    """capabilities: of the sender, None from clients other than Veery; echo: hash of the account record that the
    message was encrypted to, 8 bytes; record: the sender's own account record, not verified yet; others: further keys
    (14.4, 14.5), as they came.
    """

    capabilities: frozenset[str] | None = None
    echo: bytes | None = field(default=None, repr=False)
    record: bytes | None = field(default=None, repr=False)
    others: Mapping[bytes, bt.Value] = field(default_factory=dict, repr=False)


def encode(extension: Extension) -> bytes:
    """The bytes of an extension. Raises Misuse beyond 8 KiB and for an echo or record of a wrong size."""
    fields: dict[bytes, bt.Encodable] = {b"": EXTENSION_VERSION}
    if extension.capabilities is not None:
        fields[b"c"] = sorted(extension.capabilities)
    if extension.echo is not None:
        if len(extension.echo) != RECORD_ECHO_SIZE:
            raise Misuse(f"an echo has {RECORD_ECHO_SIZE} bytes", kind="extension")
        fields[b"h"] = extension.echo
    if extension.record is not None:
        if len(extension.record) > RECORD_GOSSIP_MAX:
            raise Misuse("the attached record is too long", kind="extension")
        fields[b"r"] = extension.record
    if _KNOWN & extension.others.keys():
        raise Misuse("a further key has the name of a known one", kind="extension")
    data = bt.encode(fields | dict(extension.others))
    if len(data) > EXTENSION_MAX:
        raise Misuse("the extension is too long", kind="extension")
    return data


def decode(data: bytes) -> Extension | None:
    """Read the bytes of an extension; None for what is to be treated as absent."""
    if len(data) > EXTENSION_MAX:
        return None
    try:
        fields = bt.decode_dict(data)
    except BtMalformed:
        return None
    if fields.get(b"") != EXTENSION_VERSION:
        return None
    capabilities, echo, record = fields.get(b"c"), fields.get(b"h"), fields.get(b"r")
    return Extension(
        capabilities=_capabilities(capabilities),
        echo=echo if isinstance(echo, bytes) and len(echo) == RECORD_ECHO_SIZE else None,
        record=record if isinstance(record, bytes) and len(record) <= RECORD_GOSSIP_MAX else None,
        others={key: value for key, value in fields.items() if key not in _KNOWN},
    )


def attach(content: Content, extension: Extension) -> Content:
    """A Content with the extension. Raises Misuse as `encode`, and when it has one already."""
    if _raw(content) is not None:
        raise Misuse("the content has an extension already", kind="extension")
    data = encode(extension)
    written = _varint(EXTENSION_FIELD << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data
    if isinstance(content.kind, Unknown):
        return replace(content, kind=Unknown(content.kind.raw + written))
    return replace(content, other_fields=content.other_fields + written)


def find(content: Content) -> Extension | None:
    """The extension of a Content, or None. Of several the last counts, as protobuf has it."""
    raw = _raw(content)
    return None if raw is None else decode(raw)


def _raw(content: Content) -> bytes | None:
    others = content.kind.raw if isinstance(content.kind, Unknown) else content.other_fields
    unknown = UnknownFieldSet(parse(wire.Content, others))
    fields = [unknown[place] for place in range(len(unknown))]
    found = [each.data for each in fields if (each.field_number, each.wire_type) == _FIELD]
    return bytes(found[-1]) if found else None


def _capabilities(value: bt.Value | None) -> frozenset[str] | None:
    if not isinstance(value, list) or len(value) > CAPABILITIES_MAX:
        return None
    return frozenset(item.decode(errors="replace") for item in value if isinstance(item, bytes))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
