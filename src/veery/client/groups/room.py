"""One group as this device holds it: rights, keys and documents. Everything here works in the caller's transaction.

An admin holds the seed, signs with the group's key and writes the documents; a member holds a token that an admin
signed, and reads. What changes here goes to the swarm with the next push (`sequences`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from veery.client.arrivals import Batch
from veery.client.config.documents import Documents, Keyring
from veery.client.core import Times
from veery.client.groups import pending
from veery.client.groups.faults import GroupClosed, NotAdmin, no_group
from veery.client.groups.pending import Pending
from veery.client.groups.standing import admin_of, check_open, keys_of, signer_of
from veery.protocol import crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config import GROUP_INFO, GROUP_MEMBERS, ConfigKind, Data, GroupSealer, Merged
from veery.protocol.groups import GroupAdminKeys, KeyList, Member, info, key_list, key_messages, members
from veery.protocol.groups.info import GroupInfo
from veery.protocol.storage_rpc import Signer
from veery.secret import Secret
from veery.store.groups import GroupRow
from veery.store.tables import Tables

Merge: TypeAlias = Callable[["GroupRoom", Batch, ConfigKind, Merged], None]


class GroupRoom:
    """One group. merged: what follows from documents that were fetched."""

    def __init__(self, group: AccountId, account: Account, merged: Merge) -> None:
        self.id = group
        self.account = account
        self.documents = Documents(
            group,
            (GROUP_INFO, GROUP_MEMBERS),
            self._keyring,
            merged=lambda batch, kind, found: merged(self, batch, kind, found),
        )
        self.busy = asyncio.Lock()  # one request that changes the swarm at a time
        self.letters = asyncio.Lock()  # one round of invitations and promotions at a time
        self.sending: set[AccountId] = set()  # whose invitation or promotion is under way

    # -- looking -----------------------------------------------------------------------------------------------

    def row(self, tables: Tables) -> GroupRow:
        """The group's row. Raises NotFound."""
        found = tables.groups.get(self.id)
        if found is None:
            raise no_group()
        return found

    def info(self, tables: Tables) -> GroupInfo:
        """What Info says."""
        return info.read(self.documents.data(tables, GROUP_INFO))

    def members(self, tables: Tables) -> dict[AccountId, Member]:
        """Who is in the group."""
        return members.read(self.documents.data(tables, GROUP_MEMBERS))

    def member(self, tables: Tables, person: AccountId) -> Member | None:
        """One member, or None."""
        return members.find(self.documents.data(tables, GROUP_MEMBERS), person)

    def keys(self, tables: Tables) -> KeyList:
        """The keys that are held."""
        return keys_of(self.row(tables))

    def admin(self, tables: Tables) -> GroupAdminKeys | None:
        """The keys of an admin, None for members."""
        return admin_of(self.row(tables))

    def need_admin(self, tables: Tables) -> GroupAdminKeys:
        """The keys of an admin. Raises NotFound, GroupClosed, NotAdmin."""
        row = self.row(tables)
        check_open(row)
        found = admin_of(row)
        if found is None:
            raise NotAdmin("only admins of the group may do that")
        return found

    def check_changeable(self, tables: Tables) -> GroupAdminKeys:
        """The keys of an admin, for what a person changes. Raises as `need_admin`, also for a group that ends."""
        found = self.need_admin(tables)
        self.check_not_ending(tables)
        return found

    def check_not_ending(self, tables: Tables) -> None:
        """Pass a group whose end was not decided. Raises GroupClosed: the end is still to be told to the swarm."""
        if self.info(tables).destroyed:
            raise GroupClosed("the group was deleted", kind="client.group.destroyed")

    def signer(self, tables: Tables) -> Signer | None:
        """Who signs requests to the group's swarm, or None without rights."""
        return signer_of(self.row(tables), self.account)

    def pending(self, tables: Tables) -> Pending:
        """What goes out with the next push, beside documents and keys."""
        return pending.load(self.row(tables).pending)

    def owed(self, tables: Tables) -> frozenset[AccountId]:
        """To whom this device has still to send an invitation or promotion, now or after the next push."""
        row = self.row(tables)
        return frozenset((*row.owed, *pending.load(row.pending).letters))

    def needs_push(self, tables: Tables) -> bool:
        """Whether an admin has something to bring to the swarm."""
        row = self.row(tables)
        if row.seed is None or not row.is_open:
            return False
        return bool(row.pending) or keys_of(row).pending is not None or self.documents.is_pending(tables)

    # -- changing ----------------------------------------------------------------------------------------------

    def change_info(self, tables: Tables, work: Callable[[Data], Data], times: Times) -> bool:
        """Change Info; tells whether it is another than before. Raises ConfigMisuse."""
        return self.documents.change(tables, GROUP_INFO, work, times)

    def write_members(self, tables: Tables, changed: Iterable[Member], times: Times) -> bool:
        """Write entries of Members; tells whether they are others than before. Raises ConfigMisuse."""
        entries = list(changed)

        def work(data: Data) -> Data:
            for each in entries:
                data = members.written(data, each)
            return data

        changed_any = self.documents.change(tables, GROUP_MEMBERS, work, times)
        self.mirror_names(tables)
        return changed_any

    def mirror_names(self, tables: Tables) -> None:
        """Keep the names in the list where they are found without it."""
        tables.groups.set_names(self.id, {each.id: each.name for each in self.members(tables).values()})

    def erase_members(self, tables: Tables, gone: Iterable[AccountId], times: Times) -> bool:
        """Erase entries of Members, whose removal was carried out."""
        ids = list(gone)

        def work(data: Data) -> Data:
            for each in ids:
                data = members.without(data, each)
            return data

        return self.documents.change(tables, GROUP_MEMBERS, work, times)

    def rotate(self, tables: Tables, times: Times) -> None:
        """A new key for everybody in Members, and both documents sealed anew with it (08.3.1, 08.3.4)."""
        admin = self.need_admin(tables)
        self.save_keys(tables, key_list.rotated(self.keys(tables), admin, self.members(tables)))
        for kind in self.documents.kinds:
            self.documents.rewrite(tables, kind, times)

    def key_fits(self, tables: Tables) -> bool:
        """Whether the newest key is the only one of its generation, and was made for just those who are in Members.

        A rotation follows from members and generation alone, so every admin can tell. If two admins changed the members
        at once, the newest key is one that somebody does not have, or that a removed member has.
        """
        admin, keys = self.admin(tables), self.keys(tables)
        if admin is None or keys.generation is None or keys.pending is not None:
            return True
        if keys.collides:
            return False
        expected = key_messages.rotate(admin, self.members(tables), keys.generation)
        return crypto.equal(expected.key.reveal(), keys.keys[-1].key.reveal())

    def save_keys(self, tables: Tables, keys: KeyList) -> None:
        """Keep the keys."""
        tables.groups.update(self.id, lambda row: replace(row, keys=Secret(key_list.dump(keys))))

    def add_pending(self, tables: Tables, more: Pending) -> None:
        """Let something go out with the next push."""
        after = self.pending(tables).plus(more)
        tables.groups.update(self.id, lambda row: replace(row, pending=pending.dump(after)))

    def _keyring(self, tables: Tables) -> Keyring:
        row = tables.groups.get(self.id)
        if row is None:
            return Keyring(GroupSealer(()), self.id.key)
        admin = admin_of(row)
        sealer = GroupSealer(keys_of(row).decryption_keys)
        return Keyring(sealer, self.id.key, None if admin is None else admin.secret)
