"""A `DeviceGroup` as bytes for the encrypted store, and back.

The bytes hold every secret of the group. They are written anew as a whole, so what was deleted from the value is gone
from them; the store must erase the old bytes for real (06.18.4 R7). What belongs to the running process is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.policy.device_group import Admission, DeviceGroup, Farewell, OwnRequest, Prompt, SeenGroup
from veery.policy.key_rotation import DeletionClock, DeviceKey, DeviceKeys
from veery.protocol import bt, bt_raw
from veery.protocol.bt import BtMalformed
from veery.protocol.bt_raw import RawDict
from veery.protocol.constants import DEVICE_ID_SIZE, EMOJI_COUNT, EMOJI_SHORT, GROUP_ID_SIZE, KEY_SEED_SIZE, KEY_SIZE
from veery.protocol.devices import AccountKey, AccountKeys, DeviceState, GroupId, payload, record
from veery.protocol.devices.emoji import TABLE, EmojiString
from veery.protocol.devices.faults import reading
from veery.protocol.devices.link_request import LinkRequest
from veery.protocol.devices.table import Row
from veery.secret import Secret

_FORM: Final = 1  # of the bytes; a later build that changes it reads this one too
_KIND: Final = "policy.devices.kept"

_Fields = dict[bytes, bt.Encodable]


def encode(state: DeviceGroup) -> bytes:
    """The bytes of a value."""
    fields: _Fields = {
        b"": _FORM,
        b"id": state.own_id,
        b"device_keys": [_device_key(key) for key in state.device_keys],
        b"deletion": state.deletion.now_ms,
        b"rows": {device: _row(row) for device, row in state.rows.items()},
        b"account_keys": [_account_key(key) for key in state.account_keys],
        b"pushed": state.pushed_seqno,
        b"broadcast": sorted(state.broadcast),
        b"merged": dict(state.merged),
        b"seen": {
            group.raw: {b"key": seen.link_key, b"newest": seen.newest_ms, b"expires": seen.expires_ms}
            for group, seen in state.seen.items()
        },
        b"requests": [_request(request) for request in state.requests],
        b"prompts": [_prompt(prompt) for prompt in state.prompts],
    }
    _put(fields, b"group", None if state.group is None else state.group.raw)
    _put(fields, b"last_read", state.last_read_ms)
    _put(fields, b"displaced", state.displaced_ms)
    _put(fields, b"held", None if state.held is None else _admission(state.held))
    _put(fields, b"farewell", None if state.farewell is None else _farewell(state.farewell))
    return bt.encode(fields)


def decode(data: bytes) -> DeviceGroup:
    """A value from its bytes. Raises DeviceMalformed `policy.devices.kept`."""
    with reading(_KIND):
        fields = bt_raw.read(data)
        if fields.integer(b"") != _FORM:
            raise BtMalformed("a later build has written this", kind="protocol.bt.range")
        rows, seen, merged = (fields.dict(key) for key in (b"rows", b"seen", b"merged"))
        own_id = fields.string(b"id", DEVICE_ID_SIZE)
        device_keys = tuple(_read_device_key(each) for each in fields.dicts(b"device_keys"))
        if own_id not in rows or not device_keys:
            raise BtMalformed("the own device is missing", kind="protocol.bt.missing")
        return DeviceGroup(
            own_id=own_id,
            device_keys=DeviceKeys(device_keys),
            deletion=DeletionClock(fields.integer(b"deletion")),
            rows={device: _read_row(rows.dict(device)) for device in rows.values},
            account_keys=AccountKeys(tuple(_read_account_key(each) for each in fields.dicts(b"account_keys"))),
            group=_read_group(fields, b"group"),
            last_read_ms=_find(fields, b"last_read"),
            displaced_ms=_find(fields, b"displaced"),
            pushed_seqno=fields.integer(b"pushed"),
            broadcast=frozenset(_strings(fields, b"broadcast")),
            merged={_text(hash): merged.integer(hash) for hash in merged.values},
            seen={_group_id(group): _read_seen(seen.dict(group)) for group in seen.values},
            requests=tuple(_read_request(each) for each in fields.dicts(b"requests")),
            held=_read_admission(fields.dict(b"held")) if b"held" in fields else None,
            prompts=tuple(_read_prompt(each) for each in fields.dicts(b"prompts")),
            farewell=_read_farewell(fields.dict(b"farewell")) if b"farewell" in fields else None,
        )


# -- writing ---------------------------------------------------------------------------------------------------


def _put(fields: _Fields, key: bytes, value: bt.Encodable | None) -> None:
    if value is not None:
        fields[key] = value


def _device_key(key: DeviceKey) -> _Fields:
    fields: _Fields = {b"seed": key.seed.reveal(), b"made": key.made_s, b"replaced": int(key.replaced)}
    _put(fields, b"retired", key.retired_s)
    return fields


def _account_key(key: AccountKey) -> _Fields:
    fields: _Fields = {b"seed": key.seed.reveal(), b"created": key.created_s, b"distributed": int(key.distributed)}
    _put(fields, b"rotated", key.rotated_s)
    return fields


def _row(row: Row) -> _Fields:
    fields: _Fields = {b"state": int(row.state), b"seqno": row.seqno}
    _put(fields, b"digest", row.digest)
    _put(fields, b"record", None if row.record is None else row.record.raw)
    _put(fields, b"gone", row.gone_s)
    return fields


def _request(request: OwnRequest) -> _Fields:
    return {
        b"group": request.group.raw,
        b"record": request.record.raw,
        b"emoji": request.emoji.indices,
        b"made": request.made_ms,
        b"deadline": request.deadline_ms,
        b"confirmed": int(request.confirmed),
    }


def _prompt(prompt: Prompt) -> _Fields:
    return {
        b"device": prompt.request.device,
        b"record": prompt.request.record.raw,
        b"plaintext": prompt.request.plaintext,
        b"expires": prompt.expires_ms,
        b"replaces": int(prompt.replaces),
        b"ignored": int(prompt.ignored),
    }


def _admission(held: Admission) -> _Fields:
    return {
        b"group": held.group.raw,
        b"payload": payload.encode(held.payload),
        b"hash": held.hash,
        b"stored": held.stored_ms,
    }


def _farewell(farewell: Farewell) -> _Fields:
    fields: _Fields = {b"hashes": sorted(farewell.hashes)}
    _put(fields, b"payload", None if farewell.payload is None else payload.encode(farewell.payload))
    _put(fields, b"group", None if farewell.group is None else farewell.group.raw)
    return fields


# -- reading ---------------------------------------------------------------------------------------------------


def _find(fields: RawDict, key: bytes) -> int | None:
    return fields.integer(key) if key in fields else None


def _strings(fields: RawDict, key: bytes) -> Iterable[bytes]:
    value = fields.values.get(key)
    if not isinstance(value, list):
        raise BtMalformed("a field is no list", kind="protocol.bt.type")
    for item in value:
        if not isinstance(item, bytes):
            raise BtMalformed("a list holds something else than strings", kind="protocol.bt.type")
        yield item


def _hashes(fields: RawDict, key: bytes) -> frozenset[str]:
    return frozenset(_text(each) for each in _strings(fields, key))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BtMalformed("text is not UTF-8", kind="protocol.bt.type") from None


def _group_id(raw: bytes) -> GroupId:
    if len(raw) != GROUP_ID_SIZE:
        raise BtMalformed("a group identifier has a wrong size", kind="protocol.bt.size")
    return GroupId(raw)


def _read_group(fields: RawDict, key: bytes) -> GroupId | None:
    return _group_id(fields.string(key)) if key in fields else None


def _read_device_key(fields: RawDict) -> DeviceKey:
    seed = Secret(fields.string(b"seed", KEY_SEED_SIZE))
    replaced = bool(fields.integer(b"replaced"))
    return DeviceKey(seed, fields.integer(b"made"), _find(fields, b"retired"), replaced)


def _read_account_key(fields: RawDict) -> AccountKey:
    seed = Secret(fields.string(b"seed", KEY_SEED_SIZE))
    distributed = bool(fields.integer(b"distributed"))
    return AccountKey(seed, fields.integer(b"created"), _find(fields, b"rotated"), distributed)


def _read_row(fields: RawDict) -> Row:
    return Row(
        state=DeviceState(fields.integer(b"state", high=max(DeviceState))),
        seqno=fields.integer(b"seqno"),
        digest=fields.string(b"digest") if b"digest" in fields else None,
        record=record.decode(fields.string(b"record")) if b"record" in fields else None,
        gone_s=_find(fields, b"gone"),
    )


def _read_seen(fields: RawDict) -> SeenGroup:
    return SeenGroup(fields.string(b"key", KEY_SIZE), fields.integer(b"newest"), fields.integer(b"expires"))


def _read_request(fields: RawDict) -> OwnRequest:
    return OwnRequest(
        group=_group_id(fields.string(b"group")),
        record=record.decode(fields.string(b"record")),
        emoji=_read_emoji(fields),
        made_ms=fields.integer(b"made"),
        deadline_ms=fields.integer(b"deadline"),
        confirmed=bool(fields.integer(b"confirmed")),
    )


def _read_emoji(fields: RawDict) -> EmojiString:
    indices = fields.values.get(b"emoji")
    if not isinstance(indices, list) or len(indices) != EMOJI_COUNT:
        raise BtMalformed("these are no emoji", kind="protocol.bt.type")
    known = tuple(index for index in indices if isinstance(index, int) and 0 <= index < len(TABLE))
    if len(known) != EMOJI_COUNT:
        raise BtMalformed("these are no emoji", kind="protocol.bt.range")
    return EmojiString(known, EMOJI_SHORT)


def _read_prompt(fields: RawDict) -> Prompt:
    request = LinkRequest(
        device=fields.string(b"device", DEVICE_ID_SIZE),
        record=record.decode(fields.string(b"record")),
        plaintext=fields.string(b"plaintext"),
    )
    replaces, ignored = bool(fields.integer(b"replaces")), bool(fields.integer(b"ignored"))
    return Prompt(request, fields.integer(b"expires"), replaces, ignored)


def _read_admission(fields: RawDict) -> Admission:
    return Admission(
        group=_group_id(fields.string(b"group")),
        payload=payload.decode(fields.string(b"payload")),
        hash=_text(fields.string(b"hash")),
        stored_ms=fields.integer(b"stored"),
    )


def _read_farewell(fields: RawDict) -> Farewell:
    content = payload.decode(fields.string(b"payload")) if b"payload" in fields else None
    return Farewell(content, _read_group(fields, b"group"), _hashes(fields, b"hashes"))
