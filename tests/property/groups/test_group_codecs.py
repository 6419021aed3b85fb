"""Keys, messages and notices of groups: round trips, and what strangers and the network can do to them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config.compression import deflate
from veery.protocol.config.data import EMPTY, Data
from veery.protocol.constants import GROUP_KEY_ENTRIES_STEP, GROUP_KEY_LIFE_MS, PREFIX_USER
from veery.protocol.crypto import CryptoFailed
from veery.protocol.groups import (
    GroupAdminKeys,
    GroupKey,
    GroupMalformed,
    GroupRefused,
    KeyList,
    key_list,
    key_messages,
    kicked_notice,
    members,
    messages,
    multi_recipient,
)
from veery.protocol.groups.members import Member
from veery.secret import Secret

NOW_MS = 1_795_600_000_000
ADMIN = GroupAdminKeys.from_seed(b"g" * 32)
OTHER_GROUP = GroupAdminKeys.from_seed(b"o" * 32)
PEOPLE = [Account.from_seed(bytes([index]) * 16) for index in range(1, 7)]
IDS = [person.account_id for person in PEOPLE]
OUTSIDER = Account.from_seed(b"x" * 16)
KEY = Secret(b"k" * 32)


def loaded(held: KeyList, raw: bytes, reader: Account | GroupAdminKeys, timestamp_ms: int = NOW_MS) -> KeyList:
    name = crypto.blake2b(8, raw).hex()
    return key_list.loaded(
        held, raw, storage_hash=name, timestamp_ms=timestamp_ms, group_public=ADMIN.public, reader=reader
    )


def keys_of(held: KeyList) -> list[bytes]:
    return [key.reveal() for key in held.decryption_keys]


# -- keys ------------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 5), min_size=1), st.integers(0, 2**40))
def test_every_member_reads_the_key_and_nobody_else(chosen: set[int], generation: int) -> None:
    rotation = key_messages.rotate(ADMIN, [IDS[index] for index in chosen], generation)
    assert len(key_messages.read(rotation.message, ADMIN.public).entries) % GROUP_KEY_ENTRIES_STEP == 0
    assert keys_of(loaded(key_list.EMPTY, rotation.message, ADMIN)) == [rotation.key.reveal()]
    for index, person in enumerate(PEOPLE):
        wanted = [rotation.key.reveal()] if index in chosen else []
        assert keys_of(loaded(key_list.EMPTY, rotation.message, person)) == wanted
    assert keys_of(loaded(key_list.EMPTY, rotation.message, OUTSIDER)) == []


@given(st.permutations(IDS), st.integers(0, 9))
def test_two_admins_write_the_same_message(order: list[AccountId], generation: int) -> None:
    one, two = key_messages.rotate(ADMIN, IDS, generation), key_messages.rotate(ADMIN, order, generation)
    assert one.message == two.message


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 5))
def test_supplements_give_history_to_newcomers_alone(generations: list[int], newcomer: int) -> None:
    keys = [
        GroupKey(generation, NOW_MS + index, Secret(bytes([index]) * 32))
        for index, generation in enumerate(sorted(generations))
    ]
    raw = key_messages.supplement(ADMIN, keys, [IDS[newcomer]])
    found = loaded(key_list.EMPTY, raw, PEOPLE[newcomer])
    assert [(key.generation, key.timestamp_ms, key.key.reveal()) for key in found.keys] == [
        (key.generation, key.timestamp_ms, key.key.reveal()) for key in keys
    ]
    assert loaded(key_list.EMPTY, raw, PEOPLE[(newcomer + 1) % 6]).keys == ()
    assert loaded(key_list.EMPTY, raw, ADMIN).keys == ()


ROTATION = key_messages.rotate(ADMIN, IDS[:2], 3).message
SUPPLEMENT = key_messages.supplement(ADMIN, [GroupKey(1, NOW_MS, KEY)], IDS[:1])


@given(st.sampled_from([ROTATION, SUPPLEMENT]), st.data())
def test_altered_key_messages_are_refused(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - 1))
    with_byte = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    for altered in (with_byte, cut, raw + b"e", b"d" + raw):
        with pytest.raises((GroupMalformed, GroupRefused)):
            key_messages.read(altered, ADMIN.public)


@given(
    st.dictionaries(
        st.sampled_from([b"#", b"+", b"G", b"K", b"k", b"later"]),
        st.sampled_from(
            [b"n" * 24, b"K" * 48, 0, 5, -1, 2**63, [], [b"k" * 48] * 75, [b"k" * 47] * 75, [b"s" * 68], [0]]
        ),
    ),
    st.sampled_from([b"s" * 64, b"s" * 63, None]),
)
def test_strange_fields_give_named_errors(fields: dict[bytes, bt.Encodable], forged: bytes | None) -> None:
    body = bt.encode(fields)[:-1]
    signature = ADMIN.sign(body) if forged is None else forged
    raw = body + bt.encode(b"~") + bt.encode(signature) + b"e"
    try:
        found = key_messages.read(raw, ADMIN.public)
    except (GroupMalformed, GroupRefused):
        return
    assert forged is None
    assert found.generation >= 0
    assert (found.admin_entry is None) == (b"+" in fields)


@given(st.binary(max_size=100))
def test_strange_bytes_are_no_key_message(raw: bytes) -> None:
    with pytest.raises((GroupMalformed, GroupRefused)):
        key_messages.read(raw, ADMIN.public)


STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 80)), min_size=1, max_size=12)


@given(STEPS)
@settings(max_examples=30)
def test_the_list_of_keys_keeps_its_rules(steps: list[tuple[int, int]]) -> None:
    held = key_list.EMPTY
    for index, (generation, days) in enumerate(steps):
        rotation = key_messages.rotate(ADMIN, IDS[: 1 + index % 3], generation)
        held = loaded(held, rotation.message, ADMIN, NOW_MS + days * 86_400_000)
        held = key_list.load(key_list.dump(held))
        places = [key.place for key in held.keys]
        assert places == sorted(places)
        assert len({(key.generation, key.key.reveal()) for key in held.keys}) == len(held.keys)
        older = [key for key in held.keys if key.generation > held.keys[0].generation]
        if older:
            newest = held.keys[-1].timestamp_ms
            successor = min(older, key=lambda key: key.place)
            assert newest - successor.timestamp_ms <= GROUP_KEY_LIFE_MS
        assert held.encryption_key is not None
        assert held.encryption_key.reveal() == held.keys[-1].key.reveal()
        assert held.active_hashes <= {name for names in held.hashes.values() for name in names}


@given(st.binary(max_size=80))
def test_broken_dumps_of_keys_are_refused(extra: bytes) -> None:
    saved = key_list.dump(loaded(key_list.EMPTY, ROTATION, ADMIN))
    for broken in (extra, saved[:-1], saved.replace(b"1:vi1e", b"1:vi2e"), saved + extra + b"x"):
        with pytest.raises(GroupMalformed) as caught:
            key_list.load(broken)
        assert caught.value.kind == "group.keys.dump"


# -- messages --------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=600), st.integers(1, 20), st.integers(0, 5), st.binary(min_size=24, max_size=24))
def test_message_round_trip(body: bytes, times: int, author: int, nonce: bytes) -> None:
    stored = messages.seal_plaintext(
        body * times,
        sender_ed25519_secret=PEOPLE[author].ed25519_secret,
        group_public=ADMIN.public,
        key=KEY,
        nonce=nonce,
    )
    assert len(stored) % 256 == 0
    opened = messages.open_plaintext(stored, group_public=ADMIN.public, keys=[Secret(bytes(32)), KEY])
    assert (opened.plaintext, opened.sender) == (body * times, IDS[author])
    with pytest.raises(GroupRefused):
        messages.open_plaintext(stored, group_public=OTHER_GROUP.public, keys=[KEY])
    with pytest.raises(GroupRefused):
        messages.open_plaintext(stored, group_public=ADMIN.public, keys=[])


FIELDS = st.dictionaries(
    st.sampled_from([b"", b"a", b"d", b"s", b"z", b"later"]),
    st.sampled_from(
        [0, 1, 2, b"", b"data", bytes(32), PEOPLE[0].ed25519_public, bytes(64), [], deflate(b"x" * 2_000_000)]
    ),
)


@given(FIELDS, st.booleans())
def test_strange_inner_messages_give_named_errors(fields: dict[bytes, bt.Encodable], sign: bool) -> None:
    carried = fields.get(b"d") or fields.get(b"z")
    if sign and isinstance(carried, bytes):
        fields = {**fields, b"": 1, b"a": PEOPLE[0].ed25519_public, b"s": PEOPLE[0].sign(carried + ADMIN.public)}
    nonce = bytes(24)
    stored = nonce + crypto.xchacha_encrypt(KEY.reveal(), nonce, bt.encode(fields) + bytes(7))
    try:
        opened = messages.open_plaintext(stored, group_public=ADMIN.public, keys=[KEY])
    except (GroupMalformed, GroupRefused):
        return
    assert (opened.sender, opened.plaintext) == (IDS[0], carried)


@given(st.binary(max_size=300))
def test_strange_bytes_are_no_message(data: bytes) -> None:
    with pytest.raises(GroupRefused):
        messages.open(data, group_public=ADMIN.public, keys=[KEY])
    sealed = crypto.xchacha_encrypt(KEY.reveal(), bytes(24), data)
    with pytest.raises((GroupMalformed, GroupRefused)):
        messages.open(bytes(24) + sealed, group_public=ADMIN.public, keys=[KEY])


def as_encodable(fields: Mapping[bytes, object]) -> bt.Encodable:
    return {key: value for key, value in fields.items() if isinstance(value, bytes | int | list)}


# -- several recipients ----------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True),
    st.binary(max_size=40),
    st.binary(min_size=1, max_size=80),
)
def test_one_message_for_several(chosen: list[int], text: bytes, domain: bytes) -> None:
    encoded = multi_recipient.encrypt(
        [text],
        [IDS[index].key for index in chosen],
        sender_ed25519_secret=ADMIN.secret,
        domain=domain,
        nonce=bytes(24),
    )
    for index, person in enumerate(PEOPLE):
        if index in chosen:
            found = multi_recipient.decrypt(encoded, account=person, sender_public=ADMIN.public, domain=domain)
            assert found == text
        else:
            with pytest.raises(GroupRefused):
                multi_recipient.decrypt(encoded, account=person, sender_public=ADMIN.public, domain=domain)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from([b"#", b"e", b"x"]), st.sampled_from([b"n" * 24, b"n" * 23, 5, [], [b""], [b"x" * 30], [5]])
    ).map(lambda fields: bt.encode(as_encodable(fields)))
)
def test_strange_bytes_are_for_nobody(encoded: bytes) -> None:
    with pytest.raises((GroupMalformed, GroupRefused)):
        kicked_notice.read(encoded, account=PEOPLE[0], group_public=ADMIN.public)
    with pytest.raises((GroupMalformed, GroupRefused)):
        multi_recipient.decrypt(encoded, account=PEOPLE[0], sender_public=bytes(32), domain=b"d")


@given(st.binary(max_size=60))
def test_kicked_notices_hold_an_account_and_a_number(payload: bytes) -> None:
    encoded = multi_recipient.encrypt(
        [payload],
        [IDS[0].key],
        sender_ed25519_secret=ADMIN.secret,
        domain=b"SessionGroupKickedMessage",
        nonce=bytes(24),
    )
    with pytest.raises((GroupMalformed, GroupRefused)):
        kicked_notice.read(encoded, account=PEOPLE[0], group_public=ADMIN.public)


# -- members ---------------------------------------------------------------------------------------------------

MEMBERS = st.builds(
    Member,
    st.sampled_from(IDS),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
    st.none(),
    st.integers(0, 10**9),
    st.just(False),
    st.integers(1, 4),
    st.just(0),
    st.booleans(),
    st.integers(0, 3),
) | st.builds(Member, st.sampled_from(IDS), admin=st.just(True), promotion=st.integers(0, 4), removal=st.integers(0, 3))


@given(st.lists(MEMBERS, min_size=1, max_size=5))
def test_members_round_trip(written: list[Member]) -> None:
    data: Data = EMPTY
    for member in written:
        data = members.written(data, member)
        found = members.find(data, member.id)
        assert found is not None
        for name in ("name", "updated_s", "admin", "invite", "promotion", "with_history", "removal", "status"):
            assert getattr(found, name) == getattr(member, name)
        assert members.written(data, found) == data
    assert members.read(data).keys() == {member.id for member in written}
    for member in written:
        data = members.without(data, member.id)
    assert data == EMPTY


def test_keys_of_low_order_are_left_out() -> None:
    nobody = AccountId(bytes([PREFIX_USER]) + bytes(32))
    with pytest.raises(CryptoFailed):
        crypto.x25519(ADMIN.x25519_secret.reveal(), nobody.key)
    rotation = key_messages.rotate(ADMIN, [IDS[0], nobody], 0)
    assert keys_of(loaded(key_list.EMPTY, rotation.message, PEOPLE[0])) == [rotation.key.reveal()]
