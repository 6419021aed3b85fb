"""The storage RPC: every request survives both encodings, and nothing but the named errors comes of hostile bytes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.protocol.storage_rpc.people import ALICE, DAY, HASHES, NOW
from veery.errors import Malformed, Rejected
from veery.protocol import bt
from veery.protocol.storage_rpc import (
    METHODS,
    ActiveNodesBin,
    AnswerMalformed,
    Auth,
    Batch,
    Conditions,
    Delete,
    DeleteAll,
    DeleteBefore,
    Encoding,
    Expire,
    ExpireAll,
    GetExpiries,
    GetSwarm,
    IfElse,
    Info,
    OxendRequest,
    Request,
    Retrieve,
    RetrieveAnswer,
    RetrieveWindow,
    RevokedSubaccounts,
    RevokeSubaccount,
    RpcError,
    Sequence,
    Signed,
    Store,
    StoredMessage,
    SubaccountAuth,
    UnrevokeSubaccount,
    check_request,
    decode_answer,
    encode_body,
    message_hash,
    parse_forwarded,
    parse_params,
    parse_request,
    read_answer,
    write_call,
    write_forwarded,
    write_params,
)
from veery.protocol.storage_rpc.encoding import base64_bytes, base64_text
from veery.protocol.storage_rpc.notifications import (
    Notification,
    decode_monitor_ended,
    decode_notification,
    decode_replies,
    encode_notification,
)
from veery.protocol.storage_rpc.retrieve_window import counted_size, size_limit
from veery.protocol.storage_rpc.subscriptions import parse_subscriptions, read_subscription

keys = st.binary(min_size=32, max_size=32)
people = keys.map(lambda key: b"\x05" + key)
others = st.tuples(st.sampled_from([3, 0, 0x15, 0x25, 255]), keys).map(lambda pair: bytes((pair[0],)) + pair[1])
namespaces = st.integers(-(2**15), 2**15 - 1)
wide = namespaces | st.just("all")
times = st.integers(10**9, 2**62)
signatures = st.binary(min_size=64, max_size=64)
tokens = st.binary(min_size=36, max_size=36)
token_lists = st.lists(tokens, max_size=50).map(tuple)
hash_texts = st.binary(max_size=40).map(lambda data: message_hash(ALICE, 0, data))
hash_lists = st.lists(hash_texts, min_size=1, max_size=5).map(tuple)
subaccounts = st.none() | st.builds(SubaccountAuth, tokens, signatures)


def with_account(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Signed requests of people, who may name their key, and of others, who may not."""
    person = st.builds(kind, account=people, auth=st.builds(Auth, signatures, st.none() | keys, subaccounts), **fields)
    other = st.builds(kind, account=others, auth=st.builds(Auth, signatures, st.none(), subaccounts), **fields)
    return person | other


@st.composite
def expires(draw: st.DrawFn) -> Expire:
    hashes = draw(hash_lists)
    count = draw(st.sampled_from([1, len(hashes)]))
    expiries = tuple(draw(times) for _ in range(count))
    shorten, extend = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    request: Expire = draw(
        with_account(
            Expire,
            messages=st.just(hashes),
            expiries=st.just(expiries),
            shorten=st.just(shorten),
            extend=st.just(extend),
        )
    )
    return request


@st.composite
def stores(draw: st.DrawFn) -> Store:
    timestamp = draw(times)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "namespace": namespaces,
        "data": st.binary(max_size=200),
        "timestamp": st.just(timestamp),
        "expiry": st.integers(timestamp, timestamp + 30 * DAY),
    }
    unsigned = st.builds(Store, account=people | others, auth=st.none(), **fields)
    signed = with_account(Store, sig_timestamp=times, **fields)
    request: Store = draw(unsigned | signed)
    return request


recursive = st.one_of(
    stores(),
    with_account(Delete, messages=hash_lists),
    with_account(DeleteAll, timestamp=times, namespace=wide),
    with_account(DeleteBefore, before=times, namespace=wide),
    expires(),
    with_account(ExpireAll, expiry=times, namespace=wide),
    with_account(RevokeSubaccount, tokens=token_lists, timestamp=times),
    with_account(UnrevokeSubaccount, tokens=token_lists, timestamp=times),
)
limits: dict[str, st.SearchStrategy[Any]] = {
    "last_hash": st.none() | hash_texts,
    "max_count": st.none() | st.integers(-5, 500),
    "max_size": st.none() | st.integers(-20, 10**7),
    "reverse_direction": st.booleans(),
}
simple: st.SearchStrategy[Any] = st.one_of(
    recursive,
    st.builds(Info),
    st.builds(ActiveNodesBin),
    st.builds(GetSwarm, people | others),
    st.builds(OxendRequest, st.sampled_from(["get_service_nodes", "ons_resolve"]), st.just({"type": 0, "x": None})),
    with_account(Retrieve, namespace=namespaces, timestamp=times, **limits),
    st.builds(Retrieve, account=people | others, namespace=st.sampled_from([0, -10, -1, -21]), **limits),
    with_account(GetExpiries, messages=hash_lists, timestamp=times),
    st.builds(RevokedSubaccounts, people | others, times, st.builds(Auth, signatures, st.none(), subaccounts)),
)
lists = st.lists(simple, min_size=1, max_size=3).map(tuple)
conditions = st.builds(
    Conditions,
    hf_at_least=st.none() | st.tuples(st.integers(0, 99), st.integers(0, 99)),
    v_before=st.none() | st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    height_before=st.integers(0, 2**40),
)
requests: st.SearchStrategy[Any] = st.one_of(
    simple,
    st.builds(Batch, lists),
    st.builds(Sequence, lists),
    st.builds(IfElse, conditions, simple, st.none() | st.builds(Batch, lists)),
)


@given(requests)
def test_requests_survive_both_encodings(request: Request) -> None:
    assert parse_request(write_call(request)) == request
    for encoding in Encoding:
        assert parse_params(request.method, write_params(request, encoding)) == (request, encoding)


@given(recursive)
def test_forwarding_keeps_all_that_is_signed(request: Any) -> None:
    again = parse_forwarded(request.method, write_forwarded(request))
    assert again == request
    assert again.signed_text() == request.signed_text()
    bt.decode_dict(write_forwarded(request))  # strict: every member reads the same bytes


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([ALICE.hex(), HASHES[0], "all", "A" * 86, "A" * 48, NOW, str(NOW)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "pubkey",
        "pubKey",
        "data",
        "timestamp",
        "ttl",
        "expiry",
        "namespace",
        "signature",
        "sig_timestamp",
        "pubkey_ed25519",
        "subaccount",
        "subaccount_sig",
        "messages",
        "before",
        "revoke",
        "unrevoke",
        "last_hash",
        "lastHash",
        "max_count",
        "max_size",
        "required",
        "shorten",
        "extend",
        "endpoint",
        "params",
        "requests",
        "if",
        "then",
        "else",
        "reverse_direction",
    ]
)
params = st.dictionaries(names, json_values, max_size=8) | st.fixed_dictionaries(
    {"pubkey": st.just(ALICE.hex()), "timestamp": st.just(NOW), "signature": st.just("A" * 86)},
    optional=dict.fromkeys(("namespace", "messages", "expiry", "data", "ttl", "before", "revoke"), json_values),
)


def refused_or_checked(parse: Any) -> None:
    """Parse, and check what parses: the outcome is a request or RpcError, and nothing else."""
    try:
        request = parse()
    except RpcError as error:
        assert error.code in (400, 413)
        assert isinstance(error.body, str)
        return
    if isinstance(request, Signed):
        try:
            check_request(request, NOW)
        except RpcError as error:
            assert error.code in (400, 401, 403, 406)


@given(st.sampled_from(sorted(METHODS)), params)
def test_strange_json_is_refused_by_name(method: str, fields: dict[str, Any]) -> None:
    body = json.dumps({"method": method, "params": fields}).encode()
    refused_or_checked(lambda: parse_request(body))
    refused_or_checked(lambda: parse_params(method, json.dumps(fields).encode())[0])


bt_values = st.recursive(
    st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | st.sampled_from([ALICE, b"all", b"s" * 64, b"k" * 36]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(METHODS)), st.dictionaries(names.map(str.encode), bt_values, max_size=8))
def test_strange_bencoded_requests_are_refused_by_name(method: str, fields: dict[bytes, Any]) -> None:
    body = bt.encode(fields)
    refused_or_checked(lambda: parse_params(method, body)[0])
    refused_or_checked(lambda: parse_forwarded(method, body))


@given(requests, st.data())
def test_broken_bytes_are_refused_by_name(request: Request, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([write_call(request), write_params(request)])))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    for broken in (bytes(body), cut):
        for parse in (parse_request, partial(parse_params, request.method), partial(parse_forwarded, request.method)):
            try:
                parse(broken)
            except RpcError as error:
                assert error.code == 400


@given(simple, json_values, params)
def test_strange_answers_are_refused_by_name(request: Request, value: Any, fields: dict[str, Any]) -> None:
    entries = {"swarm": {"aa" * 32: fields}, "messages": [fields], "snodes": [fields], "expiries": fields}
    for answer in (value, fields, entries, {**entries, "swarm": "abc"}):
        for encoding in Encoding:
            try:
                read_answer(request, answer, encoding)
            except AnswerMalformed:
                continue


@given(st.binary(max_size=200) | bt_values.map(bt.encode))
def test_strange_notices_are_refused_by_name(body: bytes) -> None:
    for decode in (decode_notification, decode_monitor_ended, decode_replies, parse_subscriptions):
        try:
            decode(body)
        except (Malformed, Rejected):
            continue


@given(st.dictionaries(st.sampled_from([b"P", b"S", b"T", b"d", b"n", b"p", b"s", b"t"]), bt_values, max_size=8))
def test_strange_subscriptions_are_refused_by_name(entry: dict[bytes, Any]) -> None:
    try:
        read_subscription(entry)
    except Rejected:
        return


@given(
    st.builds(
        Notification,
        people | others,
        hash_texts,
        namespaces,
        st.integers(0, 2**62),
        st.integers(0, 2**62),
        st.none() | st.binary(max_size=100),
    )
)
def test_notices_survive(notice: Notification) -> None:
    assert decode_notification(encode_notification(notice)) == notice


messages = st.builds(StoredMessage, hash_texts, st.integers(0, 2**62), st.integers(0, 2**62), st.binary(max_size=100))


@given(st.lists(messages, max_size=5).map(tuple), st.booleans())
def test_retrieved_messages_survive_both_encodings(found: tuple[StoredMessage, ...], more: bool) -> None:
    answer = RetrieveAnswer(found, more, t=NOW, hf=(19, 4))
    for encoding in Encoding:
        body = encode_body(answer.body(encoding), encoding)
        assert read_answer(Retrieve(ALICE), decode_answer(body, encoding), encoding) == answer


@given(st.binary(max_size=300))
def test_base64_with_and_without_padding(data: bytes) -> None:
    text = base64_text(data)
    assert base64_bytes(text) == base64_bytes(text.rstrip("=")) == data


@given(st.text(max_size=12) | st.text(alphabet="Ab0+/=", max_size=12))
def test_base64_is_never_guessed(text: str) -> None:
    try:
        data = base64_bytes(text)
    except ValueError:
        return
    assert len(base64_text(data).rstrip("=")) == len(text.rstrip("="))
    assert text in (text.rstrip("="), text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


@given(
    st.lists(st.integers(0, 76_800), max_size=120),
    st.none() | st.integers(-20, 10**7),
    st.none() | st.integers(-3, 100),
)
def test_a_window_never_exceeds_its_limits(sizes: list[int], max_size: int | None, max_count: int | None) -> None:
    window = RetrieveWindow(Retrieve(ALICE, max_size=max_size, max_count=max_count))
    taken: list[int] = []
    for size in sizes:
        if not window.take(size):
            break
        taken.append(size)
    assert bool(taken) == bool(sizes)
    assert window.more == (len(taken) < len(sizes))
    assert len(taken) <= 1 or sum(map(counted_size, taken)) <= size_limit(max_size, max_count)
    assert not max_count or len(taken) <= max(1, max_count)
