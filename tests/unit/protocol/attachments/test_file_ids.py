"""Ids of files (09.7.2)."""

from __future__ import annotations

import hashlib

import pytest

from veery.protocol.attachments import FileId, FileIdHasher, FileIdMalformed, http_id, numeric_id, quic_id

HASH_ID = "Yk-UIDdrcRxOhwdbeV62a4R2O3kju0q63QSZr9kIrwwF"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "../" * 14 + "..",
        "a" * 43,
        "a" * 45,
        "a" * 43 + "/",
        "a" * 43 + ".",
        "a" * 43 + "=",
        "a" * 43 + "+",
        "a" * 43 + "\n",
        HASH_ID + "\n",
        "é" * 44,
        "1" * 17,
        "-1",
        "+1",
        "1.0",
        "0x1",
        "1\n",
        " 1",
        "１",
        "²",
        "a1",
        "\0" * 44,
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(FileIdMalformed) as refused:
        FileId.parse(text)
    assert refused.value.kind == "files.id"


@pytest.mark.parametrize(
    ("text", "folder", "is_hash"),
    [
        (HASH_ID, "Yk", True),
        ("-_" + HASH_ID[2:], "-_", True),
        ("0", "000", False),
        ("42", "042", False),
        ("999", "999", False),
        ("1234567890123456", "456", False),
    ],
)
def test_what_is_one(text: str, folder: str, is_hash: bool) -> None:
    found = FileId.parse(text)
    assert (found.text, found.folder, found.is_hash, found.is_extendable) == (text, folder, is_hash, is_hash)


def test_both_servers_name_a_blob_differently() -> None:
    blob = b"blob" * 1_000
    assert http_id(blob) != quic_id(blob)
    assert FileId.parse(http_id(blob).text).is_hash
    assert FileId.parse(quic_id(blob).text).is_hash
    salted = hashlib.blake2b(blob, digest_size=33, salt=b"SessionFileSvr\0\0").digest()
    hasher = FileIdHasher()
    for at in range(0, len(blob), 700):
        hasher.update(blob[at : at + 700])
    assert hasher.id() == http_id(blob)
    assert len(salted) == 33


def test_numeric_ids_are_below_two_to_the_53() -> None:
    asked: list[int] = []

    def randbelow(bound: int) -> int:
        asked.append(bound)
        return bound - 1

    found = numeric_id(randbelow)
    assert asked == [2**53]
    assert found == FileId.parse(str(2**53 - 1))
    assert not found.is_hash
