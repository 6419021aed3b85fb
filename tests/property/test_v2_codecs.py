"""The forms of protocol v2: what goes in comes out, and no bytes do more than raise the named errors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.protocol.devices.people import Counted, account, account_pair, device_id, device_pair, device_record
from veery.errors import ProtocolError
from veery.protocol import bt, bt_raw, crypto, extension, message, message_v2, xed25519
from veery.protocol.bt import BtMalformed
from veery.protocol.devices import (
    AccountKey,
    DeviceMalformed,
    DeviceRefused,
    Gone,
    GroupId,
    Payload,
    account_record,
    group_message,
    link_request,
    message_type,
    payload,
    record,
    shared_data,
)
from veery.protocol.devices.payload import Device
from veery.protocol.extension import Extension
from veery.protocol.message_v2 import MessageMalformed, NoKey
from veery.secret import Secret

ALICE, BOB = account(1), account(2)
KEYS = account_pair(1)
SEED = Secret(bytes([5]) * 32)
INTEGERS = st.integers(-(2**63), 2**64 - 1)
VALUES = st.recursive(
    INTEGERS | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=6), inner, max_size=4),
    max_leaves=12,
)
DICTS = st.dictionaries(st.binary(max_size=6), VALUES, max_size=6)
# dicts with the names that the forms know, so that reading gets past the first field
NAMES = (
    b"",
    b"#",
    b"@",
    b"A",
    b"C",
    b"D",
    b"E",
    b"I",
    b"K",
    b"L",
    b"M",
    b"S",
    b"X",
    b"c",
    b"d",
    b"i",
    b"k",
    b"r",
    b"s",
)
SIZED = st.sampled_from((0, 1, 2, 8, 16, 31, 32, 34, 64, 1088, 1184)).map(bytes)
KNOWN = st.dictionaries(st.sampled_from(NAMES), st.just(b"G") | SIZED | VALUES, max_size=8)
TIMES = st.integers(1, 2**62)


def changed(data: bytes, at: int, change: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]


# -- raw dicts -------------------------------------------------------------------------------------------------


@given(DICTS)
def test_raw_dicts_are_read_in_place(values: dict[bytes, bt.Value]) -> None:
    data = bt.encode(values)
    fields = bt_raw.read(data)
    assert fields.values == values
    assert b"d" + b"".join(bt_raw.string(key) + fields.raw(key) for key in fields.values) + b"e" == data
    for key, value in values.items():
        assert bt.decode(fields.raw(key)) == value
        assert data.startswith(fields.before(key))
    assert bt_raw.encode({key: fields.raw(key) for key in values}) == data


@given(st.binary(max_size=80) | st.text("dlie0123456789:ax", max_size=60).map(str.encode))
def test_any_bytes_are_a_dict_or_refused(data: bytes) -> None:
    try:
        fields = bt_raw.read(data)
    except BtMalformed as malformed:
        assert malformed.kind.startswith("protocol.bt")
    else:
        assert list(fields.values) == sorted(fields.values)


# -- messages --------------------------------------------------------------------------------------------------


def sealed(content: bytes, label: str = "") -> bytes:
    return message_v2.seal(
        content,
        sender_ed25519_secret=ALICE.ed25519_secret,
        recipient=BOB.account_id.raw,
        keys=KEYS.public,
        random=Counted(label),
    )


def fallback(content: bytes) -> bytes:
    return message_v2.seal_fallback(
        content, sender_ed25519_secret=ALICE.ed25519_secret, recipient=BOB.account_id.raw, random=Counted()
    )


FIXED, FIXED_FALLBACK = sealed(b"hello"), fallback(b"hello")


@given(st.binary(max_size=2_000))
def test_messages(content: bytes) -> None:
    for data, pfs in ((sealed(content), True), (fallback(content), False)):
        opened = message_v2.open(data, BOB, [KEYS])
        assert (opened.content, opened.sender, opened.pfs) == (content, ALICE.account_id.raw, pfs)
        assert len(data) % 256 == 0
        assert len(data) >= 1536


@given(st.integers(0, 2_000), st.integers(1, 255))
def test_altered_messages_never_say_something_else(at: int, change: int) -> None:
    for data in (FIXED, FIXED_FALLBACK):
        try:
            opened = message.open(changed(data, at, change), BOB, [KEYS])
        except ProtocolError as refused:
            assert refused.kind.startswith("message.")
        else:
            if isinstance(opened, message_v2.OpenedMessage):  # the fallback does not cover ki and the ciphertext
                assert (opened.content, opened.pfs) == (b"hello", False)


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_refused_by_name(tail: bytes, long: bool) -> None:
    data = b"\x00\x02" + tail + (bytes(1_600) if long else b"")
    try:
        message_v2.open(data, BOB, [KEYS])
    except (MessageMalformed, NoKey) as refused:
        assert refused.kind in ("message.v2.format", "message.v2.no_key")
    else:
        raise AssertionError("random bytes were opened")


def in_fallback(inner: bytes) -> bytes:
    """A message of the fallback form with any inner part: its sender can write what it likes."""
    secret, own = Counted()(32), BOB.x25519_public
    ephemeral = crypto.x25519_public(secret)
    combined = crypto.sha3_256(crypto.x25519(secret, own), own, ephemeral, b"SessionV2NonPFS")
    raw = crypto.shake256(56, b"SessionV2NonPFSSS", combined)
    body = crypto.xchacha_encrypt(raw[:32], raw[32:], inner.ljust(396, b"\0"))
    return b"\x00\x02" + bytes(2) + ephemeral + bytes(1088) + body


@given(st.binary(max_size=300) | DICTS.map(bt.encode) | KNOWN.map(bt.encode))
def test_any_inner_part_is_refused_by_name(inner: bytes) -> None:
    try:
        message_v2.open(in_fallback(inner), BOB, [])
    except MessageMalformed as refused:
        assert refused.kind in ("message.v2.format", "message.v2.signature", "message.v2.sender")
    else:
        raise AssertionError("nobody has signed this")


# -- records and payloads --------------------------------------------------------------------------------------


@given(
    st.integers(1, 2**31 - 1),
    st.integers(0, 2**62),
    st.text(max_size=80).filter(lambda text: "\0" not in text),
    st.text(max_size=8),
    st.integers(0, 2**40),
    st.dictionaries(st.binary(min_size=2, max_size=5), VALUES.map(bt.encode), max_size=4),
)
def test_device_records(
    seqno: int, timestamp_s: int, description: str, platform: str, version: int, extra: dict[bytes, bytes]
) -> None:
    try:
        made = record.make(
            seqno=seqno,
            timestamp_s=timestamp_s,
            keys=device_pair(1).public,
            description=description,
            platform=platform,
            version=version,
            extra=extra,
        )
    except ProtocolError as misuse:
        assert misuse.kind == "devices.record"
        assert any("\ud800" <= sign <= "\udfff" for sign in description + platform)
        return
    assert record.decode(made.raw) == made
    assert (made.seqno, made.timestamp_s, made.platform, made.version) == (seqno, timestamp_s, platform, version)
    assert description.startswith(made.description)
    assert len(made.description.encode()) <= 64
    assert dict(made.extra) == extra


@given(
    st.dictionaries(
        st.integers(0, 255).map(device_id),
        st.builds(device_record, seqno=st.integers(1, 99)) | st.builds(Gone, TIMES, st.booleans()),
        max_size=5,
    ),
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), TIMES, st.none() | TIMES), max_size=5),
    st.integers(0, 50),
)
def test_payloads(devices: dict[bytes, Device], keys: list[tuple[bytes, int, int | None]], zeros: int) -> None:
    content = Payload(devices, tuple(AccountKey(Secret(seed), created, rotated) for seed, created, rotated in keys))
    plaintext = payload.encode(content)
    read = payload.decode(plaintext + bytes(zeros))
    assert read.devices == devices
    assert [(key.seed.reveal(), key.created_s, key.rotated_s) for key in read.keys] == keys
    assert payload.encode(read) == plaintext


PAYLOAD = payload.encode(
    Payload(
        {device_id(1): device_record(), device_id(2): Gone(7, left=True)}, (AccountKey(SEED, 5), AccountKey(SEED, 4, 5))
    )
)


@given(
    st.binary(max_size=60)
    | KNOWN.map(bt.encode)
    | st.builds(changed, st.just(PAYLOAD), st.integers(0), st.integers(1, 255))
)
def test_any_payload_is_read_or_refused_by_name(plaintext: bytes) -> None:
    for read, kind in ((payload.decode, "devices.payload"), (record.decode, "devices.record")):
        try:
            read(plaintext)
        except DeviceMalformed as malformed:
            assert malformed.kind == kind


# -- messages of devices ---------------------------------------------------------------------------------------


GROUP = group_message.seal(
    Payload({device_id(1): record.make(seqno=1, timestamp_s=1, keys=device_pair(1).public)}, (AccountKey(SEED, 5),)),
    group=GroupId(bytes(8)),
    root_seed=ALICE.seed32,
    ed25519_secret=ALICE.ed25519_secret,
    random=Counted(),
)


@given(st.binary(max_size=60) | KNOWN.map(bt.encode))
def test_any_message_of_a_device_is_refused_by_name(data: bytes) -> None:
    for refused, read in (
        ("devices.message", lambda: message_type(data)),
        ("devices.group", lambda: group_message.parse(data, ALICE.ed25519_public)),
        ("devices.link_request", lambda: link_request.open(data, ALICE, [KEYS])),
        ("devices.link_request", lambda: link_request.open_earlier(data, ALICE.seed32)),
        ("devices.shared_data", lambda: shared_data.open(data, ALICE.ed25519_public, [SEED])),
        ("devices.account_record", lambda: account_record.open(data, ALICE.account_id.raw)),
    ):
        try:
            read()
        except (DeviceMalformed, DeviceRefused) as error:
            assert error.kind.startswith(refused)


@given(KNOWN)
def test_any_dict_that_the_account_has_signed_is_read_or_refused_by_name(values: dict[bytes, bt.Value]) -> None:
    fields = {key: bt.encode(value) for key, value in values.items()}
    plain = bt_raw.encode(fields, (b"~", ALICE.sign))
    secret = ALICE.x25519_secret
    positive = bt_raw.encode(fields, (b"~", lambda signed: xed25519.sign(secret, signed, Counted())))
    request = link_request.LinkRequest(device_id(1), device_record(), plain)
    wrapped = link_request.seal(
        request, link_key=KEYS.public.x25519, account_x25519=ALICE.x25519_public, random=Counted()
    )
    for read in (
        lambda: group_message.parse(plain, ALICE.ed25519_public),
        lambda: link_request.open(wrapped, ALICE, [KEYS]),
        lambda: shared_data.open(plain, ALICE.ed25519_public, [SEED]),
        lambda: account_record.open(positive, ALICE.account_id.raw),
    ):
        try:
            read()
        except (DeviceMalformed, DeviceRefused) as error:
            assert error.kind.startswith("devices.")


@given(st.integers(0, 20_000), st.integers(1, 255))
def test_altered_group_messages_are_refused(at: int, change: int) -> None:
    try:
        group_message.parse(changed(GROUP, at, change), ALICE.ed25519_public)
    except (DeviceMalformed, DeviceRefused) as error:
        assert error.kind.startswith("devices.group")
    else:
        raise AssertionError("the account has not signed this")


# -- extensions ------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Extension,
        st.none() | st.frozensets(st.text(max_size=8).filter(lambda text: text.isprintable()), max_size=8),
        st.none() | st.binary(min_size=8, max_size=8),
        st.none() | st.binary(max_size=1_320),
        st.dictionaries(st.binary(min_size=2, max_size=5), VALUES, max_size=4),
    )
)
def test_extensions(made: Extension) -> None:
    assert extension.decode(extension.encode(made)) == made


@given(st.binary(max_size=100) | KNOWN.map(bt.encode) | DICTS.map(bt.encode))
def test_any_bytes_are_an_extension_or_none(data: bytes) -> None:
    found = extension.decode(data)
    assert found is None or isinstance(found, Extension)
