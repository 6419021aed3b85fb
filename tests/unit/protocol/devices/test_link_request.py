"""Link requests, their emoji, and Veery's shared data."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import Counted, account, account_pair, device_id, device_record
from veery.errors import Misuse
from veery.protocol import bt, crypto
from veery.protocol.devices import (
    DeviceMalformed,
    DeviceRefused,
    GroupId,
    emoji,
    link_request,
    shared_data,
)
from veery.secret import Secret

OWNER, OTHER = account(1), account(2)
ACTIVE, OLD, FOREIGN = account_pair(1), account_pair(2), account_pair(3)
REQUEST = link_request.make(device_id(7), device_record(seqno=2), OWNER.ed25519_secret)


def sealed(request: link_request.LinkRequest = REQUEST, link_key: bytes = ACTIVE.public.x25519) -> bytes:
    return link_request.seal(request, link_key=link_key, account_x25519=OWNER.x25519_public, random=Counted())


@pytest.mark.parametrize("link_key", [ACTIVE.public.x25519, OLD.public.x25519])
def test_a_member_reads_it_with_any_key_that_it_holds(link_key: bytes) -> None:
    assert link_request.open(sealed(link_key=link_key), OWNER, [ACTIVE, OLD]) == REQUEST


def test_a_request_to_another_group_is_none_of_ours() -> None:
    assert link_request.open(sealed(), OWNER, [FOREIGN]) is None
    assert link_request.open(sealed(), OWNER, []) is None
    assert link_request.open(sealed(), OTHER, [ACTIVE]) is None


def test_only_the_account_can_ask() -> None:
    forged = link_request.make(device_id(7), device_record(seqno=2), OTHER.ed25519_secret)
    with pytest.raises(DeviceRefused) as caught:
        link_request.open(sealed(forged), OWNER, [ACTIVE])
    assert caught.value.kind == "devices.link_request.signature"


@pytest.mark.parametrize("change", [{b"": b"G"}, {b"E": bytes(31)}, {b"E": 5}, {b"L": 5}, {b"i": b"1"}, {b"i": b"123"}])
def test_outer_fields_of_a_wrong_kind_are_refused(change: dict[bytes, bt.Encodable]) -> None:
    with pytest.raises(DeviceMalformed) as caught:
        link_request.open(bt.encode(bt.decode_dict(sealed()) | change), OWNER, [ACTIVE])
    assert caught.value.kind == "devices.link_request"


@pytest.mark.parametrize("change", [{b"L": b""}, {b"L": bytes(15)}, {b"E": bytes(32)}, {b"L": bytes(200)}])
def test_what_does_not_open_is_none_of_ours(change: dict[bytes, bt.Encodable]) -> None:
    assert link_request.open(bt.encode(bt.decode_dict(sealed()) | change), OWNER, [ACTIVE]) is None


def test_too_long_a_request_is_refused() -> None:
    with pytest.raises(DeviceMalformed):
        link_request.open(sealed() + bytes(76_801), OWNER, [ACTIVE])


def test_the_emoji_are_those_of_the_exact_request() -> None:
    other = link_request.make(device_id(7), device_record(seqno=3), OWNER.ed25519_secret)
    assert REQUEST.emoji() != other.emoji()
    shown = REQUEST.emoji()
    assert len(shown.short.split(" ")) == 7
    assert [len(line.split(" ")) for line in shown.extended.split("\n")] == [7, 7, 7]
    assert shown.extended.startswith(shown.short)
    assert len(shown.names) == 21
    assert all(name for name in shown.names)


def test_the_table_of_emoji() -> None:
    assert len(emoji.TABLE) == 64
    assert len({sign for sign, _ in emoji.TABLE}) == len({name for _, name in emoji.TABLE}) == 64


def test_group_emoji_are_four() -> None:
    group = GroupId.create(1_777_777_777, Counted())
    assert len(group.emoji.short.split(" ")) == 4
    with pytest.raises(Misuse):
        GroupId(bytes(7))


def earlier(plaintext: bytes, *, nonce: bytes | None = None) -> bytes:
    domain = b"link-request"
    key = crypto.blake2b(32, OWNER.seed32.reveal(), len(plaintext).to_bytes(8, "big"), domain)
    own = crypto.blake2b(24, plaintext, key=b"libsessionutil-config-encrypted-" + domain)
    used = own if nonce is None else nonce
    return bt.encode({b"": b"L", b"L": crypto.xchacha_encrypt(key, used, plaintext) + used})


def test_the_earlier_form_is_read_but_is_no_request() -> None:
    plaintext = bt.encode({b"I": device_id(7), b"i": bt.decode_dict(device_record().raw)})
    read = link_request.open_earlier(earlier(plaintext), OWNER.seed32)
    assert isinstance(read, link_request.EarlierRequest)
    assert (read.device, read.record) == (device_id(7), device_record())
    with pytest.raises(DeviceMalformed):
        link_request.open(earlier(plaintext), OWNER, [ACTIVE])


def test_the_earlier_form_is_refused_by_name() -> None:
    plaintext = bt.encode({b"I": device_id(7), b"i": bt.decode_dict(device_record().raw)})
    for data, kind in (
        (earlier(plaintext, nonce=bytes(24)), "devices.link_request.decrypt"),
        (earlier(b"de"), "devices.link_request"),
        (bt.encode({b"": b"L", b"L": bytes(39)}), "devices.link_request"),
        (bt.encode({b"": b"L"}), "devices.link_request"),
    ):
        with pytest.raises((DeviceMalformed, DeviceRefused)) as caught:
            link_request.open_earlier(data, OWNER.seed32)
        assert caught.value.kind == kind
    with pytest.raises(DeviceRefused):
        link_request.open_earlier(earlier(plaintext), OTHER.seed32)


# -- shared data -----------------------------------------------------------------------------------------------

SEED, OLD_SEED = Secret(bytes([1]) * 32), Secret(bytes([2]) * 32)
CONTENT: dict[bytes, bt.Encodable] = {b"q": [1, b"x"], b"z": b"end"}


def shared(content: dict[bytes, bt.Encodable] = CONTENT) -> bytes:
    return shared_data.seal(content, account_seed=SEED, ed25519_secret=OWNER.ed25519_secret, random=Counted())


def test_own_devices_read_shared_data() -> None:
    assert shared_data.open(shared(), OWNER.ed25519_public, [OLD_SEED, SEED]) == CONTENT
    assert shared_data.open(shared(), OWNER.ed25519_public, [OLD_SEED]) is None


def test_shared_data_goes_up_in_steps() -> None:
    assert len(shared({b"z": bytes(10)})) == len(shared({b"z": bytes(4_000)}))
    assert len(shared({b"z": bytes(4_100)})) - len(shared({b"z": bytes(10)})) == 4_096
    with pytest.raises(Misuse):
        shared({b"z": bytes(75_000)})


def test_shared_data_is_refused_by_name() -> None:
    with pytest.raises(DeviceRefused):
        shared_data.open(shared(), OTHER.ed25519_public, [SEED])
    for wrong in (b"", b"de", bytes(76_801), shared()[:-1]):
        with pytest.raises(DeviceMalformed) as caught:
            shared_data.open(wrong, OWNER.ed25519_public, [SEED])
        assert caught.value.kind == "devices.shared_data"
