"""One configuration object of one device: what a client shell holds for each kind (07.9).

The shell gives it local changes, what it fetched from the swarm, and the time; it takes what to store, what to delete
and what to keep alive; and it saves `dump()` after every change, merge, push and confirmation. Nothing here waits or
fails half-way: a call either moves the object to its next state or raises and leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from veery.errors import ProtocolError
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config import dumps, message, parts, state, storage_form
from veery.protocol.config.data import Data
from veery.protocol.config.diff import NOTHING, Diff
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.kinds import ConfigKind
from veery.protocol.config.message import Message
from veery.protocol.config.parts import Part, PartSets
from veery.protocol.config.sealing import Sealer
from veery.protocol.config.state import FRESH, Arrival, Draft, ObjectState, Phase
from veery.secret import Secret

Opened: TypeAlias = "Message | Part"  # what something stored turns out to be


@dataclass(frozen=True, slots=True, repr=False)
class Push:
    """What to store (in this order, in the namespace of the kind), and what to delete after that was stored."""

    kind: ConfigKind
    seqno: int
    stored: tuple[bytes, ...]
    obsolete: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Merged:
    """What a merge did. accepted: storage hashes of valid messages and parts; refused: why others were set aside.

    before and after: the data, to compare with `data.changed_keys`. pending: what own changes, not confirmed yet, went
    into the merge. changes_lost: they were too far behind. messages: how many whole ones went in; a part may be none.
    """

    before: Data
    after: Data
    accepted: frozenset[str] = frozenset()
    refused: Mapping[str, ProtocolError] = field(default_factory=dict)
    changes_lost: bool = False
    pending: Diff = field(default_factory=dict)
    messages: int = 0

    @property
    def changed(self) -> bool:
        """Whether the data is another than before."""
        return self.before != self.after


class ConfigObject:
    """A synchronised document. verify_key: Ed25519 key that must sign it (groups); sign_key: its secret, 64 bytes.

    With a verify_key and no sign_key the object is read-only. saved: bytes of an earlier `dump`.
    Raises ConfigMalformed: `config.dump`.
    """

    __slots__ = ("_kind", "_sealer", "_sign_key", "_state", "_verify_key")

    def __init__(
        self,
        kind: ConfigKind,
        sealer: Sealer,
        *,
        saved: bytes | None = None,
        verify_key: bytes | None = None,
        sign_key: Secret | None = None,
    ) -> None:
        self._kind, self._sealer = kind, sealer
        self._verify_key, self._sign_key = verify_key, sign_key
        self._state: ObjectState = FRESH if saved is None else dumps.load(saved, kind.domain)

    def __repr__(self) -> str:
        return f"<{self._kind.name} {self.seqno}, {self.phase.name.lower()}>"

    # -- looking -----------------------------------------------------------------------------------------------

    @property
    def kind(self) -> ConfigKind:
        """Which configuration this is."""
        return self._kind

    @property
    def data(self) -> Data:
        """The application data as it is now; never changed in place."""
        return self._state.data

    @property
    def seqno(self) -> int:
        """The seqno of the current message."""
        return self._state.seqno

    @property
    def phase(self) -> Phase:
        """Where the object stands."""
        return self._state.phase

    @property
    def read_only(self) -> bool:
        """Whether messages can be verified but not signed: an ordinary member of a group."""
        return self._verify_key is not None and self._sign_key is None

    @property
    def needs_push(self) -> bool:
        """Whether there is something that the swarm has not confirmed."""
        return self._kind.namespace is not None and not self.read_only and self.phase is not Phase.CLEAN

    @property
    def is_merge(self) -> bool:
        """Whether what waits only brings messages of others together: its diff then names everything, 07.12.1."""
        content = self._state.content
        if self.phase is Phase.CLEAN or content.seqno <= 1:
            return False
        if isinstance(content, Draft):
            return not content.base and any(row.seqno > 0 for row in content.rows)
        return bool(content.data) and content.diff == config_diff.between(config_data.EMPTY, content.data)

    @property
    def current_hashes(self) -> frozenset[str]:
        """Storage hashes of the current message."""
        return self._state.current

    @property
    def active_hashes(self) -> frozenset[str]:
        """Storage hashes to keep alive: those of the current message and of incomplete sets of parts."""
        return self._state.current | self._state.parts.storage_hashes

    @property
    def obsolete_hashes(self) -> frozenset[str]:
        """Storage hashes that the next push hands out to be deleted."""
        return self._state.obsolete

    def message(self) -> Message:
        """The current message, or what the draft would be if it were pushed as it is."""
        content = self._state.content
        return content.finished(self._sign_key) if isinstance(content, Draft) else content

    def dump(self) -> bytes:
        """All that must be saved. What it holds is as private as the account."""
        return dumps.dump(self._state, self._kind.domain)

    # -- moving ------------------------------------------------------------------------------------------------

    def change(self, data: Data) -> bool:
        """Replace the application data by an edited copy; tell whether it is another than before.

        Raises ConfigMisuse: `config.misuse.read_only`, `.integer`, `.depth`.
        """
        self._check_writable()
        config_data.check(data)
        kept = config_data.pruned(data)
        if kept == self._state.data:
            return False
        self._state = state.changed(self._state, kept)
        return True

    def put_back(self) -> bool:
        """Take up again what the last merge has swept away and nobody has removed; tells whether there was anything.

        Right after the merge, as a change: who merges the same messages then writes the same bytes. See `sweeping`.
        """
        content = self._state.content
        if not isinstance(content, Draft) or content.whole is None:
            return False
        return self.change(content.whole)

    def mend(self) -> bool:
        """Sign the current message again if its signature is missing or wrong; then it has to be pushed.

        Only for who signs: the saved states of early versions could lose the signature. Tells whether it was so.
        """
        content = self._state.content
        if self._verify_key is None or self._sign_key is None or isinstance(content, Draft) or content.seqno == 0:
            return False
        if message.is_signed(content.raw, self._verify_key):
            return False
        rows, unknown = content.rows, content.unknown
        signed = message.build(
            content.seqno, content.data, rows, content.diff, unknown=unknown, sign_key=self._sign_key
        )
        self._state = replace(self._state, phase=Phase.WAITING, content=signed, current=frozenset())
        return True

    def renew(self) -> None:
        """Make a new message of the same data: after a group's rotation of keys. Raises as `change`."""
        self._check_writable()
        self._state = state.changed(self._state, self._state.data)

    def push(self, now_ms: int) -> Push:
        """What to store and delete now. A clean object gives the bytes it was stored as, to be refreshed with.

        Nothing is to be stored of a read-only object whose message lacks its signature.

        Raises ConfigMisuse: `config.misuse.local`, `.read_only` (unless clean), `.size`, `.no_key`.
        """
        if self._kind.namespace is None:
            raise ConfigMisuse("this configuration never leaves the device", kind="config.misuse.local")
        content = self._state.content
        if isinstance(content, Draft):
            self._check_writable()
            tidied = config_data.pruned(self._kind.tidied(content.data, now_ms))
            content = replace(content, data=tidied).finished(self._sign_key)
        if self.read_only and not message.is_signed(content.raw, self._verify_key or b""):
            return Push(self._kind, content.seqno, (), ())  # nobody would take it; an admin's is to come
        sealed = self._sealer.seal(self._kind, content.seqno, content.raw)
        obsolete = self._state.obsolete
        after = state.handed_out(self._state, content)
        if sealed.set_hash is not None:
            after = replace(after, parts=parts.completed(after.parts, sealed.set_hash, now_ms))
        self._state = after
        return Push(self._kind, content.seqno, sealed.stored, tuple(sorted(obsolete)))

    def confirm(self, seqno: int, storage_hashes: Iterable[str]) -> bool:
        """Tell that every stored form of a push was stored, and under which hashes; whether that was news."""
        before = self._state
        self._state = state.confirmed(before, seqno, frozenset(storage_hashes))
        return self._state is not before

    def lose(self, storage_hashes: Iterable[str]) -> bool:
        """Tell that the swarm does not have these hashes any more: if the current message is gone, push it again."""
        gone = self._state.current.intersection(storage_hashes)
        if not gone or self.read_only:
            return False
        self._state = replace(self._state, phase=Phase.WAITING, current=frozenset())
        return True

    def use(self, sealer: Sealer) -> None:
        """Seal and open with other keys from now on: after a group's rotation of keys."""
        self._sealer = sealer

    def copy(self, sealer: Sealer, *, verify_key: bytes | None = None, sign_key: Secret | None = None) -> ConfigObject:
        """Another object in the same state, with keys of its own, so that one may be changed without the other."""
        twin = ConfigObject(self._kind, sealer, verify_key=verify_key, sign_key=sign_key)
        twin._state = self._state
        return twin

    def open(self, stored: bytes) -> Opened:
        """Open and check something stored, without looking at the state: what takes time, for `merge_opened`.

        Raises ConfigMalformed, ConfigRefused.
        """
        opened = self._sealer.open(self._kind, stored)
        return opened if isinstance(opened, Part) else message.parse(opened, verify_key=self._verify_key)

    def merge(self, arrived: Iterable[tuple[str, bytes]], now_ms: int) -> Merged:
        """Merge what was fetched: storage hash and stored bytes of each message or part, in any order.

        What does not open or is no message is set aside and changes nothing, nor does it keep others from merging.
        """
        opened: list[tuple[str, Opened]] = []
        refused: dict[str, ProtocolError] = {}
        for storage_hash, stored in arrived:
            try:
                opened.append((storage_hash, self.open(stored)))
            except ProtocolError as error:
                refused[storage_hash] = error
        merged = self.merge_opened(opened, now_ms)
        return replace(merged, refused={**refused, **merged.refused})

    def merge_opened(self, opened: Iterable[tuple[str, Opened]], now_ms: int) -> Merged:
        """Merge what `open` gave, each with its storage hash. A part that completes a bad set is set aside."""
        sets = parts.expired(self._state.parts, now_ms)
        arrivals: list[Arrival] = []
        accepted: set[str] = set()
        refused: dict[str, ProtocolError] = {}
        for storage_hash, each in opened:
            try:
                sets, arrival = self._collect(sets, storage_hash, each, now_ms)
            except ProtocolError as error:
                refused[storage_hash] = error
                continue
            accepted.add(storage_hash)
            if arrival is not None:
                arrivals.append(arrival)
        before, own = self._state, None if state.is_fresh(self._state) else self.message()
        pending = NOTHING if own is None or before.phase is Phase.CLEAN else own.diff
        lost = self._merge(own, arrivals, sets)
        return Merged(before.data, self.data, frozenset(accepted), refused, lost, pending, len(arrivals))

    def _collect(
        self, sets: PartSets, storage_hash: str, opened: Opened, now_ms: int
    ) -> tuple[PartSets, Arrival | None]:
        if isinstance(opened, Message):
            return sets, Arrival(opened, frozenset({storage_hash}))
        sets, joined = parts.collect(sets, opened, storage_hash, now_ms)
        if joined is None:
            return sets, None
        whole = storage_form.inflated(storage_form.unpadded(joined.padded))
        return sets, Arrival(message.parse(whole, verify_key=self._verify_key), joined.storage_hashes)

    def _merge(self, own: Message | None, arrivals: list[Arrival], sets: PartSets) -> bool:
        before = self._state
        after = replace(state.merged(before, own, arrivals, may_write=not self.read_only), parts=sets)
        if self.read_only:
            after = replace(after, obsolete=frozenset())
        self._state = after
        return own is not None and state.loses_changes(before, own, after)

    def _check_writable(self) -> None:
        if self.read_only:
            raise ConfigMisuse(
                "only admins change the documents of a group",
                kind="config.misuse.read_only",
                remedy="Ask an admin of the group to do it",
            )
