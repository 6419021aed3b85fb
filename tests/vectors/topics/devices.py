"""Device groups: payload, group messages, merging, link requests and their emoji, rotation of account keys."""

from __future__ import annotations

import hashlib
import math
from base64 import b64decode, b64encode
from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from tests.vectors.topics.protocol_v2 import Given, account_keys, account_of
from veery.errors import ProtocolError
from veery.policy import key_rotation
from veery.protocol.devices import (
    AccountKey,
    AccountKeys,
    DeviceMalformed,
    DeviceRefused,
    DeviceState,
    GroupId,
    HybridKeys,
    HybridPublic,
    MessageType,
    Payload,
    Row,
    emoji,
    group_message,
    link_request,
    message_type,
    payload,
    record,
    table,
)
from veery.protocol.devices.payload import Device, Gone
from veery.secret import Secret

STATES = {"left": True, "kicked": False}
VERDICTS = {
    table.RequestVerdict.IGNORE: "ignored",
    table.RequestVerdict.PROMPT: "prompt",
    table.RequestVerdict.PROMPT_REPLACE: "prompt-replace",
}


def device_keys(seeds: list[str]) -> list[HybridKeys]:
    return [HybridKeys.of_device(Secret(bytes.fromhex(seed))) for seed in seeds]


def written_device(device: Device) -> dict[str, Any]:
    """A device as the cases write one that was read."""
    if isinstance(device, Gone):
        return {"state": "left" if device.left else "kicked", "time": device.time_s}
    return {
        "state": "registered",
        "seqno": device.seqno,
        "timestamp": device.timestamp_s,
        "x25519": device.keys.x25519.hex(),
        "mlkem_sha256": hashlib.sha256(device.keys.mlkem).hexdigest(),
        "description": device.description,
        "type": device.platform,
        "version": device.version,
        "extra_keys": [key.decode() for key, _ in device.extra],
        "digest": device.digest.hex(),
    }


def written_payload(content: Payload) -> dict[str, Any]:
    keys = [
        {"seed": key.seed.reveal().hex(), "created": key.created_s, "rotated": key.rotated_s} for key in content.keys
    ]
    return {"devices": {device.hex(): written_device(value) for device, value in content.devices.items()}} | {
        "account_keys": keys
    }


@topic("v2-device-payload")
def v2_device_payload(inputs: Case, expected: Case) -> None:
    if "payload_size" in inputs:
        size = inputs["payload_size"]
        assert payload.padded_size(size) == expected["padded"]
        assert len(payload.pad(b"e" * size)) == expected["padded"]
        return
    plaintext = bytes.fromhex(inputs["payload"])
    if expected.get("error"):
        with pytest.raises(DeviceMalformed):
            payload.decode(plaintext)
        return
    content = payload.decode(plaintext)
    assert written_payload(content) == expected["decoded"]
    assert payload.decode(payload.pad(plaintext)).devices == content.devices
    assert written_payload(payload.decode(payload.encode(content))) == expected["decoded"]


@topic("v2-device-group")
def v2_device_group(inputs: Case, expected: Case) -> None:
    account = account_of(inputs["account_seed"])
    data = b64decode(inputs["data_base64"])
    if expected.get("error") == "format":
        with pytest.raises((DeviceMalformed, DeviceRefused)):
            message = group_message.parse(data, account.ed25519_public)
            group_message.open(message, device_keys(inputs["device_key_seeds"]))
        return
    assert message_type(data) is MessageType.GROUP
    message = group_message.parse(data, account.ed25519_public)
    opened = group_message.open(message, device_keys(inputs["device_key_seeds"]))
    if "device_id" in inputs:
        device = bytes.fromhex(inputs["device_id"])
        assert message.removes(device, account.seed32) is expected["names_us_kicked"]
        if "entry" in expected:
            entry = group_message.removal(device, account.seed32, message.slots.ephemeral)
            assert entry.hex() == expected["entry"]
    if "error" in expected:
        assert expected["error"] == "not_recipient"
        assert opened is None
        return
    assert opened is not None
    assert opened.place == expected["slot"]
    assert opened.key_base.reveal().hex() == expected["key_base"]
    assert opened.padded_size == expected["padded_payload_size"]
    assert b64encode(opened.plaintext).decode() == expected["payload_base64"]
    assert written_payload(opened.payload) == expected["decoded"]
    assert message.removals.hex() == expected["kicked_list"]
    assert len(data) == expected["message_size"]
    group = message.group(account.seed32)
    assert (None if group is None else group.raw.hex()) == expected["group_id"]
    assert (None if group is None else group.created_s // 60) == expected["group_created_minute"]
    assert (None if message.link_key is None else message.link_key.hex()) == expected["link_x25519"]


# -- merging ---------------------------------------------------------------------------------------------------


def given_device(written: str | int) -> Device:
    if isinstance(written, int):
        return Gone(abs(written), left=written < 0)
    return record.decode(bytes.fromhex(written))


def given_row(written: Case) -> Row:
    """The own row: a record that the own device wrote, with these numbers."""
    made = record.make(
        seqno=max(1, written["seqno"]),
        timestamp_s=written["timestamp"],
        keys=HybridPublic(bytes(32), bytes(1184)),
    )
    return Row(DeviceState(written["state"]), written["seqno"], None, made, written.get("time"))


def written_table(rows: table.Table) -> dict[str, Any]:
    return {
        device.hex(): {
            "state": int(row.state),
            "seqno": row.seqno,
            "time": row.gone_s,
            "timestamp": None if row.record is None else row.record.timestamp_s,
            "digest": None if row.digest is None else row.digest.hex(),
        }
        for device, row in rows.items()
    }


@topic("v2-device-merge")
def v2_device_merge(inputs: Case, expected: Case) -> None:
    own = bytes.fromhex(inputs["self_id"])
    rows: table.Table = {own: given_row(inputs["self_row"])}
    for step, outcome in zip(inputs["steps"], expected["steps"], strict=True):
        if "link_request" in step:
            request = step["link_request"]
            asked = record.decode(bytes.fromhex(request["record"]))
            rows, verdict = table.receive_request(rows, own, bytes.fromhex(request["device_id"]), asked)
            assert VERDICTS[verdict] == outcome["link"]
        else:
            devices = {bytes.fromhex(key): given_device(value) for key, value in step["group_devices"].items()}
            merged = table.merge(rows, devices, step["now"])
            rows = merged.table
            assert merged.departed is outcome["departed"]
            assert {device.hex() for device in merged.broadcast} == set(outcome["broadcast"])
        assert written_table(rows) == outcome["table"]


@topic("v2-rotation")
def v2_rotation(inputs: Case, expected: Case) -> None:
    if "arrivals" not in inputs:
        seed = Secret(bytes.fromhex(inputs["account_key_seed"]))
        key = AccountKey(seed, inputs["created"])
        device = bytes.fromhex(inputs["device_id"])
        assert key_rotation.share(device, key) == float(expected["u"])
        at = key_rotation.rotate_at(device, key, inputs["registered_devices"])
        assert at == float(expected["rotate_at"])
        assert math.floor(at) == expected["rotate_at_floor"]
        return
    keys = AccountKeys().merged(
        [
            AccountKey(Secret(bytes.fromhex(each["seed"])), each["created"], each["rotated"])
            for each in inputs["arrivals"]
        ],
        inputs.get("now", 0),
    )
    found = {key.seed.reveal().hex(): {"created": key.created_s, "rotated": key.rotated_s} for key in keys}
    assert found == expected["keys"]
    assert [key.seed.reveal().hex() for key in keys if key.rotated_s is None] == expected["active"]


# -- link requests ---------------------------------------------------------------------------------------------


@topic("v2-link-sas")
def v2_link_sas(inputs: Case, expected: Case) -> None:
    if "message" in inputs:
        _check_emoji(bytes.fromhex(inputs["message"]), expected)
    elif "group_id" in inputs:
        group = GroupId(bytes.fromhex(inputs["group_id"]))
        assert group.created_s == expected["created_unix"]
        assert list(group.emoji.indices) == expected["indices"]
        assert group.emoji.short == expected["short"]
    elif "account_key_seeds" in inputs:
        _check_request(inputs, expected)
    else:
        _check_earlier(inputs, expected)


def _check_emoji(plaintext: bytes, expected: Case) -> None:
    found = emoji.of_request(plaintext)
    assert emoji.request_salt(plaintext).hex() == expected["salt"]
    assert emoji.request_seed(plaintext).hex() == expected["seed"]
    assert list(found.indices) == expected["indices"]
    assert list(found.emoji) == expected["emoji"]


def _check_request(inputs: Case, expected: Case) -> None:
    account, held = account_of(inputs["account_seed"]), account_keys(inputs["account_key_seeds"])
    data = b64decode(inputs["data_base64"])
    if expected.get("error") == "format":
        with pytest.raises((DeviceMalformed, DeviceRefused)):
            link_request.open(data, account, held)
        return
    request = link_request.open(data, account, held)
    if "error" in expected:
        assert expected["error"] == "not_our_group"
        assert request is None
        return
    assert message_type(data) is MessageType.LINK_REQUEST
    assert request is not None
    assert b64encode(request.plaintext).decode() == expected["plaintext_base64"]
    assert request.device.hex() == expected["device_id"]
    assert request.record.raw.hex() == expected["record"]
    assert request.record.digest.hex() == expected["digest"]
    assert emoji.request_seed(request.plaintext).hex() == expected["sas_seed"]
    assert list(request.emoji().indices) == expected["sas_indices"]
    assert request.emoji().short == expected["sas_short"]
    made = link_request.make(request.device, request.record, account.ed25519_secret)
    assert made == request
    sealed = link_request.seal(
        made,
        link_key=bytes.fromhex(inputs["link_x25519"]),
        account_x25519=account.x25519_public,
        random=Given(inputs["ephemeral_sec"]),
    )
    assert sealed == data


def _check_earlier(inputs: Case, expected: Case) -> None:
    account = account_of(inputs["account_seed"])
    data = b64decode(inputs["data_base64"])
    if "error" in expected:
        with pytest.raises(ProtocolError):
            link_request.open_earlier(data, account.seed32)
        return
    assert expected["must_not_prompt"]
    assert message_type(data) is MessageType.LINK_REQUEST_EARLIER
    with pytest.raises(DeviceMalformed):
        link_request.open(data, account, [])
    request = link_request.open_earlier(data, account.seed32)
    assert b64encode(request.plaintext).decode() == expected["plaintext_base64"]
    assert request.device.hex() == expected["device_id"]
    assert list(emoji.of_request(request.plaintext).indices) == expected["sas_indices"]
