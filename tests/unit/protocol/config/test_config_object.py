"""Objects: states, pushes, confirmations, hostile input, read-only ones, and what is too large (07.8, 07.9)."""

from __future__ import annotations

import pytest

from veery.protocol import crypto
from veery.protocol.account import Account
from veery.protocol.config import (
    CONTACTS,
    CONVO_INFO_VOLATILE,
    GROUP_INFO,
    LOCAL,
    USER_PROFILE,
    AccountSealer,
    ConfigKind,
    ConfigMalformed,
    ConfigMisuse,
    ConfigObject,
    ConfigRefused,
    GroupSealer,
    Phase,
    compression,
    legacy_wrapper,
    parts,
    storage_form,
)
from veery.protocol.config.data import Data
from veery.protocol.constants import CONFIG_MESSAGE_MAX, CONFIG_PARTS_DONE_MS, CONFIG_PARTS_LIFE_MS, DATA_MAX
from veery.protocol.content import SharedConfigKind
from veery.secret import Secret

ACCOUNT = Account.from_seed(bytes(range(16)))
STRANGER = Account.from_seed(bytes(range(1, 17)))
SEALER = AccountSealer(ACCOUNT)
NOW_MS = 1_795_600_000_000
GROUP_PUBLIC, GROUP_SECRET = crypto.ed25519_from_seed(b"g" * 32)
OLD_KEY, NEW_KEY = Secret(b"o" * 32), Secret(b"n" * 32)


def fresh(kind: ConfigKind = USER_PROFILE) -> ConfigObject:
    return ConfigObject(kind, SEALER)


def stored_form(data: Data, kind: ConfigKind = USER_PROFILE) -> bytes:
    other = ConfigObject(kind, SEALER)
    other.change(data)
    (stored,) = other.push(NOW_MS).stored
    return stored


def sealed(plain: bytes) -> bytes:
    size = storage_form.padded_size(len(plain))
    return storage_form.encrypt(plain.rjust(size, b"\0"), ACCOUNT.seed32, USER_PROFILE.domain)


def noise(size: int) -> bytes:
    return b"".join(crypto.blake2b(64, b"%d" % index) for index in range(size // 64 + 1))[:size]


# -- states ----------------------------------------------------------------------------------------------------


def test_the_life_of_a_change() -> None:
    held = fresh()
    assert (held.phase, held.seqno, held.needs_push) == (Phase.CLEAN, 0, False)
    assert held.change({b"n": b"one"})
    assert not held.change({b"n": b"one"})
    assert (held.phase, held.seqno, held.needs_push) == (Phase.DIRTY, 1, True)
    push = held.push(NOW_MS)
    assert (held.phase, held.needs_push, push.seqno, push.obsolete) == (Phase.WAITING, True, 1, ())
    assert held.push(NOW_MS) == push
    assert not held.confirm(2, ["h"])
    assert held.confirm(1, ["h"])
    assert (held.phase, held.active_hashes, held.needs_push) == (Phase.CLEAN, frozenset({"h"}), False)
    assert not held.confirm(1, ["other"])
    held.change({b"n": b"two"})
    assert (held.seqno, held.obsolete_hashes, held.current_hashes) == (2, frozenset({"h"}), frozenset())
    assert held.push(NOW_MS).obsolete == ("h",)
    assert held.push(NOW_MS).obsolete == ()


def test_a_clean_object_gives_the_bytes_that_it_was_stored_as() -> None:
    held = fresh()
    stored = stored_form({b"n": b"x"})
    held.merge([("h", stored)], NOW_MS)
    assert held.push(NOW_MS).stored == (stored,)
    assert held.phase is Phase.CLEAN


def test_a_message_that_the_swarm_lost_is_pushed_again() -> None:
    held = fresh()
    stored = stored_form({b"n": b"x"})
    held.merge([("h", stored)], NOW_MS)
    assert not held.lose(["other"])
    assert held.lose(["h"])
    assert held.needs_push
    push = held.push(NOW_MS)
    assert (push.stored, push.obsolete) == ((stored,), ())
    held.confirm(push.seqno, ["h"])
    assert held.current_hashes == {"h"}


def test_changes_that_are_too_far_behind_are_lost_and_said_to_be() -> None:
    other, held = fresh(), fresh()
    for number in range(7):
        other.change({b"n": b"%d" % number})
        (stored,) = other.push(NOW_MS).stored
        other.confirm(other.seqno, [f"h{number}"])
    held.change({b"+": 1})
    merged = held.merge([("h6", stored)], NOW_MS)
    assert merged.changes_lost
    assert (merged.before, merged.after) == ({b"+": 1}, {b"n": b"6"})
    assert (held.phase, held.current_hashes) == (Phase.CLEAN, frozenset({"h6"}))


def test_a_push_that_another_device_built_upon_is_not_lost() -> None:
    held, other = fresh(), fresh()
    held.change({b"n": b"x"})
    (stored,) = held.push(NOW_MS).stored
    other.merge([("h1", stored)], NOW_MS)
    other.change({b"n": b"x", b"+": 1})
    merged = held.merge([("h2", other.push(NOW_MS).stored[0])], NOW_MS)
    assert not merged.changes_lost
    assert held.data == {b"n": b"x", b"+": 1}


def test_the_same_message_under_two_storage_hashes_is_never_deleted() -> None:
    held = fresh()
    stored = stored_form({b"n": b"x"})
    held.merge([("h1", stored), ("h2", stored)], NOW_MS)
    held.merge([("h3", stored)], NOW_MS)
    assert held.current_hashes == {"h1", "h2", "h3"}
    assert held.obsolete_hashes == frozenset()


def test_one_bad_message_does_not_prevent_the_merge_of_the_others() -> None:
    held = fresh()
    merged = held.merge([("bad", b"x" * 300), ("good", stored_form({b"n": b"x"})), ("empty", b"")], NOW_MS)
    assert merged.accepted == {"good"}
    assert merged.refused.keys() == {"bad", "empty"}
    assert held.data == {b"n": b"x"}
    assert held.obsolete_hashes == frozenset()


def test_a_renewed_object_has_a_new_message_of_the_same_data() -> None:
    held = fresh()
    held.merge([("h", stored_form({b"n": b"x"}))], NOW_MS)
    held.renew()
    assert (held.phase, held.seqno, held.data, held.obsolete_hashes) == (Phase.DIRTY, 2, {b"n": b"x"}, frozenset({"h"}))
    assert held.message().diff == {}


def test_local_settings_never_leave_the_device() -> None:
    held = fresh(LOCAL)
    held.change({b"theme": 1})
    assert not held.needs_push
    with pytest.raises(ConfigMisuse) as caught:
        held.push(NOW_MS)
    assert caught.value.kind == "config.misuse.local"
    assert ConfigObject(LOCAL, SEALER, saved=held.dump()).data == {b"theme": 1}


def test_what_is_stale_is_left_out_of_a_push_and_not_of_a_refresh() -> None:
    account = b"\x05" + bytes(32)
    held = fresh(CONVO_INFO_VOLATILE)
    held.change({b"1": {account: {b"r": 1}}, b"x": 1})
    held.push(NOW_MS)
    assert held.data == {b"x": 1}
    old = stored_form_untidied(account)
    other = fresh(CONVO_INFO_VOLATILE)
    other.merge([("h", old)], NOW_MS)
    assert other.push(NOW_MS).stored == (old,)
    assert other.data == {b"1": {account: {b"r": 1}}}


def stored_form_untidied(account: bytes) -> bytes:
    writer = fresh(CONVO_INFO_VOLATILE)
    writer.change({b"1": {account: {b"r": 1}}})
    return SEALER.seal(CONVO_INFO_VOLATILE, 1, writer.message().raw).stored[0]


def test_a_failed_change_or_push_leaves_everything_as_it_was() -> None:
    held = fresh()
    held.change({b"n": noise(CONFIG_MESSAGE_MAX)})
    before = held.dump()
    with pytest.raises(ConfigMisuse) as too_large:
        held.push(NOW_MS)
    assert too_large.value.kind == "config.misuse.size"
    assert too_large.value.remedy
    with pytest.raises(ConfigMisuse):
        held.change({b"n": 2**64})
    assert held.dump() == before


# -- hostile input ---------------------------------------------------------------------------------------------


def hostile() -> dict[str, bytes]:
    bomb = b"z" + compression.deflate(bytes(CONFIG_MESSAGE_MAX + 1))
    honest = storage_form.padded(b"d1:#i1e1:&de1:<le1:=dee")
    return {
        "bomb": sealed(bomb),
        "cut frame": sealed(b"z" + compression.deflate(b"d" * 500)[:-3]),
        "other type": sealed(b"x1:#i1e"),
        "inflates to a part": sealed(b"z" + compression.deflate(b"m" * 500)),
        "deep": sealed(b"d1:#i1e1:&" + b"d1:a" * 3_000 + b"de" + b"e" * 3_000 + b"1:<le1:=dee"),
        "not a message": sealed(b"d1:ai1ee"),
        "nothing but padding": sealed(b""),
        "of another account": AccountSealer(STRANGER).seal(USER_PROFILE, 1, b"d1:#i1e1:&de1:<le1:=dee").stored[0],
        "of another kind": SEALER.seal(CONTACTS, 1, b"d1:#i1e1:&de1:<le1:=dee").stored[0],
        "wrapped as another kind": legacy_wrapper.wrap(
            ACCOUNT,
            SharedConfigKind.CONTACTS,
            1,
            storage_form.encrypt(honest, ACCOUNT.seed32, USER_PROFILE.domain),
        ),
        "empty": b"",
        "short": b"x" * 39,
        "large": b"x" * 200_000,
    }


@pytest.mark.parametrize("name", hostile())
def test_hostile_input_changes_nothing(name: str) -> None:
    held = fresh()
    held.change({b"n": b"x"})
    before = held.dump()
    merged = held.merge([("h", hostile()[name])], NOW_MS)
    assert isinstance(merged.refused["h"], ConfigMalformed | ConfigRefused)
    assert held.dump() == before


# -- parts -----------------------------------------------------------------------------------------------------


def test_a_large_configuration_is_stored_in_parts_and_read_over_several_polls() -> None:
    writer, reader = fresh(), fresh()
    writer.change({b"n": noise(200_000)})
    push = writer.push(NOW_MS)
    assert [len(stored) for stored in push.stored[:-1]] == [DATA_MAX] * (len(push.stored) - 1)
    names = [f"h{index}" for index in range(len(push.stored))]
    first, *rest = zip(names, push.stored, strict=True)
    assert reader.merge([first], NOW_MS).accepted == {"h0"}
    assert (reader.data, reader.active_hashes) == ({}, frozenset({"h0"}))
    reader = ConfigObject(USER_PROFILE, SEALER, saved=reader.dump())
    assert reader.merge(rest, NOW_MS + 1).changed
    assert (reader.data, reader.current_hashes) == (writer.data, frozenset(names))
    late = reader.merge([first], NOW_MS + 2)
    assert (late.accepted, late.changed, reader.active_hashes) == (frozenset({"h0"}), False, frozenset(names))


def test_own_parts_are_not_collected_again() -> None:
    writer = fresh()
    writer.change({b"n": noise(200_000)})
    push = writer.push(NOW_MS)
    writer.merge([("h0", push.stored[0])], NOW_MS)
    assert writer.active_hashes == frozenset()


def test_incomplete_sets_expire() -> None:
    writer, reader = fresh(), fresh()
    writer.change({b"n": noise(200_000)})
    push = writer.push(NOW_MS)
    reader.merge([("h0", push.stored[0])], NOW_MS)
    reader.merge([], NOW_MS + CONFIG_PARTS_LIFE_MS - 1)
    assert reader.active_hashes == {"h0"}
    reader.merge([], NOW_MS + CONFIG_PARTS_LIFE_MS)
    assert reader.active_hashes == frozenset()


def test_completed_sets_are_forgotten_after_a_while() -> None:
    sets = parts.completed(parts.NO_PARTS, b"s" * 32, NOW_MS)
    assert parts.expired(sets, NOW_MS + CONFIG_PARTS_DONE_MS - 1) == sets
    assert parts.expired(sets, NOW_MS + CONFIG_PARTS_DONE_MS) == parts.NO_PARTS


def test_a_wrong_last_part_is_refused_and_the_right_one_completes_the_set() -> None:
    padded = noise(160_000)
    pieces = [parts.read(plain) for plain in parts.cut(padded)]
    wrong = parts.Part(pieces[-1].set_hash, pieces[-1].index, pieces[-1].count, b"wrong")
    sets = parts.NO_PARTS
    for part in pieces[:-1]:
        sets, _ = parts.collect(sets, part, "h", NOW_MS)
    with pytest.raises(ConfigMalformed) as caught:
        parts.collect(sets, wrong, "h", NOW_MS)
    assert caught.value.kind == "config.part.hash"
    _, joined = parts.collect(sets, pieces[-1], "h", NOW_MS)
    assert joined is not None
    assert joined.padded == padded


def test_what_parts_can_make_a_device_hold_is_bounded() -> None:
    sets = parts.NO_PARTS
    for index in range(40):
        name = b"%032d" % index
        sets, _ = parts.collect(sets, parts.Part(name, 0, 2, b"x"), f"h{index}", NOW_MS + index)
    assert list(sets.open) == [b"%032d" % index for index in range(32, 40)]
    full = parts.Part(b"f" * 32, 0, 2, bytes(5_000_000))
    sets, _ = parts.collect(sets, full, "h", NOW_MS + 50)
    with pytest.raises(ConfigMalformed) as caught:
        parts.collect(sets, parts.Part(b"f" * 32, 1, 2, b"x"), "h", NOW_MS + 50)
    assert caught.value.kind == "config.part.size"
    for index in range(400):
        sets = parts.completed(sets, b"%032d" % index, NOW_MS + index)
    assert len(sets.done) == 256


# -- groups ----------------------------------------------------------------------------------------------------


def admin(keys: list[Secret]) -> ConfigObject:
    return ConfigObject(GROUP_INFO, GroupSealer(keys), verify_key=GROUP_PUBLIC, sign_key=Secret(GROUP_SECRET))


def member(keys: list[Secret]) -> ConfigObject:
    return ConfigObject(GROUP_INFO, GroupSealer(keys), verify_key=GROUP_PUBLIC)


def test_a_member_reads_and_never_writes() -> None:
    writer, reader = admin([NEW_KEY]), member([NEW_KEY, OLD_KEY])
    writer.change({b"n": b"group"})
    (stored,) = writer.push(NOW_MS).stored
    assert not reader.needs_push
    assert reader.merge([("h", stored)], NOW_MS).changed
    for action in (lambda: reader.change({b"n": b"mine"}), reader.renew):
        with pytest.raises(ConfigMisuse) as caught:
            action()
        assert caught.value.kind == "config.misuse.read_only"
    assert not reader.lose(["h"])
    assert reader.push(NOW_MS).stored == (stored,)


def test_a_member_takes_the_highest_message_and_calls_nothing_obsolete() -> None:
    one, two, reader = admin([NEW_KEY]), admin([NEW_KEY]), member([NEW_KEY])
    arrived = []
    for index, writer in enumerate((one, two)):
        writer.change({b"n": b"group %d" % index})
        arrived.append((f"h{index}", writer.push(NOW_MS).stored[0]))
    reader.merge(arrived, NOW_MS)
    highest = max((one, two), key=lambda writer: writer.message().hash)
    assert reader.message().raw == highest.message().raw
    assert (reader.phase, reader.obsolete_hashes) == (Phase.CLEAN, frozenset())
    one.confirm(1, ["h0"])
    one.merge(arrived, NOW_MS)
    assert (one.phase, one.seqno, one.obsolete_hashes) == (Phase.DIRTY, 2, frozenset({"h0", "h1"}))
    assert member([NEW_KEY]).merge([("h2", one.push(NOW_MS).stored[0])], NOW_MS).accepted == {"h2"}


def test_documents_of_groups_need_the_signature_of_the_group() -> None:
    forger = ConfigObject(GROUP_INFO, GroupSealer([NEW_KEY]))
    forger.change({b"n": b"forged"})
    merged = member([NEW_KEY]).merge([("h", forger.push(NOW_MS).stored[0])], NOW_MS)
    assert merged.refused["h"].kind == "config.refused.unsigned"


def test_a_rotation_of_keys_makes_a_new_message() -> None:
    writer = admin([OLD_KEY])
    writer.change({b"n": b"group"})
    writer.confirm(writer.push(NOW_MS).seqno, ["h"])
    writer.use(GroupSealer([NEW_KEY, OLD_KEY]))
    writer.renew()
    push = writer.push(NOW_MS)
    assert (push.seqno, push.obsolete) == (2, ("h",))
    assert member([OLD_KEY]).merge([("h2", push.stored[0])], NOW_MS).refused.keys() == {"h2"}
    assert member([NEW_KEY]).merge([("h2", push.stored[0])], NOW_MS).accepted == {"h2"}


def test_without_a_key_nothing_is_pushed() -> None:
    writer = admin([])
    writer.change({b"n": b"group"})
    with pytest.raises(ConfigMisuse) as caught:
        writer.push(NOW_MS)
    assert caught.value.kind == "config.misuse.no_key"
    assert writer.phase is Phase.DIRTY


def test_nothing_of_an_object_is_printed() -> None:
    held = fresh()
    held.change({b"n": b"private"})
    shown = f"{held!r} {held.message()!r} {held.push(NOW_MS)!r} {held.merge([], NOW_MS)!r}"
    assert "private" not in shown
