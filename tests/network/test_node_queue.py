"""The queue port of real nodes, spoken by hand (15): who may do what, and what members send each other (05.4, 05.5)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Someone, bdecode, bencode, now_ms, raw
from tests.network.by_hand_roads import Queue
from tests.network.labs import ROADS, Lab, lab_of
from veery.lab.plan import node_directory
from veery.node.keys import NodeKeys
from veery.protocol.constants import NO_SWARM
from veery.runtime.paths import private_directory

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

DAY = 24 * 3_600_000
TAG = bytes(range(15))


@asynccontextmanager
async def as_node(lab: Lab, caller: int, number: int = 1) -> AsyncIterator[Queue]:
    """A connection to a node with the key of another one."""
    secret = lab.node(caller).view.keys.x25519_secret.reveal()
    async with lab.queue_to(number, secret=secret) as queue:
        yield queue


async def silent(queue: Queue, command: str, *parts: bytes) -> None:
    """The command gets no answer: what is asked behind it is answered first."""
    await queue.send(command.encode(), TAG, *parts)
    await queue.ask("storage.info")
    assert queue.told == []


# -- frames (15.3) -----------------------------------------------------------------------------------------------


async def test_hello_at_any_time(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for parts in ((b"HI",), (b"HI", b"more"), (b"HI",)):
            await queue.send(*parts)
            assert await queue.receive() == [b"HELLO"]


@pytest.mark.parametrize(
    "name", ["storage.nosuch", "nosuch.info", "storage", "Storage.info", ".info", "", "storage." + "x" * 300]
)
async def test_unknown_commands(lab: Lab, name: str) -> None:
    async with lab.queue_to(1) as queue:
        await queue.send(name.encode(), TAG, b"{}")
        assert await queue.receive() == [b"UNKNOWNCOMMAND", name.encode()]


async def test_requests_without_a_tag(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for parts in ((b"storage.info",), (b"storage.info", b""), (b"storage.info", b"", b"{}")):
            await queue.send(*parts)
            assert await queue.receive() == [b"NO_REPLY_TAG", b"storage.info"]


async def test_any_tag_comes_back_unchanged(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for tag in (b"\x00", b"REPLY", os.urandom(1000)):
            assert len(await queue.ask("storage.info", tag=tag)) == 1


async def test_words_that_are_not_answered(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for parts in (
            [b"BYE"],
            [b"HELLO"],
            [b"REPLY"],
            [b"REPLY", TAG, b"x"],
            [b"FORBIDDEN", b"REPLY", TAG],
            [b"UNKNOWNCOMMAND"],
            [b"UNKNOWNCOMMAND", b"x"],
        ):
            await queue.send(*parts)
        await queue.ask("storage.info")
        assert queue.told == []


async def test_a_level_that_nobody_has(lab: Lab) -> None:
    async with as_node(lab, 2) as queue:
        await queue.send(b"service.get_stats", TAG)
        assert await queue.receive() == [b"FORBIDDEN", b"REPLY", TAG]
        await queue.send(b"service.get_stats")
        assert await queue.receive() == [b"FORBIDDEN", b"service.get_stats"]


async def test_node_commands_are_for_nodes(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for command in (b"sn.ping", b"sn.data", b"sn.data_ready", b"sn.storage_cc", b"sn.onion_request"):
            await queue.send(command, TAG, b"x")
            assert await queue.receive() == [b"FORBIDDEN_SN", b"REPLY", TAG]
            await queue.send(command)
            assert await queue.receive() == [b"FORBIDDEN_SN", command]
    async with as_node(lab, 2) as queue:
        assert await queue.ask("sn.ping") == [b"pong"]
        assert await queue.ask("sn.ping", b"more", b"parts") == [b"pong"]


async def test_naming_a_node_is_not_being_one(lab: Lab) -> None:
    """The routing id says it is node 2; the proven key is another."""
    async with lab.queue_to(1) as queue:
        queue.take_place_of(lab.hop(2).x25519)
        await queue.send(b"sn.ping", TAG)
        assert await queue.receive() == [b"FORBIDDEN_SN", b"REPLY", TAG]


async def test_access_follows_the_list_on_a_standing_connection(tmp_path: Path) -> None:
    async with (
        lab_of(tmp_path, 3, lambda settings: replace(settings, refresh_s=1000.0)) as lab,
        as_node(lab, 2) as queue,
    ):
        node = lab.node(1)
        assert await queue.ask("sn.ping") == [b"pong"]
        listed = node.view.snapshot
        assert listed is not None
        for swarm_id in (NO_SWARM, None):  # decommissioned, gone
            nodes = [each for each in listed.nodes if each.ed25519 != lab.hop(2).ed25519]
            if swarm_id is not None:
                nodes += [
                    replace(each, swarm_id=swarm_id) for each in listed.nodes if each.ed25519 == lab.hop(2).ed25519
                ]
            node.view.snapshot = replace(listed, nodes=tuple(nodes))
            await queue.send(b"sn.ping", TAG)
            assert await queue.receive() == [b"FORBIDDEN_SN", b"REPLY", TAG]
            node.view.snapshot = listed
            assert await queue.ask("sn.ping") == [b"pong"]


async def test_a_key_that_joins_is_let_in(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 3, first=2) as lab:
        directory = private_directory(node_directory(lab.network.directory, 3))
        secret = NodeKeys.of_directory(directory).x25519_secret.reveal()
        async with lab.queue_to(1, secret=secret) as queue:
            await queue.send(b"sn.ping", TAG)
            assert await queue.receive() == [b"FORBIDDEN_SN", b"REPLY", TAG]
            await lab.network.start_node(3)
            await lab.network.wait_listed()
            assert await queue.ask("sn.ping") == [b"pong"]


async def test_answers_may_overtake_each_other(lab: Lab) -> None:
    """A store that waits for members does not hold up what is asked behind it."""
    who = lab.someone_at(1)
    async with lab.queue_to(1) as queue:
        body = bencode(raw(hand.store(who, b"slow")))
        await queue.send(b"storage.store", b"slow", body)
        await queue.send(b"storage.info", b"fast", b"{}")
        tags = [(await queue.receive())[1] for _ in range(2)]
    assert tags == [b"fast", b"slow"]


# -- forwarded requests (05.5) -----------------------------------------------------------------------------------


def forwarded_store(who: Someone, data: bytes, **more: Any) -> bytes:
    at = now_ms()
    return bencode({"pubkey": who.account, "data": data, "timestamp": at, "expiry": at + DAY, **more})


async def test_a_forwarded_store_is_done_here_and_goes_no_further(lab: Lab) -> None:
    who = lab.someone_at(1)
    name = hand.message_hash(who.account, 0, b"forwarded")
    async with as_node(lab, lab.mate(1)) as queue:
        (body,) = await queue.ask("sn.storage_cc", b"store", forwarded_store(who, b"forwarded"))
    result = bdecode(body)
    assert result.keys() == {b"hash", b"expiry", b"signature"}
    assert result[b"hash"] == name.encode()
    key = lab.hop(1).ed25519
    bindings.crypto_sign_open(result[b"signature"] + name.encode(), key)
    for number in lab.members(1):
        code, got = await ROADS["https"](lab, number, "retrieve", hand.retrieve(who))
        assert (code, len(got["messages"])) == (200, int(number == 1))


@pytest.mark.parametrize(
    ("method", "fields", "answer"),
    [
        (b"retrieve", {}, [b"400", b"invalid request: received invalid forwarded non-forwardable request"]),
        (b"batch", {}, [b"400", b"invalid request: received invalid forwarded non-forwardable request"]),
        (b"store", {}, [b"400", b"invalid request: Required field 'pubkey' missing"]),
    ],
)
async def test_what_cannot_be_forwarded(lab: Lab, method: bytes, fields: Json, answer: list[bytes]) -> None:
    async with as_node(lab, 2) as queue:
        assert await queue.ask("sn.storage_cc", method, bencode(fields)) == answer


async def test_forwarded_requests_are_checked_anew(lab: Lab) -> None:
    who, stranger = lab.someone_at(1), lab.stranger_to(1)
    async with as_node(lab, lab.mate(1)) as queue:
        code, body = await queue.ask("sn.storage_cc", b"store", forwarded_store(stranger, b"x"))
        assert code == b"421"
        assert bdecode(body)[b"swarm"].decode() == f"{hand.swarm_of(stranger.account, lab.swarms):x}"
        late = raw(hand.delete_all(who, 0, at=now_ms() - 65_000))
        assert len(await queue.ask("sn.storage_cc", b"delete_all", bencode(late))) == 1
        later = raw(hand.delete_all(who, 0, at=now_ms() - 71_000))
        text = b"delete_all timestamp too far from current time"
        assert await queue.ask("sn.storage_cc", b"delete_all", bencode(later)) == [b"406", text]
        assert await queue.ask("sn.storage_cc", b"store", forwarded_store(who, b"x", namespace=2)) == [
            b"401",
            b"store: signature required to store to namespace 2",
        ]


async def test_forwarded_messages_of_another_form(lab: Lab) -> None:
    async with as_node(lab, 2) as queue:
        assert await queue.ask("sn.storage_cc", b"a", b"b", b"c") == [
            b"400",
            b"Invalid request: expected 2 message parts, received 3",
        ]
        assert await queue.ask("sn.storage_cc", b"store", b"{}") == [b"400", b"invalid body: expected json or bt_dict"]
        await silent(queue, "sn.storage_cc")
        await silent(queue, "sn.storage_cc", b"store")
        await silent(queue, "sn.storage_cc", b"nosuch", b"de")


# -- pushes and handshakes (05.4) --------------------------------------------------------------------------------


def pushed(who: Someone, data: bytes, namespace: int | None = 0, **change: Any) -> list[Any]:
    at = now_ms()
    name = hand.message_hash(who.account, namespace or 0, data).encode()
    fields = {"account": who.account, "hash": name, "timestamp": at, "expiry": at + DAY, "data": data, **change}
    return [*fields.values()] + ([] if namespace is None else [namespace])


async def stored_by(lab: Lab, who: Someone, namespace: int = 0, number: int = 1) -> list[str]:
    code, got = await ROADS["https"](lab, number, "retrieve", hand.retrieve(who, namespace))
    assert code == 200
    return [each["hash"] for each in got["messages"]]


async def test_a_push_stores_what_is_not_there(lab: Lab) -> None:
    who = lab.someone_at(1)
    messages = [pushed(who, b"a"), pushed(who, b"b", 2), pushed(who, b"c", None)]
    async with as_node(lab, lab.mate(1)) as queue:
        for _ in range(2):
            assert await queue.ask("sn.data", b"\x01" + bencode(messages)) == []
        assert await queue.ask("sn.data", b"\x01le") == []
    assert await stored_by(lab, who) == [hand.message_hash(who.account, 0, each) for each in (b"a", b"c")]
    assert await stored_by(lab, who, 2) == [hand.message_hash(who.account, 2, b"b")]
    assert await stored_by(lab, who, number=lab.mate(1)) == []


async def test_the_namespace_that_an_old_node_leaves_out_is_found_by_the_hash(lab: Lab) -> None:
    who = lab.someone_at(1)
    name = hand.message_hash(who.account, 3, b"contacts").encode()
    async with as_node(lab, lab.mate(1)) as queue:
        assert await queue.ask("sn.data", b"\x01" + bencode([pushed(who, b"contacts", None, hash=name)])) == []
    assert await stored_by(lab, who, 3) == [name.decode()]
    assert await stored_by(lab, who) == []


async def test_a_push_raises_an_expiry_and_never_lowers_it(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    name = hand.message_hash(who.account, 0, b"x")
    async with as_node(lab, lab.mate(1)) as queue:
        for expiry, wanted in ((DAY, DAY), (3 * DAY, 3 * DAY), (2 * DAY, 3 * DAY)):
            await queue.ask("sn.data", b"\x01" + bencode([pushed(who, b"x", expiry=at + expiry)]))
            _, got = await ROADS["https"](lab, 1, "get_expiries", hand.get_expiries(who, [name]))
            assert got["expiries"] == {name: at + wanted}


async def test_an_outbox_keeps_the_later_of_two_pushed_messages(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    async with as_node(lab, lab.mate(1)) as queue:
        for age, data in ((2_000, b"old"), (1_000, b"new"), (3_000, b"older")):
            await queue.ask("sn.data", b"\x01" + bencode([pushed(who, data, -21, timestamp=at - age)]))
    assert await stored_by(lab, who, -21) == [hand.message_hash(who.account, -21, b"new")]


async def test_what_a_push_must_not_bring(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    other = hand.message_hash(who.account, 0, b"another").encode()
    messages = [
        pushed(who, b"another hash", hash=other),
        pushed(who, b"short hash", hash=other[:42]),
        pushed(who, b"expired", expiry=at - 1),
        pushed(who, b"x" * 76_801),
    ]
    async with as_node(lab, lab.mate(1)) as queue:
        assert await queue.ask("sn.data", b"\x01" + bencode(messages)) == []
        assert await queue.ask("sn.data", b"\x01" + bencode([pushed(who, b"for ever", expiry=2**62)])) == []
    name = hand.message_hash(who.account, 0, b"for ever")
    assert await stored_by(lab, who) == [name]
    _, got = await ROADS["https"](lab, 1, "get_expiries", hand.get_expiries(who, [name]))
    assert got["expiries"][name] <= now_ms() + 30 * DAY + 60_000


def broken_blobs(who: Someone) -> list[bytes]:
    good = bencode([pushed(who, b"good")])
    return [
        b"",
        b"\x00" + good,
        b"\x02" + good,
        good,
        b"\x01" + good[:-1],
        b"\x01" + good + b"e",
        b"\x01" + bencode({"a": 1}),
        b"\x01" + bencode([pushed(who, b"good"), 1]),
        b"\x01" + bencode([pushed(who, b"good"), pushed(who, b"good", account=who.account[:32])]),
        b"\x01" + bencode([pushed(who, b"good"), pushed(who, b"x")[:4]]),
        b"\x01" + bencode([pushed(who, b"good"), [*pushed(who, b"x"), 0]]),
        b"\x01" + bencode([pushed(who, b"good"), pushed(who, b"x", 40_000)]),
        b"\x01" + bencode([pushed(who, b"good"), pushed(who, b"x", timestamp=-1)]),
        b"\x01" + bencode([pushed(who, b"good"), pushed(who, b"x", expiry=2**63)]),
    ]


async def test_nothing_of_a_broken_blob_is_stored(lab: Lab) -> None:
    who = lab.someone_at(1)
    async with as_node(lab, lab.mate(1)) as queue:
        for blob in broken_blobs(who):
            assert await queue.ask("sn.data", blob) == [b"400", b"Failed to store messages"]
        await silent(queue, "sn.data")
    assert await stored_by(lab, who) == []


async def test_handshakes(lab: Lab) -> None:
    stranger = next(number for number in lab.numbers if lab.swarm_of(number) != lab.swarm_of(1))
    payload = bencode({"#": 21_200, "t": 0})
    async with as_node(lab, lab.mate(1)) as queue:
        ready, version = await queue.ask("sn.data_ready", payload)
        assert ready == b"OK"
        assert bdecode(version) == {b"#": 21_103}
        assert (await queue.ask("sn.data_ready", bencode({"#": 21_200, "t": 0, "@": 0, "x": 1})))[0] == b"OK"
        assert (await queue.ask("sn.data_ready"))[0] == b"OK"
        for bad in (
            b"",
            b"x",
            b"le",
            bencode({"#": 1}),
            bencode({"t": 0}),
            bencode({"#": 1, "t": 2}),
            bencode({"#": -1, "t": 0}),
        ):
            assert await queue.ask("sn.data_ready", bad) == [b"Request payload malformed."]
    async with as_node(lab, stranger) as queue:
        assert await queue.ask("sn.data_ready", payload) == [b"Swarm mismatch"]
