"""What could not be read is read again, as soon as somebody can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.conversations.engines import Device, account_of
from tests.unit.client.mail import deliver, sealed
from veery.client.applying import UNKNOWN_KIND
from veery.client.arrivals import Batch
from veery.client.mailbox import Handler, own_mailbox
from veery.client.opening import UNKNOWN_VERSION, open_item
from veery.errors import Malformed
from veery.protocol.content import DataMessage, Unknown
from veery.store.inbox import FetchedItem, KeptItem, Undecoded

CAROL = account_of(3)
FIELD_30 = bytes.fromhex("f2010568656c6c6f")


async def kept(device: Device) -> tuple[KeptItem, ...]:
    return await device.read(lambda tables: tables.inbox.kept(100))


def reading_as(device: Device, data: bytes) -> Handler[Any]:
    """A handler of a later build, which reads every item as if it held `data`."""
    base = own_mailbox(device.account).handlers[0]

    def prepare(tables: Any, account: Any) -> Any:
        return lambda items: {item.hash: open_item(data, account) for item in items}

    return Handler(prepare, base.apply)


async def test_a_kind_that_nobody_knows_waits_for_a_build_that_does(bob: Device) -> None:
    await deliver(CAROL, bob, Unknown(FIELD_30))
    (item,) = await kept(bob)
    assert item.reason == UNKNOWN_KIND
    mailbox = own_mailbox(bob.account)
    assert await bob.client.rereading.reread(mailbox) == 0
    assert [each.id for each in await kept(bob)] == [item.id]
    now = bob.clock.now_ms()
    later = replace(mailbox, handlers={0: reading_as(bob, sealed(CAROL, bob, DataMessage(body="read"), now))})
    assert await bob.client.rereading.reread(later, reasons={UNKNOWN_VERSION}) == 0
    assert await bob.client.rereading.reread(later) == 1
    assert await kept(bob) == ()
    assert await bob.texts(CAROL.account_id.hex) == ["read"]
    assert [each["text"] for each in await bob.events() if each["event"] == "message"] == ["read"]


async def test_what_turns_out_to_break_a_rule_is_forgotten_with_what_it_wrote(bob: Device) -> None:
    bob.swarm.put(bob.account.account_id.raw, b"\0of a later version")
    await bob.client.receiving.fetch()
    assert [each.reason for each in await kept(bob)] == [UNKNOWN_VERSION]
    mailbox = own_mailbox(bob.account)

    def apply(batch: Batch, openings: Mapping[str, Any], item: FetchedItem) -> Undecoded | None:
        batch.tables.accounts.set_setting("written", "yes")
        raise Malformed("no", kind="test")

    refusing = replace(mailbox, handlers={0: Handler(mailbox.handlers[0].prepare, apply)})
    assert await bob.client.rereading.reread(refusing) == 0
    assert await kept(bob) == ()
    assert await bob.read(lambda tables: tables.accounts.setting("written")) is None


async def test_only_items_of_the_mailbox_are_read(bob: Device) -> None:
    await deliver(CAROL, bob, Unknown(FIELD_30))
    other = replace(own_mailbox(bob.account), account=CAROL.account_id)
    assert await bob.client.rereading.reread(replace(other, handlers={0: reading_as(bob, b"\0")})) == 0
    assert len(await kept(bob)) == 1


async def test_a_new_start_reads_again(bob: Device) -> None:
    """Housekeeping begins with it, so that a new build needs no more than its start."""
    await deliver(CAROL, bob, Unknown(FIELD_30))
    later = sealed(CAROL, bob, DataMessage(body="known by now"), bob.clock.now_ms())

    def newer(tables: Any) -> None:
        (item,) = tables.inbox.kept(1)
        tables.inbox._db.execute("UPDATE undecoded SET data = ? WHERE id = ?", (later, item.id))

    await bob.client._core.store.run(newer)
    await bob.client.close()
    client = await bob.open()
    stream = client.events()
    client.start()
    while (event := await anext(stream))["event"] != "message":
        pass
    assert event["text"] == "known by now"
    assert await kept(bob) == ()
