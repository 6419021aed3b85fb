"""Parts of groups that need no network: what waits for a push, plain words, and the document of other devices."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversations.engines import Device, account_of, store_of
from veery.client.groups import pending
from veery.client.groups.naming import told
from veery.client.groups.pending import InfoNotice, MemberNotice, Pending
from veery.client.groups.synced import with_rights
from veery.protocol.account import AccountId
from veery.protocol.config import user_groups
from veery.protocol.content import (
    GroupInfoChange,
    GroupInviteResponse,
    GroupMemberChange,
    GroupMemberLeftNotification,
    GroupUpdate,
    InfoChangeType,
    MemberChangeType,
)
from veery.protocol.groups import GroupAdminKeys, group_auth_data
from veery.store.conversations import CONTACT
from veery.store.groups import DESTROYED, KICKED, GroupRow
from veery.store.tables import Tables

GROUP = GroupAdminKeys.from_seed(bytes(32)).group_id.hex
ids = st.binary(min_size=32, max_size=32).map(lambda key: AccountId(b"\x05" + key))
notices = st.one_of(
    st.builds(MemberNotice, st.sampled_from(MemberChangeType), st.lists(ids, max_size=3).map(tuple), st.booleans()),
    st.builds(
        InfoNotice, st.sampled_from(InfoChangeType), st.none() | st.text(max_size=5), st.none() | st.integers(0, 9)
    ),
)
waiting = st.builds(
    Pending,
    st.lists(st.binary(max_size=9), max_size=2).map(tuple),
    st.lists(ids, max_size=3).map(tuple),
    st.lists(notices, max_size=3).map(tuple),
)


@given(waiting, waiting)
def test_what_waits_is_kept_as_it_is_and_taken_away_in_order(first: Pending, second: Pending) -> None:
    assert pending.load(pending.dump(first)) == first
    assert first.plus(second).without(first) == second


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (GroupMemberChange(MemberChangeType.ADDED, b"", ("05" + "ab" * 32,)), "invited 05abab…abab"),
        (GroupMemberChange(MemberChangeType.REMOVED, b"", ("none",)), "removed somebody"),
        (GroupMemberChange(MemberChangeType.PROMOTED, b"", ("05" + "ab" * 32,) * 12), "made "),
        (GroupInfoChange(InfoChangeType.NAME, b"", updated_name="Runners"), "named the group Runners"),
        (GroupInfoChange(InfoChangeType.DISAPPEARING_MESSAGES, b"", updated_expiration=0), "lets messages stay"),
        (GroupInfoChange(InfoChangeType.AVATAR, b""), "changed the picture of the group"),
        (GroupMemberLeftNotification(), "left the group"),
        (GroupInviteResponse(), ""),
    ],
)
async def test_notices_in_plain_words(alice: Device, update: GroupUpdate, said: str) -> None:
    found = await alice.read(lambda tables: told(tables, GROUP, update))
    assert found.startswith(said) if said == "made " else found == said


async def test_people_in_notices_have_the_name_of_the_contact_else_the_last_one_of_the_group(alice: Device) -> None:
    contact, former, own = account_of(3).account_id, account_of(4).account_id, alice.client.account

    def work(tables: Tables) -> str:
        tables.conversations.save(replace(tables.conversations.ensure(contact.hex, CONTACT, 1), name="Carol"))
        group = AccountId.from_hex(GROUP)
        tables.groups.set_names(group, {contact: "Caro", former: "Dave"})
        tables.groups.set_names(group, {contact: "Caro"})  # Dave is in the list no more
        everybody = (contact.hex, former.hex, own.hex)
        return told(tables, GROUP, GroupMemberChange(MemberChangeType.REMOVED, b"", everybody))

    assert await store_of(alice.client).run(work) == "removed Carol, Dave, you"


async def test_the_document_of_other_devices_follows_the_rows(alice: Device) -> None:
    admin = GroupAdminKeys.from_seed(bytes(32))
    auth = group_auth_data(admin.seed, account_of(1).account_id.key)
    row = GroupRow(admin.group_id, name="Walkers", auth_data=auth, invited=True, joined_s=5)
    core = alice.client._core

    async def document(
        changed: GroupRow | None, before: dict[bytes, object], *, left: bool = False
    ) -> user_groups.Group | None:
        def work(tables: object) -> user_groups.Group | None:
            assert hasattr(tables, "groups")
            if changed is None:
                tables.groups.delete(admin.group_id)
            else:
                tables.groups.save(changed)
            data = with_rights(dict(before), tables, admin.group_id, left=left)  # type: ignore[arg-type]  # tables of a transaction
            before.clear()
            before.update(data)
            return user_groups.find(data, admin.group_id)

        return await core.write(work)

    held: dict[bytes, object] = {}
    entry = await document(row, held)
    assert entry is not None and entry.auth_data is not None
    assert (entry.name, entry.invited, entry.joined_s, entry.auth_data.reveal()) == ("Walkers", True, 5, auth.reveal())
    entry = await document(replace(row, invited=False, seed=admin.seed), held)
    assert entry is not None and entry.seed is not None and not entry.invited
    entry = await document(replace(row, removed=KICKED, seed=None, auth_data=None), held)
    assert entry is not None and entry.kicked and entry.seed is None and entry.name == "Walkers"
    entry = await document(replace(row, removed=DESTROYED, seed=None, auth_data=None), held)
    assert entry is not None and entry.destroyed
    entry = await document(None, held)
    assert entry is not None and entry.destroyed  # to lack a row is no wish to leave
    assert await document(None, held, left=True) is None
