"""The state of one configuration object, and how it moves (07.5, 07.9): pure steps from one value to the next.

    CLEAN --changed--> DIRTY --pushed--> WAITING --confirmed--> CLEAN
      \\___merged (others won)____/   merged (new message): DIRTY; merged (another won): CLEAN

While dirty there is a draft and no message: its bytes are made when it is pushed, or needed in a merge. Storage hashes
of messages that are superseded become obsolete: a push hands them out once, to be deleted after it was stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from veery.protocol import bt
from veery.protocol.config import diff as config_diff
from veery.protocol.config import merge as merging
from veery.protocol.config import message as messages
from veery.protocol.config.data import EMPTY, Data
from veery.protocol.config.merge import MergedState
from veery.protocol.config.message import LaggedDiff, Message
from veery.protocol.config.parts import NO_PARTS, PartSets
from veery.secret import Secret


class Phase(IntEnum):
    """Where an object stands between this device and the swarm."""

    CLEAN = 0  # the current message is stored
    DIRTY = 1  # there are changes, or a merge result, not yet handed out
    WAITING = 2  # handed out to be stored, not confirmed


@dataclass(frozen=True, slots=True, repr=False)
class Draft:
    """A message in the making. base: the data that its own diff is counted from; data: what it says now.

    whole: of a merge, its data with what nobody has removed and it has swept away; None when that is nothing.
    """

    seqno: int
    base: Data
    data: Data
    rows: tuple[LaggedDiff, ...]
    unknown: Mapping[bytes, bt.Value] = field(default_factory=dict)
    whole: Data | None = None

    def finished(self, sign_key: Secret | None) -> Message:
        """The message: equal drafts give equal bytes."""
        return messages.build(
            self.seqno,
            self.data,
            self.rows,
            config_diff.between(self.base, self.data),
            unknown=self.unknown,
            sign_key=sign_key,
        )


def draft_after(message: Message, data: Data) -> Draft:
    """A draft that follows a message, 07.5."""
    seqno = message.seqno + 1
    rows = (*message.rows, LaggedDiff(message.seqno, message.hash, message.diff))
    return Draft(seqno, message.data, data, messages.window(rows, seqno), message.unknown)


@dataclass(frozen=True, slots=True, repr=False)
class ObjectState:
    """All that an object must remember. content: a draft while dirty, else the current message.

    current: storage hashes of the current message, empty unless clean; obsolete: not yet handed out.
    """

    phase: Phase
    content: Message | Draft
    current: frozenset[str] = frozenset()
    obsolete: frozenset[str] = frozenset()
    parts: PartSets = NO_PARTS

    @property
    def data(self) -> Data:
        """The application data as it is now."""
        return self.content.data

    @property
    def seqno(self) -> int:
        """The seqno of the current message, or of the draft."""
        return self.content.seqno


FRESH: Final = ObjectState(Phase.CLEAN, messages.EMPTY)


def is_fresh(state: ObjectState) -> bool:
    """Whether there is nothing of its own that an object could bring into a merge, 07.6."""
    return state.phase is Phase.CLEAN and state.seqno == messages.EMPTY.seqno


# -- steps -----------------------------------------------------------------------------------------------------


def changed(state: ObjectState, data: Data) -> ObjectState:
    """After a local change: a new draft, or further changes of the same one. Pruned data is expected."""
    if isinstance(state.content, Draft):
        return replace(state, content=replace(state.content, data=data, whole=None))
    return _superseded(state, draft_after(state.content, data))


def handed_out(state: ObjectState, message: Message) -> ObjectState:
    """After a push of `message`, the finished draft or the current message: nothing is obsolete any more."""
    phase = Phase.WAITING if state.phase is Phase.DIRTY else state.phase
    return replace(state, phase=phase, content=message, obsolete=frozenset())


def confirmed(state: ObjectState, seqno: int, storage_hashes: frozenset[str]) -> ObjectState:
    """After a push was stored. A confirmation of another seqno, or without a pending push, changes nothing."""
    if state.phase is not Phase.WAITING or state.seqno != seqno:
        return state
    return replace(state, phase=Phase.CLEAN, current=storage_hashes, obsolete=state.obsolete - storage_hashes)


@dataclass(frozen=True, slots=True, repr=False)
class Arrival:
    """A valid message from the swarm, and the storage hashes that it owns: several if it came in parts."""

    message: Message
    storage_hashes: frozenset[str]


def merged(state: ObjectState, own: Message | None, arrivals: list[Arrival], *, may_write: bool) -> ObjectState:
    """After messages arrived. own: the object's own message, finished; None while it is fresh. 07.9."""
    if not arrivals:
        return state
    held = [] if own is None else [own]
    outcome = merging.merge([*held, *(arrival.message for arrival in arrivals)], may_write=may_write)
    if isinstance(outcome, MergedState):
        return _with_obsolete(_superseded(state, _merged_draft(state, outcome)), arrivals, None)
    winner = own if own is not None and outcome.index == 0 else arrivals[outcome.index - len(held)].message
    same = _hashes(arrival for arrival in arrivals if arrival.message.place == winner.place)
    if winner is not own:
        taken = replace(state, phase=Phase.CLEAN, content=winner, current=same, obsolete=state.obsolete | state.current)
        return _with_obsolete(taken, arrivals, winner)
    # the same message under another storage hash: another release compressed it differently, both copies are kept
    known = state.current | same if state.phase is Phase.CLEAN else state.current
    return _with_obsolete(replace(state, current=known), arrivals, winner)


def _merged_draft(state: ObjectState, outcome: MergedState) -> Draft:
    # deployed clients write the whole data as added, but not on top of local changes: equal bytes matter, 07.12.1
    base = outcome.data if state.phase is Phase.DIRTY else EMPTY
    whole = None if outcome.whole is outcome.data else outcome.whole
    return Draft(outcome.seqno, base, outcome.data, outcome.rows, whole=whole)


def _superseded(state: ObjectState, draft: Draft) -> ObjectState:
    return replace(
        state,
        phase=Phase.DIRTY,
        content=draft,
        current=frozenset(),
        obsolete=state.obsolete | state.current,
    )


def _with_obsolete(state: ObjectState, arrivals: list[Arrival], winner: Message | None) -> ObjectState:
    """What is valid and not the result is obsolete; the result itself never is, under whatever storage hash."""
    kept = (
        state.current
        if winner is None
        else state.current | _hashes(arrival for arrival in arrivals if arrival.message.place == winner.place)
    )
    return replace(state, obsolete=(state.obsolete | _hashes(arrivals)) - kept)


def _hashes(arrivals: Iterable[Arrival]) -> frozenset[str]:
    return frozenset(name for arrival in arrivals for name in arrival.storage_hashes)


def loses_changes(before: ObjectState, own: Message, after: ObjectState) -> bool:
    """Whether a merge threw unconfirmed changes away, because they were based on too old a message, 07.9."""
    if before.phase is Phase.CLEAN or after.phase is not Phase.CLEAN or not isinstance(after.content, Message):
        return False
    known = {row.place for row in after.content.rows} | {after.content.place}
    return own.place not in known
