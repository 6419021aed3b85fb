"""What goes out with a group's next push, beside its documents and keys; kept as JSON in the group's row.

A notice is sealed and sent only when the push has succeeded: it must not come before the keys that open it (08.6.2).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

from veery.protocol.account import AccountId
from veery.protocol.content import InfoChangeType, MemberChangeType


@dataclass(frozen=True, slots=True)
class MemberNotice:
    """A notice of members that were invited, removed or promoted."""

    change: MemberChangeType
    members: tuple[AccountId, ...]
    with_history: bool = False


@dataclass(frozen=True, slots=True)
class InfoNotice:
    """A notice of a new name, picture or timer."""

    change: InfoChangeType
    name: str | None = None
    timer_s: int | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """supplements: key messages for newcomers, stored before new keys. unrevoke: whose tokens are valid again.

    letters: to whom an invitation or promotion is owed when the push has succeeded.
    """

    supplements: tuple[bytes, ...] = ()
    unrevoke: tuple[AccountId, ...] = ()
    notices: tuple[MemberNotice | InfoNotice, ...] = ()
    letters: tuple[AccountId, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.supplements or self.unrevoke or self.notices or self.letters)

    def plus(self, other: Pending) -> Pending:
        """Both, one after the other."""
        return Pending(
            (*self.supplements, *other.supplements),
            (*self.unrevoke, *other.unrevoke),
            (*self.notices, *other.notices),
            (*self.letters, *other.letters),
        )

    def without(self, done: Pending) -> Pending:
        """What was added after `done` was what there was."""
        return replace(
            self,
            supplements=self.supplements[len(done.supplements) :],
            unrevoke=self.unrevoke[len(done.unrevoke) :],
            notices=self.notices[len(done.notices) :],
            letters=self.letters[len(done.letters) :],
        )


def dump(pending: Pending) -> str:
    """As text; empty for nothing."""
    if not pending:
        return ""
    return json.dumps(
        {
            "supplements": [base64.b64encode(each).decode() for each in pending.supplements],
            "unrevoke": [each.hex for each in pending.unrevoke],
            "notices": [_dump_notice(each) for each in pending.notices],
            "letters": [each.hex for each in pending.letters],
        }
    )


def load(text: str) -> Pending:
    """Undo `dump`."""
    if not text:
        return Pending()
    held = json.loads(text)
    return Pending(
        tuple(base64.b64decode(each) for each in held["supplements"]),
        tuple(AccountId.from_hex(each) for each in held["unrevoke"]),
        tuple(_load_notice(each) for each in held["notices"]),
        tuple(AccountId.from_hex(each) for each in held.get("letters", ())),  # earlier versions had none
    )


def _dump_notice(notice: MemberNotice | InfoNotice) -> dict[str, object]:
    if isinstance(notice, MemberNotice):
        members = [each.hex for each in notice.members]
        return {"change": int(notice.change), "members": members, "with_history": notice.with_history}
    return {"change": int(notice.change), "name": notice.name, "timer_s": notice.timer_s}


def _load_notice(held: dict[str, object]) -> MemberNotice | InfoNotice:
    match held:
        case {"change": int(change), "members": list(members), "with_history": bool(with_history)}:
            ids = tuple(AccountId.from_hex(str(each)) for each in members)
            return MemberNotice(MemberChangeType(change), ids, with_history)
        case {"change": int(change), "name": name, "timer_s": timer_s}:
            return InfoNotice(
                InfoChangeType(change),
                name if isinstance(name, str) else None,
                timer_s if isinstance(timer_s, int) else None,
            )
    raise ValueError("a notice of a later version")
