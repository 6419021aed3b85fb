"""Contents: every value survives its bytes, and no bytes do more than raise the named error."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from veery.protocol import content
from veery.secret import Secret

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BYTES = st.binary(max_size=20)
UNKNOWN = st.sampled_from(
    [b"", bytes.fromhex("f2ff0704626c6f62"), bytes.fromhex("f8ff0705"), bytes.fromhex("f5ff0700000000")]
)


def maybe(strategy: SearchStrategy[object]) -> SearchStrategy[object]:
    return st.none() | strategy


def build(made: Callable[..., object], /, **fields: SearchStrategy[object]) -> SearchStrategy[object]:
    return st.builds(made, other_fields=UNKNOWN, **fields)


def many(strategy: SearchStrategy[object]) -> SearchStrategy[object]:
    return st.lists(strategy, max_size=3).map(tuple)


POINTER = build(
    content.AttachmentPointer,
    deprecated_id=U64,
    content_type=maybe(TEXT),
    key=maybe(BYTES),
    size=maybe(U32),
    digest=maybe(BYTES),
    file_name=maybe(TEXT),
    flags=maybe(U32),
    width=maybe(U32),
    height=maybe(U32),
    caption=maybe(TEXT),
    url=maybe(TEXT),
)
PROFILE = build(
    content.Profile,
    display_name=maybe(TEXT),
    profile_picture=maybe(TEXT),
    last_profile_update_seconds=maybe(U64),
)
UPDATE = st.one_of(
    build(content.GroupInvite, group_session_id=TEXT, name=TEXT, member_auth_data=BYTES, admin_signature=BYTES),
    build(
        content.GroupInfoChange,
        type=st.sampled_from(content.InfoChangeType),
        admin_signature=BYTES,
        updated_name=maybe(TEXT),
        updated_expiration=maybe(U32),
    ),
    build(
        content.GroupMemberChange,
        type=st.sampled_from(content.MemberChangeType),
        admin_signature=BYTES,
        member_session_ids=many(TEXT),
        history_shared=maybe(st.booleans()),
    ),
    build(content.GroupPromote, group_identity_seed=BYTES.map(Secret), name=TEXT),
    build(content.GroupMemberLeft),
    build(content.GroupInviteResponse, is_approved=st.booleans()),
    build(
        content.GroupDeleteMemberContent,
        member_session_ids=many(TEXT),
        message_hashes=many(TEXT),
        admin_signature=maybe(BYTES),
    ),
    build(content.GroupMemberLeftNotification),
    build(content.UnknownGroupUpdate),
).flatmap(
    lambda update: st.builds(
        content.GroupUpdateMessage,
        st.just(update),
        other_fields=st.just(b"") if isinstance(update, content.UnknownGroupUpdate) else UNKNOWN,
    )
)
DATA = build(
    content.DataMessage,
    body=maybe(TEXT),
    attachments=many(POINTER),
    flags=maybe(U32),
    profile_key=maybe(BYTES),
    quote=maybe(build(content.Quote, id=U64, author=TEXT)),
    preview=many(build(content.Preview, url=TEXT, title=maybe(TEXT), image=maybe(POINTER))),
    reaction=maybe(
        build(content.Reaction, id=U64, author=TEXT, emoji=maybe(TEXT), action=st.sampled_from(content.ReactionAction))
    ),
    profile=maybe(PROFILE),
    community_invitation=maybe(build(content.CommunityInvitation, url=TEXT, name=TEXT)),
    sync_target=maybe(TEXT),
    blocks_community_message_requests=maybe(st.booleans()),
    group_update_message=maybe(UPDATE),
)
KIND = st.one_of(
    DATA,
    build(
        content.CallMessage,
        type=st.sampled_from(content.CallType),
        uuid=TEXT,
        sdps=many(TEXT),
        sdp_m_line_indexes=many(U32),
        sdp_mids=many(TEXT),
    ),
    build(content.ReceiptMessage, type=st.sampled_from(content.ReceiptType), timestamp=many(U64)),
    build(content.TypingMessage, timestamp=U64, action=st.sampled_from(content.TypingAction)),
    build(content.DataExtraction, type=st.sampled_from(content.DataExtractionType), timestamp=maybe(U64)),
    build(content.UnsendRequest, timestamp=U64, author=TEXT),
    build(content.MessageRequestResponse, is_approved=st.booleans(), profile_key=maybe(BYTES), profile=maybe(PROFILE)),
    build(
        content.SharedConfig,
        kind=st.sampled_from(content.SharedConfigKind),
        seqno=st.integers(-(2**63), 2**63 - 1),
        data=BYTES,
    ),
    st.builds(content.Unknown, UNKNOWN),
)
PROOF = build(
    content.ProProof,
    version=maybe(U32),
    gen_index_hash=maybe(BYTES),
    rotating_public_key=maybe(BYTES),
    expire_at_ms=maybe(U64),
    sig=maybe(BYTES),
)
PRO = build(content.ProMessage, proof=maybe(PROOF), profile_bitset=maybe(U64), message_bitset=maybe(U64))


@st.composite
def contents(draw: st.DrawFn) -> content.Content:
    kind = draw(KIND)
    assert isinstance(kind, content.Kind)
    carries = isinstance(kind, content.DataMessage | content.CallMessage | content.DataExtraction)
    pro = draw(maybe(PRO))
    assert pro is None or isinstance(pro, content.ProMessage)
    return content.Content(
        kind=kind,
        timestamp=draw(st.none() | U64),
        expiration_type=draw(st.sampled_from(content.ExpirationType)) if carries else content.ExpirationType.UNKNOWN,
        expiration_timer=draw(U32) if carries else 0,
        pro_message=pro,
        community_pro_signature=draw(st.none() | BYTES),
        other_fields=b"" if isinstance(kind, content.Unknown) else draw(UNKNOWN),
    )


def read(data: bytes) -> content.Content | None:
    """What the bytes say; nothing but the named error may come out."""
    try:
        return content.decode(data)
    except content.ContentMalformed as malformed:
        assert malformed.kind.startswith("content.")
        return None


@given(contents())
def test_every_content_survives_its_bytes(made: content.Content) -> None:
    data = content.encode(made)
    found = content.decode(data)
    assert found == made
    assert content.encode(found) == data


@given(contents(), st.data())
def test_damaged_bytes_are_read_or_refused(made: content.Content, data: st.DataObject) -> None:
    whole = bytearray(content.encode(made))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole)))
        if at < len(whole) and data.draw(st.booleans()):
            whole[at] = data.draw(st.integers(0, 255))
        else:
            del whole[at : at + data.draw(st.integers(1, 4))]
    found = read(bytes(whole))
    if found is not None:
        assert content.decode(content.encode(found)) == found


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = read(data)
    if found is not None:
        assert content.decode(content.encode(found)) == found
