"""The configuration documents of one account: of the own one, or of a group.

What is held lives in the store alone (`store.config_dumps`), and each call works inside the transaction of its caller,
so that a kill at any point leaves a document either as it was before or as it is after. How to use it:

    documents = Documents(account, (GROUP_INFO, GROUP_MEMBERS), keyring, merged=take_over)

    # reading and changing, in a transaction; `edit` takes application data and gives an edited copy
    await core.write(lambda tables: documents.change(tables, GROUP_INFO, edit, core.times()))
    info = await core.read(lambda tables: documents.data(tables, GROUP_INFO))

    # fetching: one handler a namespace for the mailbox of the account
    Mailbox(account, signer, {namespace: …, **documents.handlers()})

    # bringing changes to the swarm, deleting what is obsolete, keeping alive what is current
    pushing = Pushing(core, documents, lambda: signer)
    await pushing.push()
    await pushing.renew()

`keyring(tables)` says in each transaction how documents are sealed, verified and signed then, so that keys that arrive
or rotate count at once. `before_merge` is called before fetched messages are merged, to bring local changes into the
document first; `merged` after a merge that changed the data, to mirror it. Both run in the transaction of the batch.

All messages of a batch are merged together, for the outcome of 07.6 is one of a set. What does not open, or is no
message, is kept with its reason among the undecoded items: it is never deleted from the swarm, nor merged in part, and
is read again when somebody asks (`client.rereading`), for instance when a key has arrived.

Who needs more than stores of documents in one request (the key messages of a group, say) builds it from
`prepare_push`, `pushing.requests_of`, `pushing.judged` and `finish_push`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Final

from veery.client.arrivals import Batch
from veery.client.config import changes
from veery.client.core import Times
from veery.client.mailbox import Handler
from veery.errors import ProtocolError
from veery.protocol.account import Account, AccountId
from veery.protocol.config import (
    ConfigKind,
    ConfigMalformed,
    ConfigMisuse,
    ConfigObject,
    Data,
    Merged,
    Opened,
    Phase,
    Push,
    Sealer,
    batches,
)
from veery.protocol.config.batches import Slot
from veery.protocol.config.message import Message
from veery.secret import Secret
from veery.store.config_changes import ADDED, FURTHER, Changed
from veery.store.config_dumps import ConfigRow
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

OBSOLETE_MAX: Final = 200  # storage hashes deleted with one request


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Keyring:
    """What documents are sealed with; verify_key, sign_key: as of `ConfigObject`, for groups."""

    sealer: Sealer
    verify_key: bytes | None = None
    sign_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one push of an account stores and deletes. refused: documents that cannot be stored as they are, and why."""

    pushes: tuple[Push, ...]
    obsolete: tuple[str, ...]
    refused: Mapping[str, ConfigMisuse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the swarm has proved: storage hashes by slot of the pushes, and hashes that are deleted."""

    stored: Mapping[Slot, str] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()


class Openings(dict[str, "Opened | ProtocolError"]):
    """The items of one batch as they opened, by storage hash, with the times of their storing; merged once a batch."""

    def __init__(self, found: Mapping[str, Opened | ProtocolError], stored_ms: Mapping[str, int]) -> None:
        super().__init__(found)
        self.stored_ms = stored_ms
        self._merged: tuple[Batch, Mapping[str, str]] | None = None

    def reasons(self, batch: Batch, merge: Callable[[Batch, Openings], Mapping[str, str]]) -> Mapping[str, str]:
        """Why items were set aside, by hash, after all of them were merged."""
        if self._merged is None or self._merged[0] is not batch:
            self._merged = batch, merge(batch, self)
        return self._merged[1]


def _nothing_before(batch: Batch, kind: ConfigKind) -> None:
    return None


def _nothing_after(batch: Batch, kind: ConfigKind, merged: Merged) -> None:
    return None


class Documents:
    """The documents of one account. kinds: in the order in which they are stored."""

    def __init__(
        self,
        account: AccountId,
        kinds: Sequence[ConfigKind],
        keyring: Callable[[Tables], Keyring],
        *,
        before_merge: Callable[[Batch, ConfigKind], None] = _nothing_before,
        merged: Callable[[Batch, ConfigKind, Merged], None] = _nothing_after,
    ) -> None:
        self.account = account
        self.kinds = tuple(kinds)
        self._keyring = keyring
        self._before_merge = before_merge
        self._after_merge = merged
        # By namespace: a document as it was at a version. A version that was undone is not on the disk, so what was
        # kept for it is not used; and it is never given again.
        self._kept: dict[int, tuple[int, ConfigObject]] = {}
        self._version = 0

    # -- looking and changing, in a transaction ----------------------------------------------------------------

    def data(self, tables: Tables, kind: ConfigKind) -> Data:
        """The application data of a document."""
        return self.document(tables, kind).data

    def document(self, tables: Tables, kind: ConfigKind) -> ConfigObject:
        """A copy of a document, to look at."""
        return self._load(tables, kind)[1]

    def change(self, tables: Tables, kind: ConfigKind, work: Callable[[Data], Data], times: Times) -> bool:
        """Replace the data of a document by an edited copy; tells whether it is another than before.

        Raises ConfigMisuse: read only, or a value that no document holds.
        """
        row, held = self._load(tables, kind)
        before = held.data
        if not held.change(work(before)):
            return False
        self._note(tables, row, changes.between(kind, before, held.data), times, own=True, seqno=held.seqno)
        self._forget_undone(tables, row, held)
        self._save(tables, _changed(row, times), held)
        return True

    def rewrite(self, tables: Tables, kind: ConfigKind, times: Times) -> None:
        """Let a document be stored anew with the same data: after a rotation of keys. Raises as `change`."""
        row, held = self._load(tables, kind)
        held.renew()
        self._note(tables, row, [Changed("", "sealed anew")], times, own=True, seqno=held.seqno)
        self._save(tables, _changed(row, times), held)

    def active_hashes(self, tables: Tables) -> frozenset[str]:
        """Storage hashes that the swarm must keep."""
        return frozenset().union(*(self.document(tables, kind).active_hashes for kind in self.kinds))

    def is_pending(self, tables: Tables) -> bool:
        """Whether a document waits to be pushed."""
        return any(row.pending for row in tables.configs.all(self.account))

    # -- fetching ----------------------------------------------------------------------------------------------

    def handlers(self) -> Mapping[int, Handler[Opened | ProtocolError]]:
        """How the namespaces of the documents are read, in the order of the kinds."""
        return {namespace_of(kind): self.handler(kind) for kind in self.kinds}

    def handler(self, kind: ConfigKind) -> Handler[Opened | ProtocolError]:
        """How the namespace of one document is read."""

        def prepare(tables: Tables, account: Account) -> Callable[[Sequence[FetchedItem]], Openings]:
            held = self.document(tables, kind)
            return lambda items: _opened(held, items)

        def merge(batch: Batch, openings: Openings) -> Mapping[str, str]:
            return self._merge(batch, kind, openings)

        def apply(batch: Batch, openings: Mapping[str, Opened | ProtocolError], item: FetchedItem) -> Undecoded | None:
            if not isinstance(openings, Openings):
                raise TypeError("a handler applies what its own opener gave")
            reason = openings.reasons(batch, merge).get(item.hash)
            return None if reason is None else Undecoded(reason)

        return Handler(prepare, apply)

    def _merge(self, batch: Batch, kind: ConfigKind, openings: Openings) -> Mapping[str, str]:
        self._before_merge(batch, kind)
        tables, times = batch.tables, batch.times
        row, held = self._load(tables, kind)
        refused = {name: each.kind for name, each in openings.items() if isinstance(each, ProtocolError)}
        valid = [(name, each) for name, each in openings.items() if not isinstance(each, ProtocolError)]
        foreign = {name for name, each in valid if not _is_own(held, name, each)}
        merged = held.merge_opened(valid, times.network_ms)
        if held.put_back():
            merged = replace(merged, after=held.data)
        refused |= {name: error.kind for name, error in merged.refused.items()}
        if not merged.accepted:
            return refused
        stored = [min(openings.stored_ms[name], times.network_ms) for name in foreign & merged.accepted]
        if stored and merged.messages:
            row = replace(row, merged_ms=times.local_ms, stored_ms=max(*stored, row.stored_ms or 0))
        elif merged.messages and tables.accounts.get().restored:
            row = replace(row, merged_ms=times.local_ms)  # it is as the backup has it
        if merged.changes_lost:
            row = replace(row, changes_lost_ms=times.local_ms)
        if held.needs_push:
            row = _changed(row, times)
        else:
            tables.changes.settle(self.account, row.namespace, times.local_ms, lost=merged.changes_lost)
        if merged.changed:
            found = changes.between(kind, merged.before, merged.after)
            self._note(tables, row, found, times, own=False, seqno=held.seqno)
        self._save(tables, row, held)
        if merged.changed or merged.changes_lost:
            self._after_merge(batch, kind, merged)
        return refused

    # -- pushing -----------------------------------------------------------------------------------------------

    def prepare_push(self, tables: Tables, times: Times) -> Prepared:
        """What is to be stored and deleted now; fixes the bytes, so that a repeated push has the same ones.

        What is obsolete is remembered until `finish_push` hears that it is gone.
        """
        pushes: list[Push] = []
        refused: dict[str, ConfigMisuse] = {}
        for kind in self.kinds:
            row, held = self._load(tables, kind)
            if held.mend():
                row = _changed(row, times)
            if not held.needs_push and not held.obsolete_hashes:
                continue
            wanted = held.needs_push
            try:
                push = held.push(times.network_ms)
            except ConfigMisuse as error:
                refused[kind.name] = error
                continue
            tables.configs.add_obsolete(self.account, row.namespace, push.obsolete, times.local_ms)
            self._save(tables, row, held)
            if wanted:
                pushes.append(push)
        needed = self.active_hashes(tables)
        obsolete = tables.configs.obsolete(self.account, OBSOLETE_MAX)
        tables.configs.drop_obsolete(self.account, needed.intersection(obsolete))
        return Prepared(tuple(pushes), tuple(each for each in obsolete if each not in needed), refused)

    def finish_push(self, tables: Tables, prepared: Prepared, answered: Answered, times: Times) -> tuple[str, ...]:
        """Take over what the swarm has proved; gives the names of the documents that are stored now."""
        done: list[str] = []
        for index, hashes in batches.confirmed(prepared.pushes, answered.stored).items():
            push = prepared.pushes[index]
            row, held = self._load(tables, push.kind)
            if not held.confirm(push.seqno, hashes):
                continue  # it was changed meanwhile; what was stored is fetched, and then becomes obsolete
            row = replace(row, changed_ms=None, changed_last_ms=None)
            tables.changes.settle(self.account, row.namespace, times.local_ms)
            self._save(tables, replace(row, pushed_ms=times.local_ms, renewed_ms=times.local_ms), held)
            done.append(push.kind.name)
        tables.configs.drop_obsolete(self.account, answered.deleted)
        return tuple(done)

    def renewed(self, tables: Tables, found: frozenset[str], gone: frozenset[str], times: Times) -> tuple[str, ...]:
        """Take over which storage hashes the swarm has, and which it has forgotten.

        Gives the names of the documents whose current message is gone: they are pushed again, with the same bytes.
        """
        lost: list[str] = []
        for kind in self.kinds:
            row, held = self._load(tables, kind)
            if held.mend():
                row = _changed(row, times)
            elif held.lose(gone):
                lost.append(kind.name)
                row = _changed(replace(row, lost_ms=times.local_ms), times)
            elif held.current_hashes & found:
                row = replace(row, renewed_ms=times.local_ms)
            else:
                continue
            self._save(tables, row, held)
        return tuple(lost)

    # -- the store ---------------------------------------------------------------------------------------------

    def _note(
        self, tables: Tables, row: ConfigRow, found: Sequence[Changed], times: Times, *, own: bool, seqno: int
    ) -> None:
        tables.changes.note(self.account, row.namespace, found, own=own, seqno=seqno, now_ms=times.local_ms)

    def _forget_undone(self, tables: Tables, row: ConfigRow, held: ConfigObject) -> None:
        """Forget changes that were taken back before they were stored: the draft does not name them."""
        if held.is_merge:
            return  # its diff says nothing of who has changed what
        kept = {(each.subject, each.field) for each in changes.named(held.kind, held.message().diff, None, held.data)}
        subjects = {subject for subject, _ in kept}
        undone = [
            each.what
            for each in tables.changes.waiting(self.account, row.namespace)
            if each.seqno == held.seqno and not _is_kept(each.what, kept, subjects)
        ]
        tables.changes.undo(self.account, row.namespace, undone)

    def _load(self, tables: Tables, kind: ConfigKind) -> tuple[ConfigRow, ConfigObject]:
        keys, namespace = self._keyring(tables), namespace_of(kind)
        row = tables.configs.get(self.account, namespace)
        if row is None:
            fresh = ConfigObject(kind, keys.sealer, verify_key=keys.verify_key, sign_key=keys.sign_key)
            return ConfigRow(self.account, namespace, b""), fresh
        version, kept = self._kept.get(namespace, (None, None))
        if kept is None or version != row.version:
            kept = _loaded(kind, keys.sealer, row.dump)
            self._kept[namespace] = row.version, kept
        return row, kept.copy(keys.sealer, verify_key=keys.verify_key, sign_key=keys.sign_key)

    def _save(self, tables: Tables, row: ConfigRow, held: ConfigObject) -> None:
        self._version = max(row.version, self._version) + 1
        self._kept[row.namespace] = self._version, held
        saved = replace(row, dump=held.dump(), version=self._version, seqno=held.seqno, pending=held.needs_push)
        tables.configs.save(saved)


def _loaded(kind: ConfigKind, sealer: Sealer, dump: bytes) -> ConfigObject:
    """A document as it was saved; a fresh one if that cannot be read, for nothing else may stop for it.

    What another device stores next is merged into it.
    """
    try:
        return ConfigObject(kind, sealer, saved=dump)
    except ConfigMalformed as error:
        log.warning("The saved state of %s is begun anew: %s", kind.name, error)
        return ConfigObject(kind, sealer)


def _is_kept(what: Changed, kept: Set[tuple[str, str]], subjects: Set[str]) -> bool:
    """Whether a draft that names these fields still holds a change; what was added is named by its fields."""
    if what.field == FURTHER:
        return True
    return what.subject in subjects if what.field == ADDED else (what.subject, what.field) in kept


def namespace_of(kind: ConfigKind) -> int:
    """Where a document is stored. Raises ConfigMisuse for one that never leaves the device."""
    if kind.namespace is None:
        raise ConfigMisuse("this configuration never leaves the device", kind="config.misuse.local")
    return int(kind.namespace)


def _opened(held: ConfigObject, items: Sequence[FetchedItem]) -> Openings:
    found: dict[str, Opened | ProtocolError] = {}
    for item in items:
        try:
            found[item.hash] = held.open(item.data)
        except ProtocolError as error:
            found[item.hash] = error
    return Openings(found, {item.hash: item.timestamp_ms for item in items})


def _is_own(held: ConfigObject, storage_hash: str, opened: Opened) -> bool:
    """Whether something is what this device itself has stored: that is no news, and no time of another device's."""
    if storage_hash in held.current_hashes or storage_hash in held.obsolete_hashes:
        return True
    return held.phase is not Phase.DIRTY and isinstance(opened, Message) and opened.hash == held.message().hash


def _changed(row: ConfigRow, times: Times) -> ConfigRow:
    first = times.local_ms if row.changed_ms is None else row.changed_ms
    return replace(row, changed_ms=first, changed_last_ms=times.local_ms)
