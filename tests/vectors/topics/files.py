"""Files and attachments: both schemes, profile pictures, URLs, ids, keys of servers, version checks (09)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from veery.errors import ProtocolError
from veery.protocol import attachments, crypto, version_auth
from veery.protocol.attachments import (
    Domain,
    FileId,
    FileServer,
    FileUrl,
    StreamDecryptor,
    StreamEncryptor,
    StreamHasher,
    legacy,
    profile_pictures,
    stream,
)
from veery.secret import Secret

PIECE = 10_007  # a prime, so that pieces meet every offset in a chunk


def raw(case: Mapping[str, Any], name: str) -> bytes:
    """The bytes of a field: `name` in hex, or `name_base64`, `name_utf8`."""
    if f"{name}_base64" in case:
        return base64.b64decode(case[f"{name}_base64"])
    if f"{name}_utf8" in case:
        return str(case[f"{name}_utf8"]).encode()
    return bytes.fromhex(case[name])


def optional(case: Mapping[str, Any], name: str) -> bytes | None:
    return None if case.get(name) is None else raw(case, name)


def data_of(inputs: Case) -> bytes:
    """The plaintext of a stream case: given, or a pattern."""
    if "data_pattern" not in inputs:
        return raw(inputs, "data" if {"data", "data_utf8", "data_base64"} & set(inputs) else "plaintext")
    assert inputs["data_pattern"] == "byte i = 7*i mod 256"
    size = int(inputs["size"])
    return (bytes(7 * i % 256 for i in range(256)) * (size // 256 + 1))[:size]


def pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


# -- sizes -----------------------------------------------------------------------------------------------------


@topic("attachment-legacy-padding")
def legacy_padding(inputs: Case, expected: Case) -> None:
    if expected.get("error"):
        with pytest.raises(attachments.FileUnfit):
            attachments.legacy_padded_size(inputs["size"])
        return
    assert attachments.legacy_padded_size(inputs["size"]) == expected["padded_size"]


@topic("attachment-sizes")
def sizes(inputs: Case, expected: Case) -> None:
    size, large = inputs["size"], inputs.get("large", True)
    if expected.get("error"):
        with pytest.raises(attachments.FileUnfit):
            attachments.stream_blob_size(size, allow_large=large)
        return
    found = {
        "encrypted_size": attachments.stream_blob_size(size, allow_large=large),
        "padding": attachments.stream_padding(size, allow_large=large),
    }
    assert {name: found[name] for name in expected} == dict(expected)
    assert attachments.stream_plaintext_bound(found["encrypted_size"]) >= size


# -- schemes ---------------------------------------------------------------------------------------------------


@topic("attachment-legacy")
def legacy_scheme(inputs: Case, expected: Case) -> None:
    keys = raw(inputs, "keys")
    if "plaintext" in inputs:
        plaintext = raw(inputs, "plaintext")
        drawn = iter([keys, raw(inputs, "iv")])
        made = legacy.encrypt(plaintext, random=lambda size: next(drawn), pad=inputs.get("pad", True))
        opened = legacy.decrypt(made.blob, made.keys, made.digest)
        found = {
            "padded_size": len(opened),
            "blob": made.blob.hex(),
            "digest": made.digest.hex(),
            "size_field": len(plaintext),
        }
        assert {name: found[name] for name in expected} == dict(expected)
        assert attachments.cut_to_size(opened, len(plaintext)) == plaintext
        return
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            open_legacy(inputs)
        return
    assert open_legacy(inputs) == raw(expected, "plaintext")


def open_legacy(inputs: Case) -> bytes:
    opened = legacy.decrypt(raw(inputs, "blob"), Secret(raw(inputs, "keys")), optional(inputs, "digest"))
    return attachments.cut_to_size(opened, inputs["size"]) if "size" in inputs else opened


@topic("attachment-stream")
def stream_scheme(inputs: Case, expected: Case) -> None:
    domain = {"attachment": Domain.ATTACHMENT, "profile_pic": Domain.PROFILE_PICTURE}[inputs["domain"]]
    seed, data, large = Secret(raw(inputs, "seed")), data_of(inputs), inputs.get("large", True)
    if expected.get("error"):
        with pytest.raises(attachments.FileUnfit):
            stream.encrypt(data, seed, domain, allow_large=large)
        return
    made = stream.encrypt(data, seed, domain, allow_large=large)
    found = {
        "key": made.key.reveal().hex(),
        "header": made.blob[1:25].hex(),
        "blob_size": len(made.blob),
        "blob_sha256": hashlib.sha256(made.blob).hexdigest(),
        "padding": attachments.stream_padding(len(data), allow_large=large),
        "blob_base64": base64.b64encode(made.blob).decode(),
        "blob": made.blob.hex(),
    }
    assert {name: found[name] for name in expected} == dict(expected)
    assert attachments.stream_blob_size(len(data), allow_large=large) == len(made.blob)
    assert stream.decrypt(made.blob, made.key, allow_large=large) == data

    hasher = StreamHasher(seed, domain)
    for piece in pieces(data):
        hasher.update(piece)
    encryptor = StreamEncryptor.of_hashed(hasher, allow_large=large)
    assert b"".join(encryptor.update(piece) for piece in pieces(data)) + encryptor.finish() == made.blob


@topic("attachment-stream-decrypt")
def stream_decrypt(inputs: Case, expected: Case) -> None:
    blob, key, cut = raw(inputs, "blob"), Secret(raw(inputs, "key")), inputs.get("size")
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            stream.decrypt(blob, key, cut=cut)
        with pytest.raises(ProtocolError):
            open_in_pieces(blob, key, cut)
        return
    plaintext = raw(expected, "plaintext")
    assert stream.decrypt(blob, key, cut=cut) == plaintext
    assert open_in_pieces(blob, key, cut) == plaintext


def open_in_pieces(blob: bytes, key: Secret, cut: int | None) -> bytes:
    decryptor = StreamDecryptor(key, cut=cut)
    return b"".join(decryptor.update(piece) for piece in pieces(blob)) + decryptor.finish()


@topic("profile-pic-gcm")
def profile_pic_gcm(inputs: Case, expected: Case) -> None:
    key = Secret(raw(inputs, "key"))
    if "plaintext" in inputs:
        plaintext = raw(inputs, "plaintext")
        if expected.get("error"):
            with pytest.raises(ProtocolError):
                profile_pictures.encrypt(plaintext, key, lambda size: raw(inputs, "iv"))
            return
        blob = profile_pictures.encrypt(plaintext, key, lambda size: raw(inputs, "iv"))
        assert blob == raw(expected, "blob")
        assert profile_pictures.decrypt(blob, key) == plaintext
        return
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            profile_pictures.decrypt(raw(inputs, "blob"), key)
        return
    assert profile_pictures.decrypt(raw(inputs, "blob"), key) == raw(expected, "plaintext")


# -- URLs, ids, keys -------------------------------------------------------------------------------------------


@topic("file-urls")
def file_urls(inputs: Case, expected: Case) -> None:
    if expected.get("error"):
        with pytest.raises(attachments.FileUrlMalformed):
            attachments.parse_url(inputs["url"])
        return
    url = attachments.parse_url(inputs["url"])
    custom = url.custom_key()
    found: dict[str, object] = {
        "scheme": url.scheme,
        "host": url.host,
        "port": url.port,
        "file_id": url.file_id,
        "custom_pubkey": None if custom is None else custom.hex(),
        "stream": url.stream,
        "sr": None if url.router is None else f"{url.router.address}:{url.router.port}",
    }
    assert {name: found[name] for name in expected} == dict(expected)
    written = attachments.parse_url(url.text)
    assert written == FileUrl(url.scheme, url.host, url.file_id, written.port, url.server_key, url.stream)
    assert written.port == (None if url.port == {"http": 80, "https": 443}[url.scheme] else url.port)


@topic("file-url-generate")
def file_url_generate(inputs: Case, expected: Case) -> None:
    server = FileServer(raw(inputs, "server_pubkey"), inputs["host"], inputs["scheme"], inputs.get("port"))
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            attachments.url_of(inputs["file_id"], server, stream=inputs["stream"])
        return
    url = attachments.url_of(inputs["file_id"], server, stream=inputs["stream"])
    assert url.text == expected["url"]
    read = attachments.parse_url(url.text)
    assert (read.file_id, read.host, read.stream) == (inputs["file_id"], inputs["host"], inputs["stream"])


@topic("file-ids")
def file_ids(inputs: Case, expected: Case) -> None:
    if "body" in inputs or "body_utf8" in inputs or "body_base64" in inputs:
        body = raw(inputs, "body")
        found: dict[str, object] = {"http_id": attachments.http_id(body), "quic_id": attachments.quic_id(body)}
        assert {name: found[name] for name in expected} == {name: FileId(text) for name, text in expected.items()}
        return
    if expected.get("error"):
        with pytest.raises(attachments.FileIdMalformed):
            FileId.parse(inputs["id"])
        return
    file_id = FileId.parse(inputs["id"])
    found = {"folder": file_id.folder, "extendable": file_id.is_extendable}
    assert {name: found[name] for name in expected} == dict(expected)


@topic("file-server-keys")
def file_server_keys(inputs: Case, expected: Case) -> None:
    key = raw(inputs, "ed25519")
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            crypto.ed25519_public_to_x25519(key)
        return
    assert FileServer(key, "files.example").x25519.hex() == expected["x25519"]


# -- version checks --------------------------------------------------------------------------------------------


@topic("version-check-headers")
def version_check_headers(inputs: Case, expected: Case) -> None:
    body = raw(inputs, "body") if {"body", "body_utf8"} & set(inputs) else b""
    if "headers" in inputs:
        assert check_as_server(inputs, body) == dict(expected)
        return
    _, secret = crypto.ed25519_from_seed(raw(inputs, "ed25519_seed"))
    key = version_auth.derive(Secret(secret))
    made = key.headers(inputs["timestamp"], inputs["method"], inputs["path"], body)
    assert made == dict(expected)
    counted = attachments.check_version_headers(
        made, now_s=inputs["timestamp"], method=inputs["method"], path=inputs["path"], body=body
    )
    assert counted == key.identifier


def check_as_server(inputs: Case, body: bytes) -> dict[str, object]:
    """What the server makes of the headers, as the cases write it."""
    try:
        counted = attachments.check_version_headers(
            inputs["headers"], now_s=inputs["now"], method=inputs["method"], path=inputs["path"], body=body
        )
    except attachments.VersionCheckRefused as refused:
        return {"status": refused.code}
    return {"status": 200, "counted": counted is not None}
