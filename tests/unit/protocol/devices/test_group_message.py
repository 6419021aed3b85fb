"""Group messages: who can read them, what they announce, and what a swarm sees."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import Counted, account, account_pair, device_id, device_pair, paper_keys
from veery.errors import Misuse
from veery.protocol import bt, bt_raw
from veery.protocol.crypto import mlkem_encapsulate as encapsulate
from veery.protocol.devices import (
    AccountKey,
    DeviceMalformed,
    DeviceRecord,
    DeviceRefused,
    Gone,
    GroupId,
    HybridKeys,
    HybridPublic,
    MessageType,
    Payload,
    group_message,
    message_type,
    record,
    slots,
)
from veery.protocol.devices.payload import Device
from veery.secret import Secret

OWNER, OTHER = account(1), account(2)
GROUP = GroupId.create(1_777_777_777, Counted("group"))
ACTIVE = AccountKey(Secret((1).to_bytes(32, "big")), 1_777_700_000)
OLD = AccountKey(Secret((2).to_bytes(32, "big")), 1_777_600_000, 1_777_700_000)


def member(number: int, keys: HybridPublic | None = None) -> DeviceRecord:
    return record.make(seqno=1, timestamp_s=1, keys=device_pair(number).public if keys is None else keys)


def members(count: int) -> dict[bytes, Device]:
    return {device_id(number): member(number) for number in range(1, count + 1)}


def sealed(devices: dict[bytes, Device], keys: tuple[AccountKey, ...] = (ACTIVE, OLD), label: str = "") -> bytes:
    return group_message.seal(
        Payload(devices, keys),
        group=GROUP,
        root_seed=OWNER.seed32,
        ed25519_secret=OWNER.ed25519_secret,
        random=Counted(label),
    )


def parsed(data: bytes) -> group_message.GroupMessage:
    return group_message.parse(data, OWNER.ed25519_public)


def signed(fields: dict[bytes, bt.Encodable]) -> bytes:
    return bt_raw.encode({key: bt.encode(value) for key, value in fields.items()}, (b"~", OWNER.sign))


def unsigned(data: bytes) -> dict[bytes, bt.Encodable]:
    return {key: value for key, value in bt.decode_dict(data).items() if key != b"~"}


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_every_member_reads_it_and_nobody_else(count: int) -> None:
    devices = members(count)
    message = parsed(sealed(devices))
    places = set()
    for number in range(1, count + 1):
        opened = group_message.open(message, [device_pair(number)])
        assert opened is not None
        assert opened.payload.devices == devices
        assert [key.seed.reveal() for key in opened.payload.keys] == [ACTIVE.seed.reveal(), OLD.seed.reveal()]
        assert opened.keys == device_pair(number).public
        places.add(opened.place)
    assert len(places) == count
    assert group_message.open(message, [device_pair(count + 1)]) is None
    assert group_message.open(message, []) is None


def test_sizes_say_no_more_than_the_number_of_fours() -> None:
    assert {len(sealed(members(count))) for count in (1, 2, 3, 4)} == {13_393}
    assert {len(sealed(members(count))) for count in (5, 6)} == {13_393 + 4 * (1_088 + 34)}
    assert len(sealed(members(2) | {device_id(77): Gone(5, left=False)})) == 13_463
    assert len(sealed(members(2) | {device_id(77): Gone(5, left=True)})) == 13_393


def test_identifier_and_link_key_for_those_who_hold_the_seed() -> None:
    message = parsed(sealed(members(1)))
    assert message.group(OWNER.seed32) == GROUP
    assert message.group(OTHER.seed32) != GROUP
    assert message.link_key == account_pair(1).public.x25519
    assert GROUP.created_s == 1_777_777_777 // 60 * 60


def test_the_same_identifier_looks_different_every_time() -> None:
    one, other = parsed(sealed(members(1))), parsed(sealed(members(1), label="again"))
    assert one.encrypted_id != other.encrypted_id


def test_a_removed_device_finds_its_removal_and_nobody_else_one() -> None:
    gone: dict[bytes, Device] = {device_id(70 + number): Gone(5 + number, left=False) for number in range(5)}
    gone[device_id(80)] = Gone(9, left=True)
    message = parsed(sealed(members(2) | gone))
    assert len(message.removals) == 8 * 16
    for number in range(5):
        assert message.removes(device_id(70 + number), OWNER.seed32)
    assert not message.removes(device_id(80), OWNER.seed32)
    assert not message.removes(device_id(1), OWNER.seed32)
    assert not message.removes(device_id(70), OTHER.seed32)


def test_a_member_with_degenerate_keys_does_not_stop_the_others() -> None:
    bad_x = HybridPublic(bytes(32), device_pair(2).public.mlkem)
    bad_m = HybridPublic(device_pair(3).public.x25519, b"\xff" * 1184)
    devices: dict[bytes, Device] = {
        device_id(1): member(1),
        device_id(2): member(2, bad_x),
        device_id(3): member(3, bad_m),
    }
    message = parsed(sealed(devices))
    assert group_message.open(message, [device_pair(1)]) is not None
    assert group_message.open(message, [device_pair(2), device_pair(3)]) is None


def test_only_the_account_can_write_one() -> None:
    with pytest.raises(DeviceRefused) as caught:
        group_message.parse(sealed(members(1)), OTHER.ed25519_public)
    assert caught.value.kind == "devices.group.signature"


def test_a_payload_that_is_none_refuses_the_message() -> None:
    keys = device_pair(1)
    filled = slots.fill(b"d1:Ki1ee".ljust(8_700, b"\0"), [keys.public], Secret(bytes(32)), Counted(), encapsulate)
    fields: dict[bytes, bt.Encodable] = {
        b"A": filled.ephemeral,
        b"C": filled.ciphertexts,
        b"K": filled.keys,
        b"d": filled.payload,
    }
    message = parsed(signed(unsigned(sealed(members(1))) | fields))
    with pytest.raises(DeviceMalformed) as caught:
        group_message.open(message, [keys])
    assert caught.value.kind == "devices.payload"


@pytest.mark.parametrize(
    "change",
    [
        {b"": b"L"},
        {b"": 5},
        {b"@": bytes(7)},
        {b"A": bytes(31)},
        {b"C": bytes(1087)},
        {b"C": b""},
        {b"K": bytes(33)},
        {b"X": bytes(31)},
        {b"d": bytes(16)},
        {b"d": 5},
        {b"k": 5},
    ],
)
def test_outer_fields_of_a_wrong_kind_are_refused(change: dict[bytes, bt.Encodable]) -> None:
    with pytest.raises(DeviceMalformed) as caught:
        parsed(signed(unsigned(sealed(members(1))) | change))
    assert caught.value.kind == "devices.group"


@pytest.mark.parametrize("missing", [b"", b"A", b"C", b"K", b"X", b"d"])
def test_outer_fields_that_are_missing_are_refused(missing: bytes) -> None:
    fields = {key: value for key, value in unsigned(sealed(members(1))).items() if key != missing}
    with pytest.raises(DeviceMalformed):
        parsed(signed(fields))


def test_an_older_message_without_identifier_is_read() -> None:
    fields = {key: value for key, value in unsigned(sealed(members(1))).items() if key not in (b"@", b"X")}
    message = parsed(signed(fields))
    assert (message.group(OWNER.seed32), message.link_key) == (None, None)
    assert group_message.open(message, [device_pair(1)]) is not None


def test_removals_of_an_odd_length_are_as_if_absent() -> None:
    message = parsed(signed(unsigned(sealed(members(1))) | {b"k": bytes(17)}))
    assert message.removals == b""


def test_a_degenerate_ephemeral_key_is_not_for_us() -> None:
    message = parsed(signed(unsigned(sealed(members(1))) | {b"A": bytes(32)}))
    assert group_message.open(message, [device_pair(1)]) is None


def test_what_cannot_be_sealed_is_misuse() -> None:
    wrong: list[tuple[dict[bytes, Device], tuple[AccountKey, ...]]] = [
        (members(1), ()),
        (members(1), (OLD,)),
        ({}, (ACTIVE,)),
        ({device_id(1): Gone(5, left=True)}, (ACTIVE,)),
    ]
    for devices, keys in wrong:
        with pytest.raises(Misuse):
            sealed(devices, keys)
    crowd: dict[bytes, Device] = {
        device_id(number): record.make(seqno=1, timestamp_s=1, keys=paper_keys(number)) for number in range(1, 30)
    }
    with pytest.raises(Misuse) as caught:
        sealed(crowd)
    assert caught.value.kind == "devices.group.too_large"


def test_types_of_namespace_21() -> None:
    assert message_type(sealed(members(1))) is MessageType.GROUP
    assert message_type(bt.encode({b"": b"L", b"E": b""})) is MessageType.LINK_REQUEST
    assert message_type(bt.encode({b"": b"L", b"L": b""})) is MessageType.LINK_REQUEST_EARLIER
    assert message_type(bt.encode({b"": b"V"})) is MessageType.SHARED_DATA
    assert message_type(bt.encode({b"": b"Q", b"x": 1})) is MessageType.UNKNOWN
    for wrong in (b"", b"le", b"de", bt.encode({b"": 5}), bytes(76_801)):
        with pytest.raises(DeviceMalformed) as caught:
            message_type(wrong)
        assert caught.value.kind == "devices.message"


def test_an_index_that_matches_without_opening_does_not_end_the_search() -> None:
    wrong = HybridKeys(
        device_pair(9).seed, device_pair(9).x25519_secret, device_pair(9).mlkem_seed, device_pair(1).public
    )
    opened = group_message.open(parsed(sealed(members(1))), [wrong, device_pair(1)])
    assert opened is not None
    assert group_message.open(parsed(sealed(members(1))), [wrong]) is None
