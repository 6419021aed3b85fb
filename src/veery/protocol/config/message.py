"""One configuration message: a versioned document with the diffs of the messages that it follows (07.3).

    d 1:# seqno  1:& data  1:< [[seqno, hash, diff]...]  1:= diff  (1:~ signature) e

The hash of a message is over its plaintext as it is on the wire, so a message keeps its bytes and hash. Diffs of
messages that are `lag` or more behind are neither written nor read. Top-level keys that the chapter does not know are
kept in changes of a message, and lost in merges (07.12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from veery.protocol import bt, crypto
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import INTEGER_MAX, Data
from veery.protocol.config.diff import Diff
from veery.protocol.config.errors import ConfigMalformed, ConfigRefused
from veery.protocol.config.scan import TopLevel, top_level
from veery.protocol.constants import CONFIG_LAG, CONFIG_MESSAGE_MAX, KEY_SIZE, SIGNATURE_SIZE
from veery.secret import Secret

_SEQNO: Final = b"#"
_DATA: Final = b"&"
_ROWS: Final = b"<"
_DIFF: Final = b"="
_SIGNATURE: Final = b"~"
_SIGNATURE_HEAD: Final = b"1:~64:"
_NO_KEYS: Final[Mapping[bytes, bt.Value]] = {}
_KNOWN: Final = frozenset({_SEQNO, _DATA, _ROWS, _DIFF, _SIGNATURE})


@dataclass(frozen=True, slots=True, repr=False)
class LaggedDiff:
    """The diff of an earlier message: its seqno, its hash (32 bytes), and what it changed."""

    seqno: int
    hash: bytes
    diff: Diff

    @property
    def place(self) -> tuple[int, bytes]:
        """What the diffs are ordered by."""
        return self.seqno, self.hash


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """A whole message. rows: ascending, only those within the lag; unknown: top-level keys of later versions.

    raw: the bytes to store; hash: 32 bytes, of the bytes that were received, which differ from raw only when those had
    a form that is tolerated and never written (07.12.5, 07.12.6).
    """

    seqno: int
    data: Data
    rows: tuple[LaggedDiff, ...]
    diff: Diff
    unknown: Mapping[bytes, bt.Value]
    raw: bytes
    hash: bytes

    @property
    def place(self) -> tuple[int, bytes]:
        """What messages are ordered by: seqno, then hash as bytes."""
        return self.seqno, self.hash

    def __repr__(self) -> str:
        return f"<config message {self.seqno}, {len(self.raw)} bytes>"


# -- building --------------------------------------------------------------------------------------------------


def window(rows: Iterable[LaggedDiff], seqno: int, lag: int = CONFIG_LAG) -> tuple[LaggedDiff, ...]:
    """The rows that a message of this seqno carries: seqno - lag < row < seqno, ascending, 07.3."""
    return tuple(sorted((row for row in rows if seqno - lag < row.seqno < seqno), key=lambda row: row.place))


def build(
    seqno: int,
    data: Data,
    rows: Iterable[LaggedDiff],
    diff: Diff,
    *,
    unknown: Mapping[bytes, bt.Value] = _NO_KEYS,
    sign_key: Secret | None = None,
    lag: int = CONFIG_LAG,
) -> Message:
    """Build a message from pruned data. sign_key: Ed25519 secret of 64 bytes, for the documents of groups.

    Equal arguments give equal bytes.
    """
    kept = window(rows, seqno, lag)
    pieces: dict[bytes, bytes] = {key: bt.encode(value) for key, value in unknown.items()}
    pieces[_SEQNO] = bt.encode(seqno)
    pieces[_DATA] = bt.encode(config_data.encodable(data))
    pieces[_ROWS] = b"l" + b"".join(_encode_row(row) for row in kept) + b"e"
    pieces[_DIFF] = bt.encode(config_diff.encodable(diff))
    body = b"d" + b"".join(bt.encode(key) + pieces[key] for key in sorted(pieces))
    if sign_key is not None:
        body += bt.encode(_SIGNATURE) + bt.encode(crypto.ed25519_sign(sign_key.reveal(), body))
    raw = body + b"e"
    return Message(seqno, data, kept, diff, unknown, raw, message_hash(raw))


def _encode_row(row: LaggedDiff) -> bytes:
    return bt.encode([row.seqno, row.hash, config_diff.encodable(row.diff)])


def message_hash(raw: bytes) -> bytes:
    """The hash that rows name a message by: BLAKE2b-32 of its plaintext. Not the storage hash, 07.3."""
    return crypto.blake2b(KEY_SIZE, raw)


EMPTY: Final = build(0, config_data.EMPTY, (), config_diff.NOTHING)  # what a fresh object holds


# -- parsing ---------------------------------------------------------------------------------------------------


def parse(raw: bytes, *, verify_key: bytes | None = None, lag: int = CONFIG_LAG) -> Message:
    """Read a message of at most CONFIG_MESSAGE_MAX bytes. verify_key: Ed25519 key that must have signed it (groups).

    Bytes behind the message are tolerated and count for its hash, 07.12.
    Raises ConfigMalformed: `config.size`, `.bt`, `.type`, `.count`, `.key`, `.seqno`, `.rows`, `.signature_size`, and
    what `data.read` and `diff.read` raise; ConfigRefused: `config.refused.unsigned`, `.signature`.
    """
    if len(raw) > CONFIG_MESSAGE_MAX:
        raise ConfigMalformed(f"more than {CONFIG_MESSAGE_MAX} bytes", kind="config.size")
    signature_at = None if verify_key is None else _verified(raw, verify_key)
    try:
        top = top_level(raw)
    except bt.BtMalformed:
        raise ConfigMalformed("the bytes are not bt-encoded", kind="config.bt") from None
    message = _read(raw, top, lag)
    if signature_at is None:
        return _as_written(message, top)
    if top.starts.get(_SIGNATURE) != signature_at:
        raise ConfigMalformed("the signature is not where it belongs", kind="config.key")
    return message


def is_signed(raw: bytes, verify_key: bytes) -> bool:
    """Whether a message ends with a signature by this key."""
    try:
        return _verified(raw, verify_key) + len(_SIGNATURE_HEAD) + SIGNATURE_SIZE + 1 == len(raw)
    except ConfigRefused:
        return False


def _read(raw: bytes, top: TopLevel, lag: int) -> Message:
    fields, keys = top.fields, list(top.fields)
    # a key before # marks a version that older clients must not read; one after ~ would not be signed
    if not keys or keys[0] != _SEQNO or keys[-1] > _SIGNATURE:
        raise ConfigMalformed("a message begins with # and ends with ~ at the latest", kind="config.key")
    if _DATA not in fields or keys[-1] < _DIFF:
        raise ConfigMalformed("a message needs & and =", kind="config.key")
    signature = fields.get(_SIGNATURE)
    if signature is not None and not (isinstance(signature, bytes) and len(signature) == SIGNATURE_SIZE):
        raise ConfigMalformed(f"a signature has {SIGNATURE_SIZE} bytes", kind="config.signature_size")
    seqno = _read_seqno(fields[_SEQNO])
    return Message(
        seqno=seqno,
        data=config_data.read(fields[_DATA]),
        rows=_read_rows(fields.get(_ROWS, []), seqno, lag),
        diff=config_diff.read(fields.get(_DIFF, {})),
        unknown={key: value for key, value in fields.items() if key not in _KNOWN},
        raw=raw[: top.end],
        hash=message_hash(raw),
    )


def _as_written(message: Message, top: TopLevel) -> Message:
    """The message as this device would write it: with all four keys, and without a signature that nobody checked."""
    if _ROWS in top.fields and _DIFF in top.fields and _SIGNATURE not in top.fields:
        return message
    again = build(message.seqno, message.data, message.rows, message.diff, unknown=message.unknown)
    return replace(message, raw=again.raw)


def _read_seqno(value: bt.Value) -> int:
    # the largest one is refused because no message could follow it
    if not isinstance(value, int) or value >= INTEGER_MAX:
        raise ConfigMalformed("the seqno is no integer of 63 bits", kind="config.seqno")
    return value


def _read_rows(value: bt.Value, seqno: int, lag: int) -> tuple[LaggedDiff, ...]:
    if not isinstance(value, list):
        raise ConfigMalformed("the lagged diffs must be a list", kind="config.rows")
    found: list[LaggedDiff] = []
    for item in value:
        row = _read_row(item, seqno, lag)
        if row is None:
            continue
        if found and row.place <= found[-1].place:
            raise ConfigMalformed("the lagged diffs are not in ascending order", kind="config.rows")
        found.append(row)
    return tuple(found)


def _read_row(item: bt.Value, seqno: int, lag: int) -> LaggedDiff | None:
    if not isinstance(item, list) or not item or not isinstance(item[0], int) or item[0] >= seqno:
        raise ConfigMalformed("a lagged diff must begin with an earlier seqno", kind="config.rows")
    if item[0] <= seqno - lag:
        return None
    if len(item) != 3 or not isinstance(item[1], bytes) or len(item[1]) != KEY_SIZE:
        raise ConfigMalformed("a lagged diff is a seqno, a hash of 32 bytes and a diff", kind="config.rows")
    return LaggedDiff(item[0], item[1], config_diff.read(item[2]))


def _verified(raw: bytes, verify_key: bytes) -> int:
    """Check the signature and tell where it begins.

    This comes before anything is parsed: who has no more than a group's key can make others open large messages.
    """
    at = raw.rfind(_SIGNATURE_HEAD)
    if at < 0:
        raise ConfigRefused("the message is not signed", kind="config.refused.unsigned")
    start = at + len(_SIGNATURE_HEAD)
    if not crypto.ed25519_verifies(verify_key, raw[:at], raw[start : start + SIGNATURE_SIZE]):
        raise ConfigRefused("the signature does not verify", kind="config.refused.signature")
    return at
