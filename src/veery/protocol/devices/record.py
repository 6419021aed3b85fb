"""The record of one device: what the group knows of it, and its keys (06.5.1).

A record is passed on as the bytes in which it came: its digest is over them, and fields that nobody knows here stay
in their places. Only a device's own record, or one that is accepted as a replacement, is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from veery.errors import Misuse
from veery.protocol import bt, bt_raw, crypto, given
from veery.protocol.constants import (
    DEVICE_DESCRIPTION_MAX,
    DEVICE_DIGEST_SIZE,
    DEVICE_SEQNO_MAX,
    DEVICE_TYPE_MAX,
    KEY_SIZE,
    MLKEM_PUBLIC_SIZE,
)
from veery.protocol.devices.faults import reading
from veery.protocol.devices.keys import HybridPublic

_KNOWN = frozenset({b"#", b"@", b"M", b"X", b"d", b"t", b"v"})
_KIND = "devices.record"


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A record; make one with `make` or `decode`. raw: its bytes; timestamp_s: unix seconds of the last change.

    platform: `i` iOS, `a` Android, `d` desktop, `c` command line, or other text; version: M·10^6 + m·10^3 + p, 0 if
    none; extra: fields that the chapter does not know, encoded, by key.
    """

    raw: bytes = field(repr=False)
    seqno: int
    timestamp_s: int
    keys: HybridPublic
    description: str = field(repr=False)
    platform: str
    version: int
    extra: tuple[tuple[bytes, bytes], ...] = field(repr=False)

    @property
    def digest(self) -> bytes:
        """Hash of the record's bytes, 8 bytes."""
        return crypto.blake2b(DEVICE_DIGEST_SIZE, self.raw)

    def renumbered(self, seqno: int) -> DeviceRecord:
        """The same record under another sequence number. Raises Misuse as `make`."""
        return make(
            seqno=seqno,
            timestamp_s=self.timestamp_s,
            keys=self.keys,
            description=self.description,
            platform=self.platform,
            version=self.version,
            extra=dict(self.extra),
        )


def make(
    *,
    seqno: int,
    timestamp_s: int,
    keys: HybridPublic,
    description: str = "",
    platform: str = "",
    version: int = 0,
    extra: Mapping[bytes, bytes] | None = None,
) -> DeviceRecord:
    """Write a record. The description is cut to 64 bytes of UTF-8, between two characters.

    Raises Misuse: a sequence number beyond 2^31 - 1 (some readers keep 32 bits), a negative time or version, a platform
    of more than 64 bytes, or extra fields with the names of known ones.
    """
    if not 1 <= seqno <= DEVICE_SEQNO_MAX or timestamp_s < 0 or version < 0:
        raise Misuse("a number of the device record is out of range", kind=_KIND)
    written_platform = _utf8(platform)
    if len(written_platform) > DEVICE_TYPE_MAX:
        raise Misuse("the device type is too long", kind=_KIND)
    fields = {
        b"#": bt.encode(seqno),
        b"@": bt.encode(timestamp_s),
        b"M": bt_raw.string(keys.mlkem),
        b"X": bt_raw.string(keys.x25519),
        b"d": bt_raw.string(cut(description).encode()),
    }
    if written_platform:
        fields[b"t"] = bt_raw.string(written_platform)
    if version:
        fields[b"v"] = bt.encode(version)
    if extra and _KNOWN & extra.keys():
        raise Misuse("an extra field has the name of a known one", kind=_KIND)
    return decode(bt_raw.encode(fields | dict(extra or {})))


def decode(raw: bytes) -> DeviceRecord:
    """Read a record. Raises DeviceMalformed `devices.record`."""
    with reading(_KIND):
        return parse(bt_raw.read(raw))


def parse(fields: bt_raw.RawDict) -> DeviceRecord:
    """Read a record that is a dict already. Raises BtMalformed: `reading` of the surrounding form names it."""
    return DeviceRecord(
        raw=fields.data,
        seqno=fields.integer(b"#", low=1),
        timestamp_s=fields.integer(b"@"),
        keys=HybridPublic(x25519=fields.string(b"X", KEY_SIZE), mlkem=fields.string(b"M", MLKEM_PUBLIC_SIZE)),
        description=_text(fields, b"d"),
        platform=_text(fields, b"t"),
        version=fields.integer(b"v") if b"v" in fields else 0,
        extra=tuple((key, fields.raw(key)) for key in fields.values if key not in _KNOWN),
    )


def cut(description: str) -> str:
    """A description as it is written: at most 64 bytes of UTF-8, cut between two characters. Raises Misuse."""
    return _utf8(description)[:DEVICE_DESCRIPTION_MAX].decode(errors="ignore")


def _utf8(text: str) -> bytes:
    try:
        return given.text(text, "text of the device record").encode()
    except UnicodeEncodeError:
        raise Misuse("text of the device record is not Unicode", kind=_KIND) from None


def _text(fields: bt_raw.RawDict, key: bytes) -> str:
    # A name for people: bytes that are no UTF-8 are shown as such, and passed on as they came.
    return fields.string(key).decode(errors="replace") if key in fields else ""
