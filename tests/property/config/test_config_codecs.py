"""Configuration data, diffs, messages, storage form, parts and dumps: round trips, and bytes of strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.config.strategies import ACCOUNT, DATA, KEYS, NOW_MS, VALUES, trees
from veery.errors import ProtocolError
from veery.protocol import bt
from veery.protocol.config import (
    CONTACTS,
    AccountSealer,
    ConfigMalformed,
    ConfigObject,
    ConfigRefused,
    GroupSealer,
    community_url,
    compression,
    dumps,
    legacy_wrapper,
    message,
    parts,
    storage_form,
)
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import Data, Value
from veery.protocol.config.parts import NO_PARTS, Part
from veery.protocol.constants import CONFIG_PART_FRAMING, DATA_MAX
from veery.protocol.content import SharedConfigKind
from veery.secret import Secret

KEY = Secret(b"k" * 32)
SEALER = AccountSealer(ACCOUNT)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


@given(DATA)
def test_data_round_trip(data: Data) -> None:
    encoded = bt.encode(config_data.encodable(data))
    assert config_data.read(bt.decode(encoded)) == data
    config_data.check(data)
    assert config_data.pruned(data) == data


@given(DATA, PATHS, VALUES)
def test_edits_touch_one_path(data: Data, path: tuple[bytes, ...], value: Value) -> None:
    after = config_data.put(data, path, value)
    assert config_data.get(after, path) == value
    assert config_data.changed_keys(data, after) <= {path[0]}
    erased = config_data.put(after, path, None)
    assert config_data.get(erased, path) is None
    assert config_data.pruned(erased) == erased
    assert config_data.changed_keys(data, erased) <= {path[0]}


@given(DATA, DATA)
def test_a_diff_leads_from_one_to_the_other(old: Data, new: Data) -> None:
    change = config_diff.between(old, new)
    assert (old == new) == (not change)
    held = config_diff.mutable_copy(old)
    config_diff.replay(held, change, new)
    assert config_data.pruned(held) == new
    assert config_diff.read(bt.decode(bt.encode(config_diff.encodable(change)))) == change


@given(trees(), st.dictionaries(st.sampled_from([b"$", b"%x", b"0", b">", b"}"]), st.integers(0, 9) | KEYS))
def test_message_round_trip(held: list[message.Message], unknown: dict[bytes, bt.Value]) -> None:
    last = held[-1]
    built = message.build(last.seqno, last.data, last.rows, last.diff, unknown=unknown)
    assert message.parse(built.raw) == built
    assert message.parse(built.raw + b"behind").raw == built.raw
    assert message.parse(built.raw + b"behind").hash != built.hash


@given(trees(size=3), st.data())
def test_mutated_messages_give_named_errors(held: list[message.Message], data: st.DataObject) -> None:
    raw = bytearray(held[-1].raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"i", b"e", b"l", b"d", b"0:", b"1:~", b"9", b"-", b"le", b"de", b"i-0e"])
        )
    try:
        found = message.parse(bytes(raw))
    except (ConfigMalformed, ConfigRefused):
        return
    again = message.build(found.seqno, found.data, found.rows, found.diff, unknown=found.unknown)
    assert message.parse(again.raw).data == found.data


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"d1:#i5e" + rest))
def test_strange_bytes_are_no_message(raw: bytes) -> None:
    try:
        message.parse(raw)
    except (ConfigMalformed, ConfigRefused):
        pass


@given(st.binary(min_size=1, max_size=3_000), st.integers(1, 40))
def test_storage_form_round_trip(body: bytes, times: int) -> None:
    plain = b"d" + body * times
    padded = storage_form.padded(plain)
    stored = storage_form.encrypt(padded, KEY, b"Contacts")
    assert len(stored) % 256 == 0
    assert stored == storage_form.encrypt(storage_form.padded(plain), KEY, b"Contacts")
    opened = storage_form.decrypt(stored, [Secret(bytes(32)), KEY], b"Contacts")
    assert storage_form.inflated(storage_form.unpadded(opened)) == plain


@given(st.binary(max_size=400), st.integers(0, 2**40))
def test_wrapper_round_trip(data: bytes, seqno: int) -> None:
    wrapped = legacy_wrapper.wrap(ACCOUNT, SharedConfigKind.CONTACTS, seqno, data)
    assert legacy_wrapper.wrap(ACCOUNT, SharedConfigKind.CONTACTS, seqno, data) == wrapped
    assert legacy_wrapper.unwrap(ACCOUNT, SharedConfigKind.CONTACTS, wrapped) == data
    with pytest.raises(ConfigRefused):
        legacy_wrapper.unwrap(ACCOUNT, SharedConfigKind.USER_GROUPS, wrapped)


@given(st.binary(max_size=300))
def test_strange_bytes_do_not_unwrap(data: bytes) -> None:
    with pytest.raises((ConfigMalformed, ConfigRefused)):
        legacy_wrapper.unwrap(ACCOUNT, SharedConfigKind.CONTACTS, data)


@given(st.binary(max_size=400), st.integers(1, 100))
def test_inflating_is_bounded(data: bytes, limit: int) -> None:
    packed = compression.deflate(data)
    if 0 < len(data) <= limit:
        assert compression.inflate(packed, limit) == data
    else:
        with pytest.raises(ConfigMalformed):
            compression.inflate(packed, limit)


@given(st.binary(max_size=100), st.booleans())
def test_strange_bytes_do_not_inflate(data: bytes, framed: bool) -> None:
    try:
        found = compression.inflate(b"\x28\xb5\x2f\xfd" + data if framed else data, 1_000)
    except ConfigMalformed:
        return
    assert 0 < len(found) <= 1_000


# -- parts -----------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=40), st.integers(DATA_MAX, 4 * DATA_MAX), st.data())
def test_cut_parts_join_in_any_order(body: bytes, size: int, data: st.DataObject) -> None:
    padded = (body * (size // len(body) + 1))[:size]
    assert parts.needs_parts(padded)
    plains = parts.cut(padded)
    pieces = [parts.read(storage_form.unpadded(plain)) for plain in plains]
    framing = [len(plain) - len(part.chunk) for plain, part in zip(plains, pieces, strict=True)]
    assert set(framing) == {CONFIG_PART_FRAMING}
    sets, joined = NO_PARTS, None
    for index in data.draw(st.permutations(range(len(pieces)))):
        assert joined is None
        sets, joined = parts.collect(sets, pieces[index], f"h{index}", NOW_MS)
    assert joined is not None
    assert joined.padded == padded
    assert joined.storage_hashes == {f"h{index}" for index in range(len(pieces))}
    assert parts.collect(sets, pieces[0], "late", NOW_MS) == (sets, None)


PARTS = st.builds(
    Part,
    st.sampled_from([bytes(32), b"1" * 32]),
    st.integers(0, 3),
    st.integers(2, 4),
    st.binary(min_size=1, max_size=3),
).filter(lambda part: part.index < part.count)


@given(st.lists(PARTS, max_size=12))
def test_strange_parts_never_join(pieces: list[Part]) -> None:
    sets = NO_PARTS
    for part in pieces:
        try:
            sets, joined = parts.collect(sets, part, "h", NOW_MS)
        except ConfigMalformed:
            continue
        assert joined is None
        assert all(len(held.chunks) < held.count for held in sets.open.values())


@given(st.binary(max_size=80))
def test_strange_bytes_are_no_part(rest: bytes) -> None:
    try:
        part = parts.read(b"m" + rest)
    except ConfigMalformed:
        return
    assert part.index < part.count


# -- objects and dumps -----------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=120), max_size=4), DATA)
def test_strange_bytes_change_nothing(stored: list[bytes], data: Data) -> None:
    for sealer in (SEALER, GroupSealer([KEY])):
        held = ConfigObject(CONTACTS, sealer)
        held.change(data)
        before = held.dump()
        merged = held.merge([(f"h{index}", each) for index, each in enumerate(stored)], NOW_MS)
        assert held.dump() == before
        assert not merged.accepted
        assert not merged.changed
        assert len(merged.refused) == len(stored)
        assert all(isinstance(error, ProtocolError) and error.kind for error in merged.refused.values())


@given(st.binary(max_size=120), st.booleans())
def test_hostile_plaintext_changes_nothing(plain: bytes, packed: bool) -> None:
    body = b"z" + compression.deflate(plain) if packed else plain
    stored = storage_form.encrypt(body.rjust(216, b"\0"), ACCOUNT.seed32, CONTACTS.domain)
    held = ConfigObject(CONTACTS, SEALER)
    held.change({b"c": 1})
    before = held.dump()
    merged = held.merge([("h", stored)], NOW_MS)
    assert merged.accepted | merged.refused.keys() == {"h"}
    if merged.refused:
        assert held.dump() == before


@given(DATA, DATA, st.sampled_from(["changed", "pushed", "confirmed"]), st.data())
def test_dump_round_trip(first: Data, second: Data, until: str, data: st.DataObject) -> None:
    held = ConfigObject(CONTACTS, SEALER)
    held.change(first)
    held.confirm(held.push(NOW_MS).seqno, ["h1"])
    held.change(second)
    if until != "changed":
        seqno = held.push(NOW_MS).seqno
        if until == "confirmed":
            held.confirm(seqno, ["h2"])
    saved = held.dump()
    again = ConfigObject(CONTACTS, SEALER, saved=saved)
    assert again.dump() == saved
    assert (again.message().raw, again.phase) == (held.message().raw, held.phase)
    assert (again.current_hashes, again.obsolete_hashes) == (held.current_hashes, held.obsolete_hashes)
    third = data.draw(DATA)
    again.change(third)
    held.change(third)
    assert again.message().raw == held.message().raw
    with pytest.raises(ConfigMalformed):
        dumps.load(saved, b"UserGroups")


@given(DATA, st.data())
def test_broken_dumps_are_refused(content: Data, data: st.DataObject) -> None:
    held = ConfigObject(CONTACTS, SEALER)
    held.change(content)
    saved = bytearray(held.dump())
    at = data.draw(st.integers(0, len(saved) - 1))
    saved[at] = data.draw(st.integers(0, 255))
    try:
        dumps.load(bytes(saved), CONTACTS.domain)
    except ConfigMalformed as error:
        assert error.kind == "config.dump"


# -- URLs ------------------------------------------------------------------------------------------------------

HOSTS = st.from_regex(r"[A-Za-z0-9-]{1,8}(\.[A-Za-z0-9-]{1,8}){1,3}", fullmatch=True).filter(lambda host: len(host) > 3)


@given(st.sampled_from(["http", "HTTPS"]), HOSTS, st.none() | st.integers(0, 65_535), st.sampled_from(["", "/"]))
def test_canonical_urls_are_stable(scheme: str, host: str, port: int | None, slash: str) -> None:
    found = community_url.canonical_base_url(f"{scheme}://{host}{'' if port is None else f':{port}'}{slash}")
    assert community_url.canonical_base_url(found) == found
    assert found.startswith(f"{scheme.lower()}://{host.lower()}")


@given(HOSTS, st.from_regex(r"[-_0-9A-Za-z]{1,64}", fullmatch=True), st.binary(min_size=32, max_size=32))
def test_full_urls_round_trip(host: str, room: str, key: bytes) -> None:
    url = community_url.CommunityUrl(f"https://{host.lower()}", room, key)
    assert community_url.parse(str(url)) == url
    assert community_url.parse_join(f" {url}\n") == url


@given(st.text(max_size=60) | st.text(alphabet="htps:/.a0@?#r=%", max_size=30))
def test_strange_text_is_no_url(text: str) -> None:
    for parse in (community_url.parse, community_url.parse_join, community_url.canonical_base_url):
        try:
            parse(text)
        except ConfigMalformed:
            continue
