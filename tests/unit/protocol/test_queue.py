"""The receiver table of 15.8, tags that wait, routing ids, addresses."""

from __future__ import annotations

from base64 import b64encode

import pytest

from veery.errors import Misuse
from veery.protocol import queue, queue_address
from veery.protocol.queue import CommandRule, Connection, Level, Refusal
from veery.protocol.queue_address import AddressMalformed, QueueAddress
from veery.protocol.queue_state import PendingRequests, ProvenRoutes, fixed_routing_id
from veery.protocol.swarm import base32z

INCOMING, OUTGOING = Connection(outgoing=False), Connection(outgoing=True)
COMMANDS = {
    b"sn.ping": CommandRule(request=True, remote_sn=True),
    b"admin.set": CommandRule(request=False, level=Level.ADMIN),
    b"pulse.vote": CommandRule(request=False, remote_sn=True, local_sn=True),
    b"notify.message": CommandRule(request=False),
    b"storage.info": CommandRule(request=True),
}
KEY = bytes(range(32))


def outcome(*parts: bytes, on: Connection = INCOMING, pending: tuple[bytes, ...] = (b"t",)) -> queue.Outcome:
    return queue.receive(parts, on, COMMANDS, pending, {b"vote": b"pulse.vote"})


def test_nothing_is_ignored() -> None:
    assert outcome() == queue.Ignored()


def test_replies_need_a_tag_that_waits() -> None:
    assert outcome(b"REPLY", b"t", b"a", b"") == queue.Replied(b"t", (b"a", b""))
    assert outcome(b"REPLY", b"t", on=OUTGOING) == queue.Replied(b"t", ())
    assert outcome(b"REPLY", b"u") == outcome(b"REPLY") == queue.Ignored()


def test_hello_on_either_side() -> None:
    assert outcome(b"HI", b"extra") == queue.Hello((b"HELLO",))
    assert outcome(b"HI", on=OUTGOING) == queue.Ignored()
    assert outcome(b"HELLO", on=Connection(outgoing=True, connecting=True)) == queue.Connected()
    assert outcome(b"HELLO", on=OUTGOING) == queue.Ignored()
    assert outcome(b"HELLO", on=Connection(outgoing=False, connecting=True)) == queue.Ignored()


def test_bye_only_ends_what_was_opened_here() -> None:
    assert outcome(b"BYE", on=OUTGOING) == queue.Close()
    assert outcome(b"BYE") == queue.Ignored()


def test_refusals_that_come_back() -> None:
    assert outcome(b"FORBIDDEN_SN", b"REPLY", b"t") == queue.Failed(b"t", Refusal.FORBIDDEN_SN)
    assert outcome(b"FORBIDDEN_SN", b"REPLY", b"u") == queue.Ignored()
    assert outcome(b"UNKNOWNCOMMAND") == queue.Ignored()
    assert outcome(b"UNKNOWNCOMMAND", b"a.b") == queue.Refused(Refusal.UNKNOWN_COMMAND, b"a.b")
    assert outcome(b"FORBIDDEN", b"REPLY", b"t", b"more") == queue.Refused(Refusal.FORBIDDEN, b"REPLY")
    assert outcome(b"NO_REPLY_TAG") == queue.Refused(Refusal.NO_REPLY_TAG, b"")


def test_unknown_names() -> None:
    for name in (b"", b"nodot", b".ping", b"sn.nosuch", b"SN.ping", b"a." + b"b" * 250):
        assert outcome(name, b"tag") == queue.Refuse(Refusal.UNKNOWN_COMMAND, (b"UNKNOWNCOMMAND", name))


def test_checks_in_their_order() -> None:
    node, here = Connection(False, remote_sn=True), Connection(False, local_sn=True)
    assert outcome(b"admin.set", b"x") == queue.Refuse(Refusal.FORBIDDEN, (b"FORBIDDEN", b"admin.set"))
    assert outcome(b"pulse.vote", on=node) == queue.Refuse(
        Refusal.NOT_A_SERVICE_NODE, (b"NOT_A_SERVICE_NODE", b"pulse.vote")
    )
    assert outcome(b"vote", on=here) == queue.Refuse(Refusal.FORBIDDEN_SN, (b"FORBIDDEN_SN", b"vote"))
    assert outcome(b"sn.ping") == queue.Refuse(Refusal.FORBIDDEN_SN, (b"FORBIDDEN_SN", b"sn.ping"))
    assert outcome(b"sn.ping", on=node) == queue.Refuse(Refusal.NO_REPLY_TAG, (b"NO_REPLY_TAG", b"sn.ping"))
    assert outcome(b"sn.ping", b"", on=node) == queue.Refuse(Refusal.NO_REPLY_TAG, (b"NO_REPLY_TAG", b"sn.ping"))


def test_commands_that_pass() -> None:
    node = Connection(True, remote_sn=True, local_sn=True)
    assert outcome(b"sn.ping", b"T", on=node) == queue.Request(b"sn.ping", b"T", ())
    assert outcome(b"vote", b"a", b"", on=node) == queue.Command(b"pulse.vote", (b"a", b""))
    assert outcome(b"admin.set", on=Connection(False, level=Level.ADMIN)) == queue.Command(b"admin.set", ())


def test_what_must_not_be_sent() -> None:
    with pytest.raises(Misuse):
        queue.request(b"sn.ping", b"")
    with pytest.raises(Misuse):
        queue.reply(b"")
    with pytest.raises(Misuse):
        queue.command(b"ping")
    assert queue.new_tag(bytes) == bytes(15)


def test_requests_time_out_once() -> None:
    pending = PendingRequests()
    pending.add(b"a", b"sn.data", 1_000)
    pending.add(b"b", b"sn.data", 500, connection=2)
    assert pending.get_timer() == 500
    assert pending.handle_timer(499) == []
    assert pending.handle_timer(500) == [b"b"]
    assert b"b" not in pending
    assert pending.take(b"b") is None
    taken = pending.take(b"a")
    assert taken is not None
    assert (taken.command, len(pending), pending.get_timer()) == (b"sn.data", 0, None)
    pending.add(b"c", b"x.y", 1)
    for bad in (b"", b"c"):
        with pytest.raises(Misuse):
            pending.add(bad, b"x.y", 1)


def test_a_refusal_without_tag_ends_the_oldest_of_its_name() -> None:
    pending = PendingRequests()
    for tag, connection in ((b"1", 1), (b"2", 2), (b"3", 2)):
        pending.add(tag, b"storage.new", 9, connection)
    assert pending.take_refused(b"storage.new", 2) == b"2"
    assert pending.take_refused(b"storage.old", 2) is None


def test_a_routing_id_that_changes_hands_is_noticed() -> None:
    routes = ProvenRoutes(largest=2)
    route = fixed_routing_id(KEY)
    assert route == b"L" + KEY
    assert not routes.note(route, KEY)
    assert not routes.note(route, KEY)
    assert routes.note(route, bytes(32))
    assert routes.key_of(route) == bytes(32)
    routes.note(b"1", KEY)
    routes.note(b"2", KEY)
    assert routes.key_of(route) is None
    routes.forget(b"1")
    assert not routes.note(b"1", bytes(32))
    with pytest.raises(Misuse):
        fixed_routing_id(b"short")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://127.0.0.1:22020", QueueAddress("127.0.0.1", 22020)),
        ("TCP://Example.ORG:1", QueueAddress("example.org", 1)),
        ("ipc:///run/daemon.sock", QueueAddress(path="/run/daemon.sock")),
        (f"curve://h:5/{KEY.hex()}", QueueAddress("h", 5, key=KEY)),
        (f"tcp+curve://h:5/{base32z.encode(KEY)}", QueueAddress("h", 5, key=KEY)),
        (f"CURVE://H:5/{base32z.encode(KEY).upper()}", QueueAddress("h", 5, key=KEY)),
        (f"curve://h:5/{b64encode(KEY).decode()}", QueueAddress("h", 5, key=KEY)),
        (
            f"ipc+curve://a/b/{b64encode(b'/' + b'?' * 31).decode().rstrip('=')}",
            QueueAddress(path="a/b", key=b"/" + b"?" * 31),
        ),
        (f"curve://h:5/{b64encode(bytes([255] * 32)).decode()}", QueueAddress("h", 5, key=bytes([255] * 32))),
    ],
)
def test_addresses(text: str, address: QueueAddress) -> None:
    assert queue_address.parse(text) == address
    assert queue_address.parse(str(address)) == address
    assert address.endpoint.split("://")[0] in ("tcp", "ipc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:5",
        "udp://h:5",
        "tcp://h",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://:5",
        "tcp://a b:5",
        "ipc://",
        "curve://h:5",
        "curve://h:5/",
        "curve://h:5/00",
        "curve://h/" + "00" * 32,
        "ipc+curve://" + "00" * 32,
        "curve://h:5/" + "zz" * 32,
        "tcp://h:٥",
    ],
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(AddressMalformed):
        queue_address.parse(text)
