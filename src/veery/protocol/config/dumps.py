"""What a device saves of an object (07.9): a private form, kept in the device's own encrypted store.

A dict of bt values: `v` version of the form, `k` domain, `p` phase, `m` and `h` message and its hash, `b` the data that
a draft's diff is counted from, `c` and `o` current and obsolete storage hashes, `s` incomplete sets of parts, `d`
completed ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery.protocol import bt
from veery.protocol.config import data as config_data
from veery.protocol.config import message as messages
from veery.protocol.config.diff import NOTHING
from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.config.parts import NO_PARTS, PartSet, PartSets
from veery.protocol.config.state import FRESH, Draft, ObjectState, Phase
from veery.protocol.constants import CONFIG_DUMP_MAX

_VERSION: Final = 1


def dump(state: ObjectState, domain: bytes) -> bytes:
    """The bytes of a state."""
    content = state.content
    message = content.finished(None) if isinstance(content, Draft) else content
    fields: dict[bytes, bt.Encodable] = {
        b"v": _VERSION,
        b"k": domain,
        b"p": int(state.phase),
        b"m": message.raw,
        b"h": message.hash,
        b"c": sorted(state.current),
        b"o": sorted(state.obsolete),
        b"s": [_dump_set(name, held) for name, held in state.parts.open.items()],
        b"d": [[name, until] for name, until in state.parts.done.items()],
    }
    if isinstance(content, Draft):
        fields[b"b"] = config_data.encodable(content.base)
    return bt.encode(fields)


def _dump_set(name: bytes, held: PartSet) -> bt.Encodable:
    chunks: list[bt.Encodable] = [[index, chunk, held.storage_hashes[index]] for index, chunk in held.chunks.items()]
    return [name, held.count, held.expires_ms, chunks]


def load(saved: bytes, domain: bytes) -> ObjectState:
    """The state in `saved`. Raises ConfigMalformed: `config.dump`, also for the dump of another configuration."""
    if len(saved) > CONFIG_DUMP_MAX:
        raise _broken()
    try:
        fields = bt.decode_dict(saved)
        if fields.get(b"v") != _VERSION or fields.get(b"k") != domain:
            raise _broken()
        phase = Phase(_number(fields.get(b"p")))
        return ObjectState(
            phase=phase,
            content=_content(fields, phase),
            current=frozenset(_text(name) for name in _items(fields.get(b"c"))),
            obsolete=frozenset(_text(name) for name in _items(fields.get(b"o"))),
            parts=_parts(fields),
        )
    except (bt.BtMalformed, ConfigMalformed, ValueError):
        raise _broken() from None


def as_known(saved: bytes) -> tuple[bytes, int, bool]:
    """What a dump is worth on another device, later: the dump, its seqno, and whether it waits to be confirmed.

    A draft becomes what it was based on, with seqno 0: it is known, and has no part in a merge, for whoever wrote the
    draft may have gone on with it. What was handed out stays, for what followed contains it. Nothing is obsolete, and
    no part of a set is held. Raises ConfigMalformed: `config.dump`.
    """
    domain = _domain(saved)
    held = load(saved, domain)
    content = held.content
    if isinstance(content, Draft):
        known = messages.build(messages.EMPTY.seqno, content.base, (), NOTHING)
        after = replace(FRESH, content=known)
    else:
        after = replace(held, obsolete=frozenset(), parts=NO_PARTS)
    return dump(after, domain), after.seqno, after.phase is not Phase.CLEAN


def _domain(saved: bytes) -> bytes:
    try:
        return _bytes(bt.decode_dict(saved).get(b"k"))
    except bt.BtMalformed:
        raise _broken() from None


def _broken() -> ConfigMalformed:
    return ConfigMalformed(
        "the saved state of a configuration cannot be read",
        kind="config.dump",
        remedy="It can be fetched again from the network; changes that were not yet stored there are lost",
    )


def _content(fields: dict[bytes, bt.Value], phase: Phase) -> messages.Message | Draft:
    raw = _bytes(fields.get(b"m"))
    message = messages.parse(raw)
    if phase is Phase.DIRTY:
        base = config_data.read(fields[b"b"]) if b"b" in fields else config_data.EMPTY
        return Draft(message.seqno, base, message.data, message.rows, message.unknown)
    # These are the bytes that this device fixed or has verified, signature and all: they may have to go out again.
    return replace(message, raw=raw, hash=_bytes(fields.get(b"h")))


def _parts(fields: dict[bytes, bt.Value]) -> PartSets:
    sets: dict[bytes, PartSet] = {}
    for item in _items(fields.get(b"s")):
        name, count, expires_ms, chunks = _items(item)
        rows = [_items(row) for row in _items(chunks)]
        sets[_bytes(name)] = PartSet(
            _number(count),
            {_number(index): _bytes(chunk) for index, chunk, _ in rows},
            {_number(index): _text(storage_hash) for index, _, storage_hash in rows},
            _number(expires_ms),
        )
    done = [_items(item) for item in _items(fields.get(b"d"))]
    return PartSets(sets, {_bytes(name): _number(until) for name, until in done})


def _items(value: bt.Value | None) -> list[bt.Value]:
    if not isinstance(value, list):
        raise _broken()
    return value


def _number(value: bt.Value | None) -> int:
    if not isinstance(value, int):
        raise _broken()
    return value


def _bytes(value: bt.Value | None) -> bytes:
    if not isinstance(value, bytes):
        raise _broken()
    return value


def _text(value: bt.Value) -> str:
    return _bytes(value).decode()
