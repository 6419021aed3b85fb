"""The configuration documents of the own account, and the two ways between them and the store (07, 02.8).

Local changes are made in the store alone, by whoever makes them. Triggers of the database mark what was changed, in the
same transaction (`store.schema_sync`); `take_in` compares what is marked with the documents, changes these and takes
the marks away, in one transaction as well. So no change can be lost: after a kill either the mark is there, or the
document is dirty. And nothing is written that did not change, for the documents compare.

Before fetched messages are merged, what is marked is taken in first: then the merge sees it as a change of its own
time. After the merge the store follows what the merge has changed, entry by entry; marks that come of this are no
changes, and go. A restored account takes in nothing before it has merged what its swarm holds (07.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from veery.client.arrivals import Batch
from veery.client.config import contacts, groups, profile, volatile
from veery.client.config.documents import Documents, Keyring
from veery.client.config.standing import NAMES
from veery.client.core import Core, Times
from veery.client.groups.synced import rebuild
from veery.protocol.account import AccountId
from veery.protocol.config import (
    ACCOUNT_KINDS,
    CONTACTS,
    CONVO_INFO_VOLATILE,
    USER_GROUPS,
    USER_PROFILE,
    AccountSealer,
    ConfigKind,
    Data,
    Merged,
    convo_info_volatile,
)
from veery.protocol.constants import PREFIX_GROUP, PREFIX_USER
from veery.store.config_dumps import Mark
from veery.store.tables import Tables

SYNC_EVENT: Final = "sync"

GroupsChanged = Callable[[Batch, Data, Data], None]


class AccountDocuments:
    """The documents of the own account. on_groups: told in the transaction of a merge that has changed UserGroups."""

    def __init__(self, core: Core) -> None:
        keyring = Keyring(AccountSealer(core.account))
        self._own = core.own
        self.documents = Documents(
            core.own, ACCOUNT_KINDS, lambda tables: keyring, before_merge=self._before_merge, merged=self._merged
        )
        self.on_groups: list[GroupsChanged] = []

    def take_in(self, tables: Tables, times: Times) -> bool:
        """Bring the documents to what was changed in the store; tells whether one is another than before."""
        marks = tables.configs
        if not marks.any_marked() or tables.accounts.get().restored:
            return False
        people = contacts.ids_of(marks.marks(Mark.CONTACT))
        read = contacts.ids_of(marks.marks(Mark.READ))
        by_profile = bool(marks.marks(Mark.PROFILE))
        self._begin_made(Batch(tables, self._own, times))
        left = contacts.ids_of(marks.marks(Mark.LEFT))
        marks.unmark()
        ids = list({**people, **left}.values())
        rooms = [each for each in ids if each.prefix == PREFIX_GROUP]
        changed = [
            (by_profile or self._own in ids) and self._take_profile(tables, times, note=self._own in ids),
            self._change(tables, CONTACTS, times, lambda data: contacts.with_contacts(data, tables, self._people(ids))),
            self._change(
                tables,
                CONVO_INFO_VOLATILE,
                times,
                lambda data: volatile.with_read_states(data, tables, read.values(), times.network_ms),
            ),
            self._change(
                tables,
                USER_GROUPS,
                times,
                lambda data: groups.with_groups(data, tables, rooms, left.values()),
            ),
        ]
        rebuild(tables, self.documents.data(tables, USER_GROUPS), times, among=rooms)
        return any(changed)

    def settled(self, tables: Tables, times: Times) -> None:
        """A poll has read everything that a member of the swarm holds: a restored account may write from now on.

        What stands in the documents and is missing here was lost with what a backup does not hold: it comes back, and
        nothing of it is taken out of the documents.
        """
        if not tables.accounts.get().restored:
            return
        batch = Batch(tables, self._own, times)
        kept = contacts.take_missing(batch, self.documents.data(tables, CONTACTS))
        rebuild(tables, self.documents.data(tables, USER_GROUPS), times)
        marked = [each for each in tables.configs.marks(Mark.CONTACT) if each not in kept]
        tables.configs.unmark(Mark.CONTACT)
        tables.configs.mark(Mark.CONTACT, marked)
        tables.accounts.set_restored(False)
        merged = {row.namespace for row in tables.configs.all(self._own) if row.merged_ms is not None}
        missing = [NAMES[kind.name] for kind in ACCOUNT_KINDS if kind.namespace not in merged]
        self.tell(tables, "restored", times, missing=missing)

    def tell(self, tables: Tables, change: str, times: Times, **fields: object) -> None:
        """Write a `sync` event."""
        tables.events.append(SYNC_EVENT, {"change": change, **fields}, times.local_ms)

    # -- store -> documents ------------------------------------------------------------------------------------

    def _change(self, tables: Tables, kind: ConfigKind, times: Times, work: Callable[[Data], Data]) -> bool:
        return self.documents.change(tables, kind, work, times)

    def _people(self, ids: list[AccountId]) -> list[AccountId]:
        return [each for each in ids if each.prefix == PREFIX_USER and each != self._own]

    def _take_profile(self, tables: Tables, times: Times, *, note: bool) -> bool:
        row, own = tables.accounts.get(), tables.conversations.get(self._own.hex)

        def work(data: Data) -> Data:
            after = profile.with_profile(data, row)
            # a new account begins with note to self hidden, 07.10.1
            return profile.with_note_to_self(after, own) if note or not data else after

        return self._change(tables, USER_PROFILE, times, work)

    # -- documents -> store ------------------------------------------------------------------------------------

    def _before_merge(self, batch: Batch, kind: ConfigKind) -> None:
        self.take_in(batch.tables, batch.times)

    def _merged(self, batch: Batch, kind: ConfigKind, merged: Merged) -> None:
        restored = batch.tables.accounts.get().restored
        again = self._follow(batch, kind, merged, restored=restored)
        again.setdefault(Mark.READ, []).extend(self._begin_made(batch))
        if not restored:
            batch.tables.configs.unmark()
        for mark, ids in again.items():
            batch.tables.configs.mark(mark, ids)
        if merged.changes_lost and not restored:  # a backup's may have been stored long ago
            self.tell(batch.tables, "changes_lost", batch.times, document=NAMES[kind.name])

    def _begin_made(self, batch: Batch) -> list[str]:
        """Bring conversations that are new here to what was known of them before; gives those that are further here."""
        made = contacts.ids_of(batch.tables.configs.marks(Mark.MADE))
        if not made:
            return []
        data = self.documents.data(batch.tables, CONVO_INFO_VOLATILE)
        return volatile.take_over_made(batch, data, made.values())

    def _follow(self, batch: Batch, kind: ConfigKind, merged: Merged, *, restored: bool) -> dict[Mark, list[str]]:
        before, after = merged.before, merged.after
        if kind is USER_PROFILE:
            profile.take_over(batch, before, after)
        elif kind is CONTACTS:
            taken = contacts.take_over(batch, merged, keep_approved=restored)
            states = convo_info_volatile.read(self.documents.data(batch.tables, CONVO_INFO_VOLATILE))
            further = volatile.take_over_some(batch, states, taken.made)
            return {Mark.CONTACT: taken.again, Mark.READ: further}
        elif kind is CONVO_INFO_VOLATILE:
            return {Mark.READ: volatile.take_over(batch, before, after)}
        else:
            groups.take_over(batch, before, after)
            for told in self.on_groups:
                told(batch, before, after)
        return {}
