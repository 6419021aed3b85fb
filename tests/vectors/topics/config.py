"""Configuration sync: storage form, merges, objects, parts, community URLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.vectors.harness import Case, Check, topic
from tests.vectors.topics.bt import value_of
from veery.errors import ProtocolError
from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config import (
    AccountSealer,
    ConfigObject,
    Phase,
    community_url,
    contacts,
    kinds,
    legacy_wrapper,
    merge,
    message,
    parts,
    state,
    storage_form,
)
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import Data, Value
from veery.protocol.config.merge import Winner
from veery.protocol.config.parts import NO_PARTS, Part
from veery.protocol.constants import CONFIG_CHUNK, CONFIG_OVERHEAD, DATA_MAX, PREFIX_USER
from veery.secret import Secret

KINDS = {kind.name: kind for kind in (*kinds.ACCOUNT_KINDS, kinds.LOCAL)}
WRAPPED = {kind.namespace: kind.wrapped_as for kind in kinds.ACCOUNT_KINDS if kind.wrapped_as is not None}
NOW_MS = 1_795_600_000_000


def data_of(written: Any) -> Value:
    """Application data as the vectors write it: sets are arrays."""
    found = value_of(written)

    def read(value: bt.Value) -> Value:
        if isinstance(value, dict):
            return {key: read(item) for key, item in value.items()}
        if isinstance(value, list):
            return frozenset(item for item in value if isinstance(item, int | bytes))
        return value

    return read(found)


def dict_of(written: Any) -> Data:
    found = data_of(written)
    assert isinstance(found, Mapping)
    return found


def refused_or_checked(check: Check, inputs: Case, expected: Case) -> None:
    """Run a check; where the case says so, an error of the protocol must end it."""
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            check(inputs, expected)
    else:
        check(inputs, expected)


def account_of(inputs: Case) -> Account:
    return Account.from_seed(bytes.fromhex(inputs["ed25519_seed"]))


def sign_key_of(inputs: Case) -> Secret | None:
    seed = inputs.get("sign_seed")
    return None if seed is None else Secret(crypto.ed25519_from_seed(bytes.fromhex(seed))[1])


def encoded_diff(found: message.Message) -> bytes:
    return bt.encode(config_diff.encodable(found.diff))


# -- storage form ----------------------------------------------------------------------------------------------


@topic("config-crypto")
def config_crypto(inputs: Case, expected: Case) -> None:
    check = {
        "encrypt": _encrypt,
        "decrypt": _decrypt,
        "padded_size": _padded_size,
        "unpad_and_decompress": _open,
        "wrap": _wrap,
        "unwrap": _unwrap,
    }[inputs["op"]]
    refused_or_checked(check, inputs, expected)


def _encrypt(inputs: Case, expected: Case) -> None:
    key_base, domain = Secret(bytes.fromhex(inputs["key_base"])), inputs["domain"].encode()
    plaintext = bytes.fromhex(inputs["plaintext"])
    assert storage_form.derive_key(key_base, len(plaintext), domain).hex() == expected["derived_key"]
    assert storage_form.derive_nonce(plaintext, domain).hex() == expected["nonce"]
    stored = storage_form.encrypt(plaintext, key_base, domain)
    assert stored.hex() == expected["ciphertext"]
    assert storage_form.decrypt(stored, [Secret(bytes(32)), key_base], domain) == plaintext


def _decrypt(inputs: Case, expected: Case) -> None:
    key_base, domain = Secret(bytes.fromhex(inputs["key_base"])), inputs["domain"].encode()
    found = storage_form.decrypt(bytes.fromhex(inputs["ciphertext"]), [key_base], domain)
    assert found.hex() == expected["plaintext"]


def _padded_size(inputs: Case, expected: Case) -> None:
    size = storage_form.padded_size(inputs["length"])
    assert size == expected["padded_length"]
    assert size + CONFIG_OVERHEAD == expected["encrypted_length"]


def _open(inputs: Case, expected: Case) -> None:
    payload = storage_form.unpadded(bytes.fromhex(inputs["plaintext"]))
    assert storage_form.inflated(payload).hex() == expected["message"]


def _wrap(inputs: Case, expected: Case) -> None:
    account, kind = account_of(inputs), WRAPPED[inputs["namespace"]]
    data = bytes.fromhex(inputs["data"])
    wrapped = legacy_wrapper.wrap(account, kind, inputs["seqno"], data)
    assert wrapped.hex() == expected["wrapped"]
    assert legacy_wrapper.unwrap(account, kind, wrapped) == data


def _unwrap(inputs: Case, expected: Case) -> None:
    wrapped = bytes.fromhex(inputs["wrapped"])
    found = legacy_wrapper.unwrap(account_of(inputs), WRAPPED[inputs["namespace"]], wrapped)
    assert found.hex() == expected["data"]


# -- messages and merges ---------------------------------------------------------------------------------------


@topic("config-merge")
def config_merge(inputs: Case, expected: Case) -> None:
    {"parse": _parse, "change": _change, "merge": _merge}[inputs["op"]](inputs, expected)


def _parse(inputs: Case, expected: Case) -> None:
    raw = bytes.fromhex(inputs["message"])
    verify = inputs.get("verify_pubkey")
    verify_key = None if verify is None else bytes.fromhex(verify)
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            message.parse(raw, verify_key=verify_key)
        return
    found = message.parse(raw, verify_key=verify_key)
    assert found.seqno == expected["seqno"]
    assert found.hash.hex() == expected["hash"]
    assert found.data == dict_of(expected["data"])


def _change(inputs: Case, expected: Case) -> None:
    assert inputs["lag"] == 5
    before = message.parse(bytes.fromhex(inputs["message"]))
    data = config_data.pruned(dict_of(inputs["new_data"]))
    found = state.draft_after(before, data).finished(sign_key_of(inputs))
    assert found.seqno == expected["seqno"]
    assert found.raw.hex() == expected["serialized"]
    assert found.hash.hex() == expected["hash"]
    if "diff" in expected:
        assert encoded_diff(found) == bt.encode(value_of(expected["diff"]))
    again = message.parse(found.raw)
    assert (again.data, again.rows, again.diff) == (found.data, found.rows, found.diff)


def _merge(inputs: Case, expected: Case) -> None:
    lag, sign_key = inputs["lag"], sign_key_of(inputs)
    verify = inputs.get("verify_pubkey")
    verify_key = None if verify is None else bytes.fromhex(verify)
    valid: list[tuple[int, message.Message]] = []
    invalid: list[int] = []
    for index, text in enumerate(inputs["messages"]):
        try:
            valid.append((index, message.parse(bytes.fromhex(text), verify_key=verify_key, lag=lag)))
        except ProtocolError:
            invalid.append(index)
    assert invalid == expected["invalid_indices"]
    may_write = verify_key is None or sign_key is not None
    outcome = merge.merge([found for _, found in valid], may_write=may_write, lag=lag)
    if isinstance(outcome, Winner):
        assert expected["merged"] is False
        index, result = valid[outcome.index]
        assert index == expected["result_index"]
    else:
        assert expected["merged"] is True
        assert expected["result_index"] is None
        result = message.build(
            outcome.seqno, outcome.data, outcome.rows, config_diff.NOTHING, sign_key=sign_key, lag=lag
        )
    assert result.seqno == expected["seqno"]
    assert result.data == dict_of(expected["data"])
    assert result.raw.hex() == expected["serialized"]
    assert result.hash.hex() == expected["hash"]


# -- objects ---------------------------------------------------------------------------------------------------


def arrived(items: list[Case]) -> list[tuple[str, bytes]]:
    return [(item["hash"], bytes.fromhex(item["data"])) for item in items]


def object_of(inputs: Case) -> ConfigObject:
    return ConfigObject(KINDS[inputs["type"]], AccountSealer(account_of(inputs)))


def reopened(held: ConfigObject, inputs: Case) -> ConfigObject:
    """The same object after a restart: nothing may depend on what is not saved."""
    return ConfigObject(held.kind, AccountSealer(account_of(inputs)), saved=held.dump())


@topic("config-object")
def config_object(inputs: Case, expected: Case) -> None:
    {"object_merge": _object_merge, "object_script": _object_script}[inputs["op"]](inputs, expected)


def with_fields(data: Data, written: Case) -> Data:
    """Application keys; `name` is the display name as clients of 2025 wrote it, without a time."""
    edits = {b"n" if key == "name" else _key(key): _set_value(value) for key, value in written.items()}
    return config_data.edited(data, (), edits)


def _key(written: str) -> bytes:
    found = value_of(written)
    assert isinstance(found, bytes)
    return found


def _set_value(written: Any) -> Value | None:
    if written is None:
        return None
    tagged = isinstance(written, str) and written[:2] not in ("s:", "x:")
    return data_of(f"s:{written}" if tagged else written)


def _object_merge(inputs: Case, expected: Case) -> None:
    held = object_of(inputs)
    held.merge(arrived([inputs["start"]]), NOW_MS)
    held.change(with_fields(held.data, inputs["then_set"]))
    if inputs["pushed_before_merge"]:
        held.push(NOW_MS)
    held = reopened(held, inputs)
    held.merge(arrived(inputs["incoming"]), NOW_MS)
    assert held.phase.name.lower() == expected["state_after_merge"]
    held = reopened(held, inputs)
    _check_push(held, expected["next_push"], inputs)


def _check_push(held: ConfigObject, expected: Case, inputs: Case) -> None:
    push = held.push(NOW_MS)
    assert push.seqno == expected["seqno"]
    assert sorted(push.obsolete) == sorted(expected["obsolete_hashes"])
    assert held.message().raw.hex() == expected["message"]
    other = object_of(inputs)
    other.merge([(f"part {index}", stored) for index, stored in enumerate(push.stored)], NOW_MS)
    assert other.message().raw == held.message().raw
    assert held.push(NOW_MS).stored == push.stored


def _object_script(inputs: Case, expected: Case) -> None:
    held = object_of(inputs)
    for step, after in zip(inputs["steps"], expected["steps"], strict=True):
        ((verb, argument),) = step.items()
        match verb:
            case "merge":
                held.merge(arrived(argument), NOW_MS)
            case "set":
                held.change(with_fields(held.data, argument))
            case "push":
                _check_push(held, after, inputs)
            case "confirm":
                held.confirm(argument["seqno"], argument["hashes"])
            case _:
                raise AssertionError(f"no step is called {verb}")
        assert held.phase.name.lower() == after["state"]
        assert sorted(held.current_hashes) == sorted(after["current_hashes"])
        assert held.data == dict_of(after["data"])
        held = reopened(held, inputs)


# -- parts -----------------------------------------------------------------------------------------------------


@topic("config-multipart")
def config_multipart(inputs: Case, expected: Case) -> None:
    {"open_multipart": _open_multipart, "push_many_contacts": _push_many}[inputs["op"]](inputs, expected)


def _open_multipart(inputs: Case, expected: Case) -> None:
    kind, sealer = KINDS[inputs["type"]], AccountSealer(account_of(inputs))
    sets, joined, accepted = NO_PARTS, None, 0
    for index, text in enumerate(inputs["stored"]):
        try:
            part = sealer.open(kind, bytes.fromhex(text))
            assert isinstance(part, Part)
            if "set_hash" in expected:
                assert part.set_hash.hex() == expected["set_hash"]
            sets, complete = parts.collect(sets, part, f"h{index}", NOW_MS)
        except ProtocolError:
            continue
        accepted += 1
        joined = joined or complete
    if "accepted" in expected:
        assert accepted == expected["accepted"]
    if "keep_alive" in expected:
        assert len(sets.storage_hashes) == expected["keep_alive"]
    if "complete" in expected or "message" in expected:
        assert (joined is not None) == expected.get("complete", True)
    held = ConfigObject(kind, sealer)
    held.merge([(f"h{index}", bytes.fromhex(text)) for index, text in enumerate(inputs["stored"])], NOW_MS)
    if joined is None:
        assert held.phase is Phase.CLEAN
        assert held.message() is message.EMPTY
        assert held.active_hashes == sets.storage_hashes
        return
    assert len(joined.storage_hashes) == expected["parts"]
    found = storage_form.inflated(storage_form.unpadded(joined.padded))
    assert found.hex() == expected["message"]
    assert held.message().raw == found
    assert held.current_hashes == joined.storage_hashes
    if "contacts" in expected:
        assert len(contacts.read(held.data)) == expected["contacts"]


def _push_many(inputs: Case, expected: Case) -> None:
    account = Account.from_seed(bytes.fromhex("0123456789abcdef0123456789abcdef") + bytes(16))
    held = ConfigObject(kinds.CONTACTS, AccountSealer(account))
    data = config_data.EMPTY
    for index in range(inputs["count"]):
        account_id = AccountId(bytes([PREFIX_USER]) + crypto.blake2b(32, b"veery%d" % index))
        contact = contacts.Contact(account_id, nickname=f"My friend {index}", approved=True)
        data = contacts.written(data, contact)
    held.change(data)
    push = held.push(NOW_MS)
    assert len(held.message().raw) == expected["message_length"]
    assert held.message().hash.hex() == expected["message_hash"]
    assert len(push.stored) == expected["stored_messages"]
    if "stored_size" in expected:
        # the release of zstd decides, 07.12.7; the padding leaves few sizes
        assert len(push.stored[0]) == expected["stored_size"]
    sizes = [[size, chunk] for size, chunk in expected.get("stored_and_chunk_sizes", [])]
    if sizes:
        assert all(size == DATA_MAX for size, _ in sizes[:-1])
        assert [[len(stored), len(_part(account, stored).chunk)] for stored in push.stored] == sizes
        assert all(chunk == CONFIG_CHUNK for _, chunk in sizes[:-1])
    if "last_part_trailing_zero_bytes" in expected:
        plaintext = storage_form.decrypt(push.stored[-1], [account.seed32], kinds.CONTACTS.domain)
        assert len(plaintext) - len(plaintext.rstrip(b"\0")) == expected["last_part_trailing_zero_bytes"]
    wrapped = len(push.stored) == 1 and push.stored[0] != _bare(account, held)
    assert wrapped == expected["protobuf_wrapped"]
    other = ConfigObject(kinds.CONTACTS, AccountSealer(account))
    other.merge([(f"h{index}", stored) for index, stored in enumerate(reversed(push.stored))], NOW_MS)
    assert other.data == data


def _part(account: Account, stored: bytes) -> Part:
    part = AccountSealer(account).open(kinds.CONTACTS, stored)
    assert isinstance(part, Part)
    return part


def _bare(account: Account, held: ConfigObject) -> bytes:
    padded = storage_form.padded(held.message().raw)
    return storage_form.encrypt(padded, account.seed32, kinds.CONTACTS.domain)


# -- URLs ------------------------------------------------------------------------------------------------------


@topic("community-urls")
def community_urls(inputs: Case, expected: Case) -> None:
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            community_url.parse_join(inputs["url"])
        return
    found = community_url.parse_join(inputs["url"])
    assert found.base_url == expected["base"]
    assert found.room.lower() == expected["room"].lower()
    assert found.server_key is not None
    assert found.server_key.hex() == expected["public_key"].lower()
    assert community_url.parse_join(str(found)) == found
