"""Subscriptions: requests, checks, replies, notices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE, ALICE_PUBLIC, DAY, GROUP, HASHES, NOW, alice, group, member
from veery.errors import Misuse
from veery.protocol import bt
from veery.protocol.storage_rpc import SubaccountAuth
from veery.protocol.storage_rpc.notifications import (
    SUCCESS,
    MonitorEnded,
    Notification,
    NotificationMalformed,
    decode_monitor_ended,
    decode_notification,
    decode_replies,
    encode_monitor_ended,
    encode_notification,
    encode_replies,
    refusal_reply,
)
from veery.protocol.storage_rpc.subaccounts import Access
from veery.protocol.storage_rpc.subscriptions import (
    MonitorCode,
    MonitorRefused,
    Subscription,
    check_subscription,
    encode_subscription,
    encode_subscriptions,
    parse_subscriptions,
    read_subscription,
    sign_subscription,
)

NOW_S = NOW // 1000
DAY_S = DAY // 1000


def mine() -> Subscription:
    return sign_subscription(alice, [0, -10, 5], want_data=True, now_s=NOW_S)


def refused(entry: dict[bytes, bt.Value]) -> MonitorCode:
    with pytest.raises(MonitorRefused) as refusal:
        read_subscription(entry)
    return refusal.value.code


@pytest.mark.parametrize("signer", [alice, group, member(Access.READ)])
def test_subscriptions_are_signed_sent_and_checked(signer: Any) -> None:
    made = sign_subscription(signer, [11, -11, 0], want_data=False, now_s=NOW_S)
    request = parse_subscriptions(encode_subscriptions([made, made]))
    assert not request.single
    assert [read_subscription(entry) for entry in request.entries] == [made, made]
    one = parse_subscriptions(encode_subscription(made))
    assert one.single
    check_subscription(read_subscription(one.entries[0]), NOW_S)


def test_the_signed_string() -> None:
    text = f"MONITOR{ALICE.hex()}{NOW_S}1-10,0,5".encode()
    assert mine().signed_text() == text
    assert replace(mine(), want_data=False).signed_text() == text.replace(b"1-10,", b"0-10,")


def test_a_subscription_needs_namespaces_of_16_bits() -> None:
    for namespaces in ([], [40_000]):
        with pytest.raises(Misuse):
            sign_subscription(alice, namespaces, want_data=False, now_s=NOW_S)


@pytest.mark.parametrize("body", [b"", b"x", b"5:hello", b"i5e", b"li5ee", b"lde", b"d1:ti5e1:ai5ee", b"d1:a"])
def test_requests_that_do_not_parse_as_a_whole(body: bytes) -> None:
    with pytest.raises(MonitorRefused) as refusal:
        parse_subscriptions(body)
    assert refusal.value.code is MonitorCode.BAD_ARGUMENTS


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"P": None}, MonitorCode.BAD_ARGUMENTS),
        ({"p": GROUP}, MonitorCode.BAD_ARGUMENTS),
        ({"P": 5}, MonitorCode.BAD_ARGUMENTS),
        ({"P": b"k" * 31}, MonitorCode.BAD_PUBKEY),
        ({"P": b"\xff" * 32}, MonitorCode.BAD_PUBKEY),
        ({"P": None, "p": ALICE}, MonitorCode.BAD_PUBKEY),
        ({"P": None, "p": GROUP[1:]}, MonitorCode.BAD_PUBKEY),
        ({"S": bytes(64)}, MonitorCode.BAD_ARGUMENTS),
        ({"T": bytes(36)}, MonitorCode.BAD_ARGUMENTS),
        ({"S": bytes(63), "T": bytes(36)}, MonitorCode.BAD_PUBKEY),
        ({"S": bytes(64), "T": bytes(35)}, MonitorCode.BAD_PUBKEY),
        ({"d": 2}, MonitorCode.BAD_ARGUMENTS),
        ({"d": b"1"}, MonitorCode.BAD_ARGUMENTS),
        ({"n": None}, MonitorCode.BAD_ARGUMENTS),
        ({"n": 5}, MonitorCode.BAD_ARGUMENTS),
        ({"n": []}, MonitorCode.BAD_NAMESPACES),
        ({"n": [5, 0]}, MonitorCode.BAD_NAMESPACES),
        ({"n": [0, 0]}, MonitorCode.BAD_NAMESPACES),
        ({"n": [40_000]}, MonitorCode.BAD_NAMESPACES),
        ({"n": [b"0"]}, MonitorCode.BAD_NAMESPACES),
        ({"s": None}, MonitorCode.BAD_ARGUMENTS),
        ({"s": bytes(63)}, MonitorCode.BAD_SIGNATURE),
        ({"t": None}, MonitorCode.BAD_ARGUMENTS),
        ({"t": b"5"}, MonitorCode.BAD_ARGUMENTS),
    ],
)
def test_entries_that_are_refused(changes: dict[str, Any], code: MonitorCode) -> None:
    (entry,) = parse_subscriptions(encode_subscription(mine())).entries
    changed = {**entry, **{name.encode(): value for name, value in changes.items()}}
    assert refused({name: value for name, value in changed.items() if value is not None}) is code


def test_times_and_signatures_are_checked() -> None:
    subscription = mine()

    def code(changed: Subscription, now_s: int = NOW_S) -> MonitorCode:
        with pytest.raises(MonitorRefused) as refusal:
            check_subscription(changed, now_s)
        return refusal.value.code

    check_subscription(subscription, NOW_S + 14 * DAY_S)
    check_subscription(subscription, NOW_S - DAY_S)
    assert code(subscription, NOW_S + 14 * DAY_S + 1) is MonitorCode.BAD_TIMESTAMP
    assert code(subscription, NOW_S - DAY_S - 1) is MonitorCode.BAD_TIMESTAMP
    assert code(replace(subscription, signature=bytes(64))) is MonitorCode.BAD_SIGNATURE
    assert code(replace(subscription, want_data=False)) is MonitorCode.BAD_SIGNATURE
    assert code(replace(subscription, namespaces=(0,))) is MonitorCode.BAD_SIGNATURE
    assert code(replace(subscription, ed25519=GROUP[1:])) is MonitorCode.BAD_SIGNATURE
    by_member = sign_subscription(member(Access.WRITE), [11], want_data=False, now_s=NOW_S)
    assert code(by_member) is MonitorCode.BAD_SIGNATURE
    reader = sign_subscription(member(Access.READ), [11], want_data=False, now_s=NOW_S)
    assert reader.subaccount is not None
    forged = SubaccountAuth(reader.subaccount.token, bytes(64))
    assert code(replace(reader, subaccount=forged)) is MonitorCode.BAD_SIGNATURE


def test_renewals_add_and_never_take_away() -> None:
    first = sign_subscription(alice, [0, 5], want_data=True, now_s=NOW_S)
    renewal = sign_subscription(alice, [2], want_data=False, now_s=NOW_S + 60)
    merged = first.merged(renewal)
    assert (merged.namespaces, merged.want_data, merged.timestamp_s) == ((0, 2, 5), True, NOW_S + 60)
    assert not renewal.merged(renewal).want_data


def test_replies_are_a_dict_or_a_list() -> None:
    refusal = MonitorRefused(MonitorCode.BAD_TIMESTAMP, "too old")
    assert encode_replies([SUCCESS], single=True) == b"d7:successi1ee"
    several = encode_replies([SUCCESS, refusal_reply(refusal, swarm="abc")], single=False)
    assert several == b"ld7:successi1eed7:errcodei4e5:error7:too old5:swarm3:abcee"
    success, failed = decode_replies(several)
    assert success is None
    assert failed is not None
    assert (failed.code, failed.message) == (MonitorCode.BAD_TIMESTAMP, "too old")
    assert decode_replies(encode_replies([SUCCESS], single=True)) == (None,)
    (unknown,) = decode_replies(bt.encode({"errcode": 77, "error": "?"}))
    assert unknown is not None
    assert unknown.code is MonitorCode.BAD_ARGUMENTS


@pytest.mark.parametrize("body", [b"", b"i5e", b"li5ee", b"de", bt.encode({"errcode": b"1", "error": "x"})])
def test_replies_that_are_nonsense(body: bytes) -> None:
    with pytest.raises(NotificationMalformed):
        decode_replies(body)


def test_notices_with_and_without_data() -> None:
    short = Notification(GROUP, HASHES[0], -11, NOW, NOW + 5)
    assert encode_notification(short) == bt.encode({"@": GROUP, "h": HASHES[0], "n": -11, "t": NOW, "z": NOW + 5})
    for notice in (short, replace(short, data=b""), replace(short, data=b"raw\xff")):
        assert decode_notification(encode_notification(notice)) == notice


@pytest.mark.parametrize(
    "changes",
    [
        {"@": None},
        {"@": GROUP[1:]},
        {"h": None},
        {"h": b"h" * 31},
        {"h": b"h" * 100},
        {"h": b"\xff" * 43},
        {"n": 40_000},
        {"n": b"0"},
        {"t": None},
        {"t": -1},
        {"z": -1},
        {"z": b"x"},
        {"~": 5},
        {"~": b"x" * 76_801},
    ],
)
def test_notices_that_are_nonsense(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"@": GROUP, "h": HASHES[0], "n": 0, "t": NOW, "z": NOW, "~": b"x"} | changes
    body = bt.encode({name: value for name, value in fields.items() if value is not None})
    with pytest.raises(NotificationMalformed):
        decode_notification(body)
    with pytest.raises(NotificationMalformed):
        decode_notification(b"le")


def test_the_end_of_a_subscription() -> None:
    ended = MonitorEnded(ALICE, details={"snodes": [{b"ip": b"203.0.113.5"}], "swarm": b"abc"})
    assert decode_monitor_ended(encode_monitor_ended(ended)) == ended
    assert encode_monitor_ended(ended).startswith(b"d1:@33:")
    bad: list[dict[str, Any]] = [
        {"errcode": 6},
        {"@": ALICE},
        {"@": ALICE, "errcode": "x"},
        {"@": ALICE, "errcode": 6, "error": 5},
    ]
    for fields in bad:
        with pytest.raises(NotificationMalformed):
            decode_monitor_ended(bt.encode(fields))
    with pytest.raises(NotificationMalformed):
        decode_monitor_ended(b"le")


def test_refusals_and_subscriptions_print_no_accounts() -> None:
    assert repr(ALICE) not in repr(mine())
    assert repr(ALICE_PUBLIC) not in repr(mine())
