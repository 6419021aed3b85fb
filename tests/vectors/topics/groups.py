"""Groups: keys, Info and Members, messages, subaccounts, several recipients, control messages."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.vectors.harness import Case, topic
from tests.vectors.topics.config import NOW_MS, dict_of
from veery.errors import ProtocolError
from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config import GROUP_INFO, GROUP_MEMBERS, ConfigKind, ConfigObject, GroupSealer
from veery.protocol.constants import TTL_CONFIG_MS
from veery.protocol.content import (
    GroupInviteResponse,
    GroupMemberLeft,
    GroupMemberLeftNotification,
    GroupUpdateMessage,
    InfoChangeType,
    MemberChangeType,
    group_signatures,
    group_update,
)
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.groups import (
    GroupAdminKeys,
    GroupKey,
    KeyList,
    MemberKey,
    control,
    group_auth_data,
    key_list,
    key_messages,
    kicked_notice,
    member_key,
    members,
    messages,
    multi_recipient,
)
from veery.protocol.storage_rpc import (
    Delete,
    DeleteAll,
    Expire,
    Retrieve,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
    namespaces,
    subaccounts,
)
from veery.protocol.storage_rpc.subaccounts import Access, blinding_factor, group_token
from veery.secret import Secret


def raw(inputs: Case, name: str) -> bytes:
    return bytes.fromhex(inputs[name])


def admin_of(inputs: Case) -> GroupAdminKeys:
    return GroupAdminKeys.from_seed(raw(inputs, "group_seed"))


def account_of(seed: str) -> Account:
    return Account.from_seed(bytes.fromhex(seed))


def ids_of(names: list[str]) -> list[AccountId]:
    return [AccountId.from_hex(name) for name in names]


# -- keys ------------------------------------------------------------------------------------------------------


@topic("group-keys")
def group_keys(inputs: Case, expected: Case) -> None:
    {"rekey": _rekey, "key_supplement": _supplement, "load_keys": _load_keys}[inputs["op"]](inputs, expected)


def _rekey(inputs: Case, expected: Case) -> None:
    admin, people = admin_of(inputs), ids_of(inputs["members"])
    rotation = key_messages.rotate(admin, people, inputs["generation"])
    assert rotation.key.reveal().hex() == expected["key"]
    assert rotation.message.hex() == expected["message"]
    found = key_messages.read(rotation.message, admin.public)
    assert (found.generation, found.nonce.hex()) == (inputs["generation"], expected["nonce"])
    if "entries" in expected:
        assert len(found.entries) == expected["entries"]
    if "admin_entry" in expected:
        assert found.admin_entry is not None
        assert found.admin_entry.hex() == expected["admin_entry"]
    if "first_junk_entry" in expected:
        assert found.entries[len(set(people))].hex() == expected["first_junk_entry"]


def _supplement(inputs: Case, expected: Case) -> None:
    admin = admin_of(inputs)
    keys = [GroupKey(key["generation"], key["timestamp_ms"], Secret(raw(key, "key"))) for key in inputs["keys"]]
    message = key_messages.supplement(admin, keys, ids_of(inputs["members"]))
    assert message.hex() == expected["message"]
    found = key_messages.read(message, admin.public)
    assert found.nonce.hex() == expected["nonce"]
    assert found.generation == keys[-1].generation


def _load_keys(inputs: Case, expected: Case) -> None:
    admin = admin_of(inputs) if inputs.get("group_seed") else None
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            _loaded(inputs, admin)
        return
    held = _loaded(inputs, admin)
    assert [key.reveal().hex() for key in held.decryption_keys] == expected["keys_newest_first"]
    assert held.generation == expected["generation"]
    if "needs_rekey" in expected:
        assert (admin is not None and held.collides) is expected["needs_rekey"]


def _loaded(inputs: Case, admin: GroupAdminKeys | None) -> KeyList:
    held = key_list.EMPTY
    for index, message in enumerate(inputs["messages"]):
        held = key_list.loaded(
            held,
            raw(message, "data"),
            storage_hash=f"h{index}",
            timestamp_ms=message["timestamp_ms"],
            group_public=raw(inputs, "group_pubkey"),
            reader=admin or account_of(inputs["user_seed"]),
        )
        held = key_list.load(key_list.dump(held))
    return held


# -- Info and Members ------------------------------------------------------------------------------------------


@topic("group-configs")
def group_configs(inputs: Case, expected: Case) -> None:
    if inputs["op"] == "member_status":
        found = members.status(admin=bool(inputs["A"]), invite=inputs["I"], promotion=inputs["P"], removal=inputs["R"])
        assert found.value == expected["status"]
        return
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            _open_group_configs(inputs)
        return
    info, people = _open_group_configs(inputs)
    for held, wanted in ((info, expected["info"]), (people, expected["members"])):
        message = held.message()
        assert message.raw.hex() == wanted["message"]
        assert message.hash.hex() == wanted["hash"]
        assert message.seqno == wanted["seqno"]
        assert message.data == dict_of(wanted["data"])
    statuses = {each.id.hex: each.status.value for each in members.read(people.data).values()}
    assert statuses == expected["member_status"]


def _open_group_configs(inputs: Case) -> tuple[ConfigObject, ConfigObject]:
    def opened(kind: ConfigKind, name: str) -> ConfigObject:
        sealer = GroupSealer([Secret(raw(inputs, "group_key"))])
        held = ConfigObject(kind, sealer, verify_key=raw(inputs, "group_pubkey"))
        for error in held.merge([("h", raw(inputs, name))], NOW_MS).refused.values():
            raise error
        return held

    return opened(GROUP_INFO, "info"), opened(GROUP_MEMBERS, "members")


# -- messages --------------------------------------------------------------------------------------------------


@topic("group-messages")
def group_messages(inputs: Case, expected: Case) -> None:
    {"encrypt_group_message": _seal, "decrypt_group_message": _open}[inputs["op"]](inputs, expected)


def _seal(inputs: Case, expected: Case) -> None:
    account, group_public, key = (
        account_of(inputs["user_seed"]),
        raw(inputs, "group_pubkey"),
        Secret(raw(inputs, "group_key")),
    )
    plaintext = raw(inputs, "plaintext")
    inner = messages.signed(plaintext, account.ed25519_secret, group_public)
    stored = messages.seal_plaintext(
        plaintext,
        sender_ed25519_secret=account.ed25519_secret,
        group_public=group_public,
        key=key,
        nonce=raw(inputs, "nonce"),
    )
    if not expected["compressed"]:
        assert inner.hex() == expected["inner"]
        assert stored.hex() == expected["ciphertext"]
    assert (b"z" in bt.decode_dict(inner)) is expected["compressed"]
    for each in (stored, raw(expected, "ciphertext")):
        opened = messages.open_plaintext(each, group_public=group_public, keys=[Secret(bytes(32)), key])
        assert opened.plaintext == plaintext
        assert opened.sender.hex == expected["session_id"]


def _open(inputs: Case, expected: Case) -> None:
    keys = [Secret(bytes.fromhex(key)) for key in inputs["group_keys"]]
    stored, group_public = raw(inputs, "ciphertext"), raw(inputs, "group_pubkey")
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            messages.open_plaintext(stored, group_public=group_public, keys=keys)
        return
    opened = messages.open_plaintext(stored, group_public=group_public, keys=keys)
    assert opened.plaintext.hex() == expected["plaintext"]
    assert opened.sender.hex == expected["session_id"]


# -- subaccounts -----------------------------------------------------------------------------------------------


@topic("group-subaccounts")
def group_subaccounts(inputs: Case, expected: Case) -> None:
    check = {"make_subaccount": _make, "subaccount_sign": _sign, "verify_subaccount": _verify}[inputs["op"]]
    check(inputs, expected)


def access_of(write: bool, delete: bool) -> Access:
    return Access.READ | (Access.WRITE if write else Access.NONE) | (Access.DELETE if delete else Access.NONE)


def _make(inputs: Case, expected: Case) -> None:
    seed, key = Secret(raw(inputs, "group_seed")), AccountId.from_hex(inputs["session_id"]).key
    access = access_of(inputs["write"], inputs["delete"])
    assert group_auth_data(seed, key, access).reveal().hex() == expected["auth_data"]
    assert group_token(seed, key, access).hex() == expected["token"]
    if "blinding_factor" in expected:
        assert blinding_factor(seed, key).hex() == expected["blinding_factor"]


def _sign(inputs: Case, expected: Case) -> None:
    auth_data = raw(inputs, "auth_data")
    found = member_key_unchecked(auth_data, inputs["user_seed"])
    assert found.token.hex() == expected["token_hex"]
    assert b64encode(found.token).decode() == expected["subaccount"]
    assert b64encode(found.token_signature).decode() == expected["subaccount_sig"]
    text = inputs["message"].encode()
    assert b64encode(found.sign(text)).decode() == expected["signature"]
    assert crypto.ed25519_verifies(found.token[4:], text, found.sign(text))


def member_key_unchecked(auth_data: bytes, user_seed: str) -> MemberKey:
    """The vectors of signing do not name the group that signed the token, so that is not checked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subaccounts, "check_token", lambda *checked: None)
        return member_key(auth_data[:1] + bytes(32), Secret(auth_data), Secret(bytes.fromhex(user_seed)))


def _verify(inputs: Case, expected: Case) -> None:
    group, seed = raw(inputs, "group_id"), Secret(raw(inputs, "user_seed"))
    needed = access_of(inputs.get("need_write", False), inputs.get("need_delete", False))
    try:
        member_key(group, Secret(raw(inputs, "auth_data")), seed, needed)
    except ProtocolError:
        assert expected["valid"] is False
    else:
        assert expected["valid"] is True


# -- several recipients ----------------------------------------------------------------------------------------


@topic("multi-encrypt")
def multi_encrypt(inputs: Case, expected: Case) -> None:
    check = {
        "encrypt_for_multiple": _encrypt_for_multiple,
        "decrypt_for_multiple": _decrypt_for_multiple,
        "read_kicked_message": _read_kicked,
        "kicked_effect": _kicked_effect,
    }[inputs["op"]]
    check(inputs, expected)


def _encrypt_for_multiple(inputs: Case, expected: Case) -> None:
    _, secret = crypto.ed25519_from_seed(raw(inputs, "sender_ed25519_seed"))
    encoded = multi_recipient.encrypt(
        [bytes.fromhex(message) for message in inputs["messages"]],
        [bytes.fromhex(recipient) for recipient in inputs["recipients_x25519"]],
        sender_ed25519_secret=Secret(secret),
        domain=inputs["domain"].encode(),
        nonce=raw(inputs, "nonce"),
    )
    assert encoded.hex() == expected["encoded"]


def _decrypt_for_multiple(inputs: Case, expected: Case) -> None:
    try:
        found = multi_recipient.decrypt(
            raw(inputs, "encoded"),
            account=account_of(inputs["user_ed25519_seed"]),
            sender_public=raw(inputs, "sender_ed25519_pubkey"),
            domain=inputs["domain"].encode(),
        )
    except ProtocolError:
        assert expected["message"] is None
    else:
        assert found.hex() == expected["message"]


def _kicked(inputs: Case) -> kicked_notice.KickedNotice:
    group = AccountId.from_hex(inputs["group_id"])
    account = account_of(inputs["user_ed25519_seed"])
    return kicked_notice.read(raw(inputs, "encoded"), account=account, group_public=group.key)


def _read_kicked(inputs: Case, expected: Case) -> None:
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            _kicked(inputs)
        return
    found = _kicked(inputs)
    assert found.account_id.hex == expected["session_id"]
    assert found.generation == expected["generation"]


def _kicked_effect(inputs: Case, expected: Case) -> None:
    try:
        found = _kicked(inputs).counts(inputs["own_generation"])
    except ProtocolError:
        found = False
    assert found is expected["kicked"]


# -- control messages and swarm signatures ---------------------------------------------------------------------


@topic("group-control")
def group_control(inputs: Case, expected: Case) -> None:
    if inputs["op"] == "group_swarm_signature":
        _check_signed(admin_of(inputs), swarm_text(inputs), expected)
        return
    update, text = _update(inputs)
    encoded = wire.DataMessage(groupUpdateMessage=group_update.to_wire(GroupUpdateMessage(update)))
    assert encoded.SerializeToString(deterministic=True).hex() == expected["group_update"]
    assert (text is not None) == ("signed_bytes" in expected)
    if text is not None:
        _check_signed(admin_of(inputs), text, expected)
        group_signatures.verify(
            update,
            group=admin_of(inputs).group_id.raw,
            timestamp_ms=inputs["timestamp_ms"],
            invitee=inputs.get("member", ""),
        )


def _check_signed(admin: GroupAdminKeys, text: bytes, expected: Case) -> None:
    assert text.hex() == expected["signed_bytes"]
    assert admin.sign(text).hex() == expected["signature"]
    assert b64encode(admin.sign(text)).decode() == expected["signature_base64"]


NEW_NAME, NEW_TIMER_S = "New name", 86_400  # what the recorded notices say where the inputs are silent


def _update(inputs: Case) -> tuple[group_update.GroupUpdate, bytes | None]:
    timestamp_ms = inputs.get("timestamp_ms", 0)
    update: group_update.GroupUpdate
    match inputs["kind"]:
        case "invite":
            invitee, admin = AccountId.from_hex(inputs["member"]), admin_of(inputs)
            auth_data = group_auth_data(admin.seed, invitee.key)
            update = control.invite(admin, inputs["name"], invitee, auth_data, timestamp_ms)
        case "promote":
            update = control.promote(admin_of(inputs), inputs["name"])
        case "info_change":
            change = InfoChangeType(inputs["type"])
            name = inputs.get("updated_name", inputs.get("name", NEW_NAME))
            timer_s = inputs.get("updated_expiration", NEW_TIMER_S)
            update = control.info_change(
                admin_of(inputs),
                change,
                timestamp_ms,
                name=name if change is InfoChangeType.NAME else None,
                timer_s=timer_s if change is InfoChangeType.DISAPPEARING_MESSAGES else None,
            )
        case "member_change":
            update = control.member_change(
                admin_of(inputs),
                MemberChangeType(inputs["type"]),
                ids_of(inputs["members"]),
                timestamp_ms,
                history_shared=inputs.get("history_shared"),
            )
        case "delete_content":
            admin_keys = admin_of(inputs) if inputs.get("group_seed") else None
            update = control.delete_content(admin_keys, ids_of(inputs["members"]), inputs["hashes"], timestamp_ms)
        case "invite_response":
            update = GroupInviteResponse(inputs.get("is_approved", True))
        case "member_left":
            update = GroupMemberLeft()
        case "left_notification":
            update = GroupMemberLeftNotification()
        case kind:
            raise AssertionError(f"no control message is called {kind}")
    text = group_signatures.signed_text(update, timestamp_ms=timestamp_ms, invitee=inputs.get("member", ""))
    return update, text


PLACES = {
    "messages": namespaces.Namespace.GROUP_MESSAGES,
    "keys": namespaces.Namespace.GROUP_KEYS,
    "info": namespaces.Namespace.GROUP_INFO,
    "members": namespaces.Namespace.GROUP_MEMBERS,
    "revoked": namespaces.Namespace.GROUP_REVOKED,
}
HASHES = ["hash1", "hash2"]


def swarm_text(inputs: Case) -> bytes:
    """The text that a group's admin signs for a request named by its method and what it is about."""
    account, timestamp_ms = admin_of(inputs).group_id.raw, inputs["timestamp_ms"]
    tokens = tuple(bytes.fromhex(token) for token in inputs.get("tokens") or ())
    method, _, rest = inputs["request"].replace("_", "-").partition("-")
    hashes = tuple(inputs.get("hashes") or HASHES)
    match method, rest:
        case "store", _:
            return Store(account, PLACES[rest], b"", timestamp_ms, timestamp_ms + TTL_CONFIG_MS).signed_text()
        case "retrieve", _:
            return Retrieve(account, PLACES[rest], timestamp=timestamp_ms).signed_text()
        case "delete", "hashes" | "":
            return Delete(account, hashes).signed_text()
        case "delete", _:
            place = PLACES.get(rest.removeprefix("all").removeprefix("-"), PLACES["messages"])
            return DeleteAll(account, timestamp_ms, place).signed_text()
        case "expire", flag:
            expiry = timestamp_ms + TTL_CONFIG_MS
            flags = {"extend": flag == "extend", "shorten": flag == "shorten"}
            return Expire(account, hashes, (expiry,), **flags).signed_text()
        case "revoke", _:
            return RevokeSubaccount(account, tokens, timestamp_ms).signed_text()
        case "unrevoke", _:
            return UnrevokeSubaccount(account, tokens, timestamp_ms).signed_text()
    raise AssertionError(f"no request is called {inputs['request']}")
