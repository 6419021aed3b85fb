"""The rules of single fields (07.10)."""

from __future__ import annotations

import pytest

from veery.protocol.account import AccountId
from veery.protocol.config import (
    ConfigMisuse,
    contacts,
    convo_info_volatile,
    fields,
    local,
    user_communities,
    user_groups,
    user_profile,
)
from veery.protocol.config.contacts import BlindedContact, Contact, ExpiryMode
from veery.protocol.config.convo_info_volatile import ReadState
from veery.protocol.config.data import Data
from veery.protocol.config.fields import NotificationMode, Picture
from veery.protocol.config.local import LocalSettings
from veery.protocol.config.user_communities import Community
from veery.protocol.config.user_groups import Group
from veery.protocol.config.user_profile import ProRecord
from veery.protocol.constants import CONFIG_READ_KEPT_MS, CONFIG_READ_STORED_MS
from veery.protocol.crypto import ed25519_from_seed
from veery.secret import Secret

NOW_S = 1_795_600_000
NOW_MS = NOW_S * 1000
PERSON = AccountId(b"\x05" + bytes(32))
SEED = b"s" * 32
GROUP = AccountId(b"\x03" + ed25519_from_seed(SEED)[0])
KEY = b"k" * 32
PICTURE = Picture("http://f.example/1", Secret(KEY))
URL = "https://example.org"


# -- common ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (0, 0),
        (-5, 0),
        (9 * 10**9, 9 * 10**9),
        (9 * 10**9 + 1, 9 * 10**6),
        (9 * 10**12, 9 * 10**9),
        (9 * 10**12 + 1, 9 * 10**6),
    ],
)
def test_times_of_other_units(raw: int, read: int) -> None:
    assert fields.seconds({b"t": raw}, b"t") == read


def test_names_are_cut_between_characters() -> None:
    assert fields.written_name("ä" * 60) == ("ä" * 50).encode()
    assert fields.written_name("a" + "ä" * 60) == ("a" + "ä" * 49).encode()
    assert fields.written_name("x" * 100) == b"x" * 100


def test_names_of_others_may_be_longer_or_no_text() -> None:
    assert fields.text({b"n": b"x" * 300}, b"n") == "x" * 300
    assert fields.text({b"n": b"\xff"}, b"n") == "\ufffd"


@pytest.mark.parametrize(
    "picture", [Picture("", Secret(KEY)), Picture("x" * 224, Secret(KEY)), Picture("x", Secret(b"k"))]
)
def test_pictures_that_do_not_fit(picture: Picture) -> None:
    with pytest.raises(ConfigMisuse) as caught:
        fields.written_picture(picture)
    assert caught.value.kind == "config.misuse.picture"


@pytest.mark.parametrize("entry", [{b"p": b"u"}, {b"q": KEY}, {b"p": b"", b"q": KEY}, {b"p": b"u", b"q": KEY + b"k"}])
def test_pictures_that_are_none(entry: dict[bytes, bytes]) -> None:
    assert fields.picture(entry) is None


# -- profile ---------------------------------------------------------------------------------------------------


def test_what_counts_as_an_update_of_the_profile() -> None:
    data = user_profile.with_name({}, "one", NOW_S)
    assert data == {b"n": b"one", b"t": NOW_S}
    later = {**data, b"T": NOW_S + 5}
    assert user_profile.with_blinded_requests(later, True, NOW_S + 9) == {**later, b"M": 1, b"T": NOW_S + 9}
    tied = {**data, b"T": NOW_S}
    assert user_profile.with_pro_features(tied, frozenset({0}), NOW_S + 9)[b"t"] == NOW_S + 9
    for private in (
        user_profile.with_note_to_self_priority(data, -1),
        user_profile.with_note_to_self_timer(data, 60),
        user_profile.with_pro_access(data, NOW_S, grace_s=5, renews=True),
        user_profile.without_pro(data),
    ):
        assert private[b"t"] == NOW_S


def test_the_later_picture_holds_even_if_it_is_none() -> None:
    data = user_profile.with_picture({}, PICTURE, NOW_S)
    assert user_profile.read({**data, b"T": NOW_S + 1}).picture is None
    again = user_profile.with_picture_uploaded_again(data, Picture("again", Secret(KEY)), NOW_S + 1)
    found = user_profile.read(again)
    assert found.picture is not None
    assert (found.picture.url, found.updated_s) == ("again", NOW_S + 1)
    cleared = user_profile.without_picture(again, NOW_S + 2)
    assert cleared == {b"t": NOW_S + 2, b"T": NOW_S + 2}


def test_a_chosen_picture_shows_also_when_clocks_differ() -> None:
    ahead = user_profile.with_picture_uploaded_again({}, PICTURE, NOW_S + 500)
    found = user_profile.read(user_profile.with_picture(ahead, Picture("mine", Secret(KEY)), NOW_S))
    assert found.picture is not None
    assert found.picture.url == "mine"


def test_pro() -> None:
    record = ProRecord(NOW_S, b"g" * 32, Secret(b"r" * 32), b"s" * 64)
    data = user_profile.with_pro_purchase({}, NOW_S, NOW_S)
    assert user_profile.read(data).purchase_under_way(NOW_S + 7 * 86_400)
    assert not user_profile.read(data).purchase_under_way(NOW_S + 7 * 86_400 + 1)
    data = user_profile.with_pro(data, record, NOW_S + 1)
    found = user_profile.read(data)
    assert found.pro is not None
    assert found.pro.rotating_seed.reveal() == b"r" * 32
    assert (found.pro_purchase_s, found.updated_s) == (0, NOW_S + 1)
    assert user_profile.read(user_profile.without_pro(data)).pro is None
    assert user_profile.read(user_profile.with_pro_refund(data, NOW_S, NOW_S)).refund_requested(NOW_S)
    with pytest.raises(ConfigMisuse):
        user_profile.with_pro(data, ProRecord(NOW_S, b"g", Secret(b"r" * 32), b"s" * 64), NOW_S)
    access = user_profile.with_pro_access(data, NOW_S, grace_s=9, renews=True)
    read = user_profile.read(access)
    assert (read.pro_access_expiry_s, read.pro_grace_s, read.pro_renews) == (NOW_S, 9, True)
    assert user_profile.with_pro_access(access, 0) == data


@pytest.mark.parametrize("record", [b"", b"de", b"i1e", b"d1:ei1e1:g1:x1:r1:x1:s1:xe"])
def test_records_that_are_none(record: bytes) -> None:
    assert user_profile.read_pro(record) is None


# -- contacts --------------------------------------------------------------------------------------------------


def test_an_empty_name_keeps_a_contact_alive() -> None:
    data = contacts.written({}, Contact(PERSON))
    assert data == {b"c": {PERSON.raw: {b"n": b""}}}
    assert contacts.without(data, PERSON) == {}


def test_only_people_are_contacts() -> None:
    for other in (GROUP, AccountId(b"\x15" + bytes(32))):
        with pytest.raises(ConfigMisuse):
            contacts.written({}, Contact(other))
        assert contacts.find({b"c": {other.raw: {b"n": b""}}}, other) is None
    assert contacts.find({b"c": {PERSON.raw: 1}}, PERSON) is None


def test_mentions_are_all_messages_between_two_people() -> None:
    data = contacts.written({}, Contact(PERSON, notifications=NotificationMode.MENTIONS))
    assert data == {b"c": {PERSON.raw: {b"n": b"", b"@": 1}}}


def test_values_of_other_clients_are_not_spelled_anew() -> None:
    entry: Data = {b"n": b"\xff", b"t": NOW_MS, b"@": 7, b"e": 1, b"E": -5, b"p": b"u"}
    data: Data = {b"c": {PERSON.raw: entry}}
    found = contacts.find(data, PERSON)
    assert found is not None
    assert contacts.written(data, found) == data
    assert (found.updated_s, found.expiry_mode) == (NOW_S, ExpiryMode.OFF)


def test_blinded_contacts_of_one_server() -> None:
    first = BlindedContact(URL, KEY, AccountId(b"\x15" + bytes(32)))
    second = BlindedContact(URL, KEY, AccountId(b"\x25" + b"2" * 32), name="two")
    data = contacts.written_blinded(contacts.written_blinded({}, first), second)
    assert data == {
        b"b": {
            URL.encode(): {b"#": KEY, b"R": {b"00" * 32: {b"n": b"", b"y": 1}, b"32" * 32: {b"n": b"two"}}},
        }
    }
    one_left = contacts.without_blinded(data, URL, first.id)
    assert contacts.read_blinded(one_left).keys() == {(URL, second.id)}
    assert contacts.without_blinded(one_left, URL, second.id) == {}
    with pytest.raises(ConfigMisuse):
        contacts.written_blinded({}, BlindedContact(URL, KEY, PERSON))


# -- read state ------------------------------------------------------------------------------------------------


def test_old_read_times_are_not_written_anew() -> None:
    old = NOW_MS - CONFIG_READ_STORED_MS - 1
    assert convo_info_volatile.written({}, PERSON, ReadState(old), NOW_MS) == {}
    unread = convo_info_volatile.written({}, PERSON, ReadState(old, unread=True), NOW_MS)
    assert unread == {b"1": {PERSON.raw: {b"u": 1}}}
    held = convo_info_volatile.written({}, PERSON, ReadState(NOW_MS), NOW_MS)
    assert convo_info_volatile.written(held, PERSON, ReadState(old), NOW_MS) == {b"1": {PERSON.raw: {b"r": old}}}


def test_what_goes_stale() -> None:
    old, edge = NOW_MS - CONFIG_READ_KEPT_MS - 1, NOW_MS - CONFIG_READ_KEPT_MS
    ids = [bytes([5]) + bytes([index]) * 32 for index in range(6)]
    proof: Data = {b"e": NOW_S, b"g": KEY}
    entries: list[Data] = [
        {b"r": old},
        {b"r": edge},
        {b"r": old, b"u": 1},
        {b"r": old, **proof},
        {b"later": 1},
        {b"r": old, b"e": 1},
    ]
    data: Data = {b"1": dict(zip(ids, entries, strict=True)), b"later": 5, b"g": {GROUP.raw: {b"r": old}}}
    left = convo_info_volatile.without_stale(data, NOW_MS)
    assert left == {b"1": {ids[1]: entries[1], ids[2]: entries[2], ids[3]: entries[3]}, b"later": 5}


def test_stale_rooms_go_with_their_server() -> None:
    fresh, old = {b"r": NOW_MS}, {b"r": 1}
    servers: Data = {
        URL.encode(): {b"#": KEY, b"R": {b"a": old, b"b": fresh}},
        b"http://gone.example": {b"#": KEY, b"R": {b"a": old}},
    }
    left = convo_info_volatile.without_stale({b"o": servers}, NOW_MS)
    assert left == {b"o": {URL.encode(): {b"#": KEY, b"R": {b"b": fresh}}}}


def test_the_last_room_takes_its_server_along() -> None:
    data = convo_info_volatile.written_community({}, URL, "Room", KEY, ReadState(NOW_MS), NOW_MS)
    assert convo_info_volatile.read_communities(data) == {(URL, "room"): ReadState(NOW_MS)}
    assert convo_info_volatile.written_community(data, URL, "room", KEY, ReadState(), NOW_MS) == {}
    assert convo_info_volatile.without_community(data, URL, "ROOM") == {}
    with pytest.raises(ConfigMisuse):
        convo_info_volatile.written_community({}, URL, "Room", b"", ReadState(NOW_MS), NOW_MS)


def test_ids_of_no_conversation() -> None:
    with pytest.raises(ConfigMisuse):
        convo_info_volatile.written({}, AccountId(b"\x00" + bytes(32)), ReadState(NOW_MS), NOW_MS)


def test_ends_of_pro_in_milliseconds() -> None:
    data: Data = {b"1": {PERSON.raw: {b"e": NOW_MS, b"g": KEY}}}
    assert convo_info_volatile.read(data)[PERSON].pro_expiry_s == NOW_S


# -- groups ----------------------------------------------------------------------------------------------------


def test_a_group_keeps_its_empty_seed() -> None:
    assert user_groups.written({}, Group(GROUP)) == {b"g": {GROUP.raw: {b"K": b""}}}


def test_auth_data_beside_a_seed_is_left_alone() -> None:
    auth = b"a" * 100
    data = user_groups.written({}, Group(GROUP, auth_data=Secret(auth)))
    promoted = user_groups.written(data, Group(GROUP, seed=Secret(SEED), auth_data=None))
    assert promoted == {b"g": {GROUP.raw: {b"K": SEED, b"s": auth}}}


def test_a_destroyed_group_stays_destroyed() -> None:
    data = user_groups.written({}, Group(GROUP, name="x", seed=Secret(SEED)))
    gone = user_groups.destroyed(data, GROUP)
    assert gone == {b"g": {GROUP.raw: {b"K": b"", b"n": b"x", b"r": 2}}}
    assert user_groups.kicked(gone, GROUP) == gone
    found = user_groups.find(gone, GROUP)
    assert found is not None
    assert (found.destroyed, found.kicked) == (True, False)
    assert user_groups.kicked({}, GROUP) == {}


def test_a_kicked_member_forgets_what_it_could_do() -> None:
    data: Data = {b"g": {GROUP.raw: {b"K": b"x" * 32, b"s": b"too short", b"n": b"x"}}}
    assert user_groups.kicked(data, GROUP) == {b"g": {GROUP.raw: {b"K": b"", b"n": b"x", b"r": 1}}}


@pytest.mark.parametrize(
    "group", [Group(PERSON), Group(GROUP, seed=Secret(b"x" * 32)), Group(GROUP, auth_data=Secret(b"a" * 99))]
)
def test_groups_that_are_none(group: Group) -> None:
    with pytest.raises(ConfigMisuse) as caught:
        user_groups.written({}, group)
    assert caught.value.kind == "config.misuse.group"


def test_communities() -> None:
    data = user_communities.written({}, Community(URL, "RoomOne", KEY, priority=1))
    assert data == {b"o": {URL.encode(): {b"#": KEY, b"R": {b"roomone": {b"n": b"RoomOne", b"+": 1}}}}}
    assert user_communities.without(data, URL, "ROOMONE") == {}
    other_key = b"o" * 32
    moved = user_communities.written(data, Community(URL, "RoomOne", other_key, priority=1))
    assert user_communities.read(moved)[URL, "roomone"].server_key == other_key
    with pytest.raises(ConfigMisuse):
        user_communities.written({}, Community(URL, "x", b""))


def test_legacy_groups_are_read_and_erased() -> None:
    entry: Data = {b"n": b"old", b"k": KEY, b"K": SEED, b"m": frozenset({PERSON.raw, b"x", 1}), b"E": 60, b"j": 5}
    data: Data = {b"C": {PERSON.raw: entry}}
    found = user_groups.read_legacy_groups(data)[PERSON]
    assert (found.name, found.members, found.admins, found.timer_s) == (
        "old",
        frozenset({PERSON}),
        frozenset[AccountId](),
        60,
    )
    assert found.secret_key is not None
    assert user_groups.read_legacy_groups({b"C": {PERSON.raw: {b"n": b"", b"k": KEY}}})[PERSON].public_key is None
    assert user_groups.without_legacy_group(data, PERSON) == {}


# -- local -----------------------------------------------------------------------------------------------------


def test_local_settings() -> None:
    data = local.with_numbers(local.with_setting({b"later": 1}, "x", True), LocalSettings(theme=2))
    assert data == {b"later": 1, b"theme": 2, b"settings": {b"x": 1}}
    assert local.read(data) == LocalSettings(theme=2, settings=frozenset({"x"}))
    assert local.with_setting(data, "x", False) == {b"later": 1, b"theme": 2}
