"""What members of a swarm send each other when the swarm changes: pushed messages and the handshake before (05.4).

`sn.data` carries one part: the byte 01 and a bt list of lists `[account, hash, timestamp, expiry, data, namespace]`.
Older nodes write five elements; the namespace then reads as 0. `sn.data_ready` carries a bt dict with the sender's
version and whether it wants a dump of the receiver's messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from veery.errors import Malformed, Misuse
from veery.protocol import bt
from veery.protocol.constants import ACCOUNT_ID_SIZE, PUSH_BATCH_MAX, PUSH_VERSION, QUEUE_MESSAGE_MAX

TAKEN: Final[tuple[tuple[bytes, ...], ...]] = ((), (b"",), (b"OK",))  # what a pusher is answered, 05.4.1, 15.4
READY: Final = b"OK"  # the receiver waits for a push
READY_UNKNOWN: Final = b"Remote not recognized as SN"
READY_MISMATCH: Final = b"Swarm mismatch"  # the receiver does not see the sender in its swarm yet
READY_NO_CONTACT: Final = b"Contact info missing"
READY_NO_PAYLOAD: Final = b"Request payload missing"
READY_MALFORMED: Final = b"Request payload malformed."

_NAMESPACE_MIN, _NAMESPACE_MAX = -(2**15), 2**15 - 1
_TIME_MAX: Final = 2**63 - 1
_FRAME: Final = len(b"\x01le")
_VERSION_KEY, _DUMP_KEY = b"#", b"t"
_MINOR, _MAJOR = 100, 10_000


class PushMalformed(Malformed):
    """A pushed blob or a handshake is not in the form of 05.4. Nothing of it may be stored."""

    default_kind = "protocol.push"


@dataclass(frozen=True, slots=True)
class PushedMessage:
    """One stored message as members pass it on. Times in ms; `hash` are the bytes of its text, 43 where deployed."""

    account: bytes
    hash: bytes
    timestamp_ms: int
    expiry_ms: int
    data: bytes
    namespace: int = 0


def encode_push(messages: Iterable[PushedMessage], *, with_namespace: bool = True) -> bytes:
    """One blob of all messages, whatever its size (see `batches`). Raises Misuse for values that do not fit."""
    return _blob([_encode(message, with_namespace) for message in messages])


def batches(
    messages: Iterable[PushedMessage], *, largest: int = PUSH_BATCH_MAX, with_namespace: bool = True
) -> Iterator[bytes]:
    """Blobs of at most `largest` bytes each, in order; a message that is longer alone makes a blob of its own."""
    items: list[bytes] = []
    size = _FRAME
    for message in messages:
        item = _encode(message, with_namespace)
        if items and size + len(item) > largest:
            yield _blob(items)
            items, size = [], _FRAME
        items.append(item)
        size += len(item)
    if items:
        yield _blob(items)


def _blob(items: Sequence[bytes]) -> bytes:
    return b"".join((bytes((PUSH_VERSION,)), b"l", *items, b"e"))


def _encode(message: PushedMessage, with_namespace: bool) -> bytes:
    if len(message.account) != ACCOUNT_ID_SIZE or not _NAMESPACE_MIN <= message.namespace <= _NAMESPACE_MAX:
        raise Misuse("the account or namespace of a pushed message does not fit")
    if not 0 <= message.timestamp_ms <= _TIME_MAX or not 0 <= message.expiry_ms <= _TIME_MAX:
        raise Misuse("a time of a pushed message does not fit")
    row: list[bytes | int] = [message.account, message.hash, message.timestamp_ms, message.expiry_ms, message.data]
    return bt.encode([*row, message.namespace] if with_namespace else row)


def decode_push(blob: bytes) -> tuple[PushedMessage, ...]:
    """Read a blob of five or six elements a message. Raises PushMalformed or BtMalformed; then nothing may be stored.

    That hashes match their messages is not checked here.
    """
    if len(blob) > QUEUE_MESSAGE_MAX:
        raise PushMalformed("the blob is longer than the queue carries", kind="protocol.push.size")
    if blob[:1] != bytes((PUSH_VERSION,)):
        raise PushMalformed("the first byte of the blob is not 1", kind="protocol.push.version")
    return tuple(_decode(row) for row in bt.decode_list(blob[1:]))


def _decode(row: bt.Value) -> PushedMessage:
    match row:
        case [bytes(account), bytes(name), int(timestamp), int(expiry), bytes(data), *rest]:
            namespace = rest[0] if rest else 0
        case _:
            raise PushMalformed("a pushed message is not a list of its parts")
    if len(account) != ACCOUNT_ID_SIZE:
        raise PushMalformed(f"the account of a pushed message is not {ACCOUNT_ID_SIZE} bytes")
    if len(rest) > 1 or not isinstance(namespace, int) or not _NAMESPACE_MIN <= namespace <= _NAMESPACE_MAX:
        raise PushMalformed("the namespace of a pushed message is not a number of 16 bits")
    if not 0 <= timestamp <= _TIME_MAX or not 0 <= expiry <= _TIME_MAX:
        raise PushMalformed("a time of a pushed message is out of range")
    return PushedMessage(account, name, timestamp, expiry, data, namespace)


# -- the handshake (05.4.2) ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataReady:
    """`sn.data_ready`: the sender's version, and whether it wants a dump. `version` None: an older node, no payload."""

    version: tuple[int, int, int] | None
    wants_dump: bool = False


def encode_ready(ready: DataReady) -> list[bytes]:
    """The parts of a request; none for a DataReady without version. Raises Misuse for a version that does not fit."""
    if ready.version is None:
        return []
    return [bt.encode({_VERSION_KEY: _pack_version(ready.version), _DUMP_KEY: int(ready.wants_dump)})]


def decode_ready(parts: Sequence[bytes]) -> DataReady:
    """Read the parts of a request. Raises PushMalformed (answer `READY_MALFORMED`); unknown keys are skipped."""
    if not parts:
        return DataReady(None)
    payload = _dict(parts[0])
    wants = payload.get(_DUMP_KEY)
    if wants not in (0, 1):
        raise PushMalformed("the handshake does not tell whether a dump is wanted")
    return DataReady(_unpack_version(payload), wants == 1)


def encode_ready_reply(version: tuple[int, int, int]) -> list[bytes]:
    """The parts of the reply of a node that is ready. Raises Misuse for a version that does not fit."""
    return [READY, bt.encode({_VERSION_KEY: _pack_version(version)})]


def decode_ready_reply(parts: Sequence[bytes]) -> DataReady | None:
    """Read a reply: None when the receiver is not ready; its version, if it tells one. Raises PushMalformed."""
    if not parts or parts[0] != READY:
        return None
    return DataReady(_unpack_version(_dict(parts[1])) if len(parts) > 1 else None)


def _dict(data: bytes) -> dict[bytes, bt.Value]:
    try:
        return bt.decode_dict(data)
    except bt.BtMalformed:
        raise PushMalformed("the payload of the handshake is not a bt dict") from None


def _pack_version(version: tuple[int, int, int]) -> int:
    major, minor, patch = version
    if not (0 <= major < 2**31 and 0 <= minor < _MINOR and 0 <= patch < _MINOR):
        raise Misuse("the parts of a version must be below 100")
    return major * _MAJOR + minor * _MINOR + patch


def _unpack_version(payload: dict[bytes, bt.Value]) -> tuple[int, int, int]:
    packed = payload.get(_VERSION_KEY)
    if not isinstance(packed, int) or packed < 0:
        raise PushMalformed("the handshake tells no version")
    return packed // _MAJOR, packed // _MINOR % _MINOR, packed % _MINOR
