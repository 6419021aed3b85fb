"""Entries of the types: what is written is read, what is not understood survives, and nothing is written over."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.property.config.strategies import DATA, NOW_MS, VALUES
from veery.protocol import crypto
from veery.protocol.account import AccountId
from veery.protocol.config import (
    contacts,
    convo_info_volatile,
    local,
    user_communities,
    user_groups,
    user_profile,
)
from veery.protocol.config import data as config_data
from veery.protocol.config.contacts import BlindedContact, Contact, ExpiryMode
from veery.protocol.config.convo_info_volatile import ReadState
from veery.protocol.config.data import Data, Path, Value
from veery.protocol.config.fields import NotificationMode, Picture
from veery.protocol.config.user_communities import Community
from veery.protocol.config.user_groups import Group
from veery.secret import Secret


def ids(*prefixes: int) -> st.SearchStrategy[AccountId]:
    keys = st.binary(min_size=32, max_size=32) | st.sampled_from([bytes(32), b"1" * 32])
    return st.builds(lambda prefix, key: AccountId(bytes([prefix]) + key), st.sampled_from(prefixes), keys)


NAMES = st.text(alphabet=st.characters(codec="utf-8"), max_size=25)
TIMES = st.integers(0, 9 * 10**9)
PICTURES = st.none() | st.builds(
    Picture, st.text("abc/:.", min_size=1, max_size=40), st.binary(min_size=32, max_size=32).map(Secret)
)
PRIORITIES = st.integers(-1, 5)
FEATURES = st.frozensets(st.integers(0, 9), max_size=3)
MODES = st.sampled_from(NotificationMode)
URLS = st.sampled_from(["https://example.org", "http://example.org:8080"])
KEY = b"k" * 32
ROOMS = st.from_regex(r"[-_0-9A-Za-z]{1,64}", fullmatch=True)
UNKNOWN_KEY = b"\xff later"

CONTACTS = st.builds(
    Contact,
    ids(5),
    NAMES,
    NAMES,
    PICTURES,
    TIMES,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    MODES.filter(lambda mode: mode is not NotificationMode.MENTIONS),
    TIMES,
    PRIORITIES,
    st.sampled_from(ExpiryMode),
    st.integers(1, 10**6),
    TIMES,
    FEATURES,
).map(lambda found: replace(found, expiry_timer_s=found.expiry_timer_s if found.expiry_mode else 0))
STRANGERS = st.builds(
    BlindedContact, URLS, st.just(KEY), ids(0x15, 0x25), NAMES, PICTURES, TIMES, PRIORITIES, TIMES, FEATURES
)
COMMUNITIES = st.builds(Community, URLS, ROOMS, st.just(KEY), PRIORITIES, TIMES, MODES, TIMES, st.booleans())
READ_STATES = st.builds(
    ReadState,
    st.just(0) | st.integers(NOW_MS - 10**6, NOW_MS),
    st.booleans(),
) | st.builds(ReadState, st.just(NOW_MS), st.booleans(), st.integers(1, 10**9), st.binary(min_size=32, max_size=32))


@st.composite
def groups(draw: st.DrawFn) -> Group:
    seed = draw(st.binary(min_size=32, max_size=32))
    admin = draw(st.booleans())
    return Group(
        id=AccountId(b"\x03" + crypto.ed25519_from_seed(seed)[0]),
        name=draw(NAMES),
        seed=Secret(seed) if admin else None,
        auth_data=None if admin else draw(st.none() | st.binary(min_size=100, max_size=100).map(Secret)),
        removed=draw(st.integers(0, 3)),
        priority=draw(PRIORITIES),
        joined_s=draw(TIMES),
        notifications=draw(MODES),
        muted_until_s=draw(TIMES),
        invited=draw(st.booleans()),
    )


def plain(value: object) -> Any:
    """Something that can be compared: secrets have no equality."""
    if isinstance(value, Secret):
        return value.reveal()
    if is_dataclass(value) and not isinstance(value, type | AccountId):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value


def with_unknown(data: Data, path: Path) -> Data:
    return config_data.put(data, (*path, UNKNOWN_KEY), 7)


@given(DATA, CONTACTS, CONTACTS)
def test_contacts(data: Data, contact: Contact, other: Contact) -> None:
    path: Path = (b"c", contact.id.raw)
    before = with_unknown(contacts.written(data, contact), path)
    assert plain(contacts.find(before, contact.id)) == plain(contact)
    assert plain(contacts.read(before)[contact.id]) == plain(contact)
    assert contacts.written(before, contact) == before
    changed = contacts.written(before, replace(other, id=contact.id))
    assert plain(contacts.find(changed, contact.id)) == plain(replace(other, id=contact.id))
    assert config_data.get(changed, (*path, UNKNOWN_KEY)) == 7
    assert contacts.find(contacts.without(changed, contact.id), contact.id) is None
    assert config_data.pruned(changed) == changed


@given(DATA, STRANGERS)
def test_blinded_contacts(data: Data, stranger: BlindedContact) -> None:
    before = contacts.written_blinded(data, stranger)
    found = contacts.read_blinded(before)[stranger.base_url, stranger.id]
    assert plain(found) == plain(stranger)
    assert contacts.written_blinded(before, stranger) == before
    erased = contacts.without_blinded(before, stranger.base_url, stranger.id)
    assert (stranger.base_url, stranger.id) not in contacts.read_blinded(erased)


@given(DATA, groups(), groups())
def test_groups(data: Data, group: Group, other: Group) -> None:
    path: Path = (b"g", group.id.raw)
    before = with_unknown(user_groups.written(data, group), path)
    assert plain(user_groups.find(before, group.id)) == plain(group)
    assert user_groups.written(before, group) == before
    changed = replace(other, id=group.id, seed=group.seed, auth_data=group.auth_data)
    after = user_groups.written(before, changed)
    assert plain(user_groups.read(after)[group.id]) == plain(changed)
    kicked = user_groups.kicked(after, group.id)
    found = user_groups.find(kicked, group.id)
    assert found is not None
    assert (found.seed, found.auth_data, found.name) == (None, None, changed.name)
    assert found.removed == max(1, changed.removed)
    assert config_data.get(kicked, (*path, b"K")) == b""
    assert config_data.get(kicked, (*path, UNKNOWN_KEY)) == 7
    assert user_groups.find(user_groups.without(kicked, group.id), group.id) is None


@given(DATA, COMMUNITIES, COMMUNITIES)
def test_communities(data: Data, community: Community, other: Community) -> None:
    name = (community.base_url, community.room.lower())
    before = user_communities.written(data, community)
    assert plain(user_communities.read(before)[name]) == plain(community)
    assert user_communities.written(before, community) == before
    changed = replace(other, base_url=community.base_url, room=community.room.upper())
    after = user_communities.written(before, changed)
    assert plain(user_communities.read(after)[name]) == plain(changed)
    erased = user_communities.without(after, *name)
    assert name not in user_communities.read(erased)


@given(DATA, ids(3, 5, 0x15, 0x25), READ_STATES, READ_STATES)
def test_read_states(data: Data, account_id: AccountId, first: ReadState, second: ReadState) -> None:
    with_pro = account_id.prefix != 3
    for state in (first, second):
        wanted = state if with_pro else replace(state, pro_expiry_s=0, pro_tag=None)
        data = convo_info_volatile.written(data, account_id, wanted, NOW_MS)
        assert convo_info_volatile.read(data).get(account_id, ReadState()) == wanted
        assert convo_info_volatile.written(data, account_id, wanted, NOW_MS) == data
    assert account_id not in convo_info_volatile.read(convo_info_volatile.without(data, account_id))
    assert config_data.pruned(data) == data


@given(DATA, URLS, ROOMS, READ_STATES)
def test_read_states_of_communities(data: Data, url: str, room: str, state: ReadState) -> None:
    wanted = replace(state, pro_expiry_s=0, pro_tag=None)
    after = convo_info_volatile.written_community(data, url, room, KEY, wanted, NOW_MS)
    found = convo_info_volatile.read_communities(after)
    assert found.get((url, room.lower()), ReadState()) == wanted
    erased = convo_info_volatile.without_community(after, url, room)
    assert (url, room.lower()) not in convo_info_volatile.read_communities(erased)


@given(DATA, NAMES, PICTURES, st.integers(1, 10**9))
def test_profile(data: Data, name: str, picture: Picture | None, now_s: int) -> None:
    after = user_profile.with_name({key: value for key, value in data.items() if key not in (b"t", b"T")}, name, now_s)
    assert user_profile.with_name(after, name, now_s + 1) == after
    cut = name.encode()[:100].decode(errors="ignore")
    assert user_profile.read(after).name == cut
    if picture is not None:
        after = user_profile.with_picture(after, picture, now_s)
        assert plain(user_profile.read(after).picture) == plain(picture)
        again = user_profile.with_picture_uploaded_again(after, Picture("u", Secret(KEY)), now_s + 1)
        assert plain(user_profile.read(again).picture) == {"url": "u", "key": KEY}
        assert user_profile.read(user_profile.without_picture(again, now_s + 2)).picture is None


ENTRY_IDS = [bytes([prefix]) + bytes(32) for prefix in (3, 5, 0x15, 0x25)]
ODD = st.dictionaries(
    st.sampled_from([b"c", b"b", b"1", b"g", b"C", b"o", b"settings", b"s", b"E", b"M", b"t"]),
    VALUES
    | st.dictionaries(
        st.sampled_from([*ENTRY_IDS, b"https://example.org", b"\xff"]),
        VALUES
        | st.dictionaries(
            st.sampled_from([b"#", b"R", b"n", b"K", b"r", b"u", b"e", b"E", b"g", b"s", b"p", b"q", b"@", b"m"]),
            VALUES | st.just(KEY),
            min_size=1,
        ),
        min_size=1,
    ),
    min_size=1,
)


@given(ODD)
def test_odd_values_are_read_without_failing(odd: dict[bytes, Value]) -> None:
    user_profile.read(odd)
    contacts.read(odd)
    contacts.read_blinded(odd)
    convo_info_volatile.read(odd)
    convo_info_volatile.read_legacy_groups(odd)
    convo_info_volatile.read_communities(odd)
    user_groups.read(odd)
    user_groups.read_legacy_groups(odd)
    user_communities.read(odd)
    local.read(odd)
    tidied = convo_info_volatile.without_stale(odd, NOW_MS)
    assert config_data.pruned(tidied) == tidied
    assert convo_info_volatile.without_stale(tidied, NOW_MS) == tidied
