"""A group over real nodes, from its making to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.network.group_people import members
from veery.client.faults import SendFailed
from veery.client.groups.faults import GroupClosed

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]


async def test_a_group_from_its_making_to_its_end(tmp_path: Path) -> None:
    async with members(tmp_path, 7, ["alice", "bob", "carol"]) as (alice, bob, carol):
        everybody = (alice, bob, carol)
        group = await alice.client.groups.create("Walkers", [bob.id, carol.id])
        assert set((await alice.statuses(group)).values()) == {"promotion_accepted", "invite_sent"}
        for each in (bob, carol):
            await each.poll()
            assert (await each.show(group))["state"] == "invited"
            await each.client.groups.accept(group)
            await each.poll()
        await alice.poll()
        assert set((await alice.statuses(group)).values()) == {"promotion_accepted", "invite_accepted"}

        for each in everybody:
            message = await each.client.sending.send_text(group, f"from {each.name}")
            await each.poll()
            stored = await each.client.sending.wait_stored(message)
            assert stored.delivery.stored_on == stored.delivery.swarm_size == 7
        for each in everybody:
            await each.poll()
            assert await each.texts(group) == ["from alice", "from bob", "from carol"]

        # The nodes refuse a removed member, who does not know of it yet, and what is written then is not for him.
        await alice.client.groups.remove(group, [bob.id])
        late = await bob.client.sending.send_text(group, "still here?")
        while (wakeup := await bob.client.pump.run_due()) is not None:
            await bob.client._core.clock.sleep_until(
                bob.client._core.clock.monotonic() + max(0, wakeup - bob.client._core.clock.now_ms()) / 1_000
            )
        with pytest.raises(SendFailed) as refused:
            await bob.client.sending.wait_stored(late)
        assert refused.value.kind == "network.store.refused_for_good"
        await alice.client.sending.send_text(group, "without bob")
        for each in (alice, carol, bob):
            await each.poll()
        assert await carol.texts(group) == ["from alice", "from bob", "from carol", "without bob"]
        assert (await bob.show(group))["state"] == "kicked"
        assert await bob.texts(group) == []
        with pytest.raises(GroupClosed):
            await bob.client.sending.send_text(group, "hello?")

        assert await alice.client.groups.promote(group, carol.id) == "promotion_sent"
        await carol.poll()
        await carol.client.groups.rename(group, "Runners")
        await alice.poll()
        assert ((await alice.show(group))["name"], (await alice.statuses(group))[carol.id]) == (
            "Runners",
            "promotion_accepted",
        )

        assert (await carol.client.groups.invite(group, [bob.id]))[bob.id] == "invite_sent"
        await bob.poll()
        await bob.client.groups.accept(group)
        await bob.poll()
        await bob.client.groups.leave(group)
        assert await bob.client.groups.list() == []
        for each in (alice, carol):
            await each.poll()
        await carol.poll()
        assert bob.id not in await carol.statuses(group)

        await alice.client.groups.destroy(group)
        assert await alice.client.groups.list() == []
        await carol.poll()
        assert (await carol.show(group))["state"] == "destroyed"
