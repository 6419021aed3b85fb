"""The rows of groups: what is kept of each, what is read again, and what marks its changes for other devices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from veery.protocol.account import AccountId
from veery.secret import Secret
from veery.store.config_dumps import Mark
from veery.store.groups import KICKED, GroupRow, NoGroup
from veery.store.tables import Tables

GROUP, OTHER = AccountId(b"\x03" + bytes(range(32))), AccountId(b"\x03" + bytes(32))
ALICE, BOB = AccountId(b"\x05" + bytes(32)), AccountId(b"\x05" + b"\1" * 32)
ROW = GroupRow(
    GROUP,
    name="Walkers",
    seed=Secret(bytes(32)),
    auth_data=Secret(bytes(100)),
    inviter=ALICE,
    responding=True,
    joined_s=7,
    keys=Secret(b"keys"),
    pending="{}",
    letters=("a", "b"),
    cleared_s=1,
    media_cleared_s=2,
    renewed_ms=3,
    polled_ms=4,
)


def plain(row: GroupRow) -> tuple[object, ...]:
    values = (getattr(row, name) for name in GroupRow.__slots__)
    return tuple(each.reveal() if isinstance(each, Secret) else each for each in values)


def test_a_row_comes_back_as_it_was(tables: Tables) -> None:
    tables.groups.save(ROW)
    tables.groups.save(GroupRow(OTHER, name="a second"))
    assert plain(tables.groups.need(GROUP)) == plain(ROW)
    assert [row.id for row in tables.groups.all()] == [OTHER, GROUP]
    changed = tables.groups.update(GROUP, lambda row: replace(row, seed=None, removed=KICKED))
    assert plain(tables.groups.need(GROUP)) == plain(changed)
    tables.groups.delete(GROUP)
    assert tables.groups.get(GROUP) is None
    with pytest.raises(NoGroup):
        tables.groups.need(GROUP)


@pytest.mark.parametrize(
    ("change", "is_open"),
    [({}, True), ({"invited": True}, False), ({"removed": 1}, False), ({"seed": None, "auth_data": None}, False)],
)
def test_a_group_is_open_when_the_account_is_in_it(change: dict[str, object], is_open: bool) -> None:
    assert replace(ROW, **change).is_open is is_open  # type: ignore[arg-type]  # fields of the row by name


def test_what_was_fetched_is_forgotten_for_one_group(tables: Tables) -> None:
    for hash_ in ("one", "two", "other"):
        tables.inbox.mark_seen(hash_, 10**15)
    tables.groups.note_seen(GROUP, ["one", "two"])
    tables.groups.note_seen(OTHER, ["other"])
    tables.groups.forget_fetched(GROUP)
    assert [tables.inbox.is_seen(each) for each in ("one", "two", "other")] == [False, False, True]
    assert tables.groups.trim() == 0


def test_changes_of_rights_mark_the_group_and_others_do_not(tables: Tables) -> None:
    def marked(tables: Tables) -> bool:
        found = GROUP.hex in tables.configs.marks(Mark.CONTACT)
        tables.configs.unmark()
        return found

    tables.configs.unmark()
    tables.groups.save(ROW)
    assert marked(tables)
    tables.groups.save(replace(ROW, keys=Secret(b"others"), polled_ms=9, pending=""))
    assert not marked(tables)
    for row in (replace(ROW, name="Runners"), replace(ROW, invited=True), replace(ROW, seed=None)):
        tables.groups.save(row)
        assert marked(tables)
    tables.groups.delete(GROUP)
    assert marked(tables)


def test_names_of_members(tables: Tables) -> None:
    tables.groups.set_names(GROUP, {ALICE: "Alice", BOB: ""})
    assert tables.groups.member_name(GROUP.hex, ALICE) == "Alice"
    assert tables.groups.member_name(GROUP.hex, BOB) == ""
    tables.groups.set_names(GROUP, {BOB: "Bob"})
    assert tables.groups.member_name(GROUP.hex, ALICE) == "Alice"  # who is not listed any more keeps the last name
    assert tables.groups.member_name(GROUP.hex, BOB) == "Bob"
    tables.groups.set_names(GROUP, {ALICE: "Alicia", BOB: ""})
    assert tables.groups.member_name(GROUP.hex, ALICE) == "Alicia"
    assert tables.groups.member_name(GROUP.hex, BOB) == ""
