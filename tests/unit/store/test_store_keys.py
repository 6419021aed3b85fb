"""How a store opens: passphrase, key file, keyring; and the header file."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from veery.errors import StoreError, WrongKey
from veery.protocol.crypto import RandomBytes
from veery.runtime.randomness import random_bytes
from veery.store.desktop_keyring import KeyringFault
from veery.store.header import (
    HEADER_NAME,
    HeaderError,
    new_header,
    open_header,
    read_header,
    rewrap,
    write_header,
)
from veery.store.keys import Cost, KeyFile, KeyFileError, Keyring, Passphrase, Unlock

CHEAP = Cost(ops=1, memory=8 * 1024)


def passphrase(text: str) -> Passphrase:
    return Passphrase.of(text, CHEAP)


def make(directory: Path, unlock: Unlock, random: RandomBytes = random_bytes) -> bytes:
    header, key = new_header(unlock, random)
    write_header(directory, header)
    return key.reveal()


def opened(directory: Path, unlock: Unlock) -> bytes:
    return open_header(read_header(directory), unlock).reveal()


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring in memory that can be locked."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("none")

    def _check(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")


@pytest.fixture
def desktop() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    found = MemoryKeyring()
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(before)


def test_the_database_key_is_random_and_comes_back(tmp_path: Path) -> None:
    first, second = make(tmp_path, passphrase("one")), make(tmp_path, passphrase("one"))
    assert len(first) == 32
    assert first != second
    assert opened(tmp_path, passphrase("one")) == second


def test_the_usual_cost_stands_in_the_header(tmp_path: Path) -> None:
    key = make(tmp_path, Passphrase.of("one"))
    way = json.loads((tmp_path / HEADER_NAME).read_bytes())["unlock"]
    assert (way["ops"], way["memory"]) == (4, 128 * 1024**2)
    assert opened(tmp_path, passphrase("one")) == key


def test_a_wrong_passphrase_raises_and_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path, passphrase("right"))
    before = (tmp_path / HEADER_NAME).read_bytes()
    with pytest.raises(WrongKey) as caught:
        opened(tmp_path, passphrase("wrong"))
    assert caught.value.kind == "store.wrong_key"
    assert (tmp_path / HEADER_NAME).read_bytes() == before


def test_the_header_holds_neither_key_nor_passphrase_and_is_private(tmp_path: Path) -> None:
    key = make(tmp_path, passphrase("a quite long passphrase"))
    data = (tmp_path / HEADER_NAME).read_bytes()
    assert key.hex().encode() not in data
    assert b"quite" not in data
    assert stat.S_IMODE((tmp_path / HEADER_NAME).stat().st_mode) == 0o600


def test_equal_characters_typed_differently_are_one_passphrase(tmp_path: Path) -> None:
    key = make(tmp_path, passphrase("caf\u00e9"))
    assert opened(tmp_path, passphrase("cafe\u0301")) == key


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(StoreError) as caught:
        Passphrase.of("")
    assert caught.value.kind == "store.passphrase"


def test_a_passphrase_that_is_no_unicode_text_is_refused() -> None:
    with pytest.raises(StoreError) as caught:
        Passphrase.of("half \ud800 a pair")
    assert caught.value.kind == "store.passphrase"


def test_the_passphrase_can_be_changed_and_the_key_stays(tmp_path: Path) -> None:
    key = make(tmp_path, passphrase("old"))
    rewrap(tmp_path, passphrase("old"), passphrase("new"), random_bytes)
    assert opened(tmp_path, passphrase("new")) == key
    with pytest.raises(WrongKey):
        opened(tmp_path, passphrase("old"))


def test_a_change_with_a_wrong_old_passphrase_changes_nothing(tmp_path: Path) -> None:
    key = make(tmp_path, passphrase("old"))
    with pytest.raises(WrongKey):
        rewrap(tmp_path, passphrase("guess"), passphrase("new"), random_bytes)
    assert opened(tmp_path, passphrase("old")) == key


def test_a_key_file_is_made_once_private_and_opens(tmp_path: Path) -> None:
    file = tmp_path / "unattended.key"
    key = make(tmp_path, KeyFile(file))
    content = file.read_bytes()
    assert len(content) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert opened(tmp_path, KeyFile(file)) == key
    make(tmp_path, KeyFile(file))
    assert file.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "unattended.key"
    make(tmp_path, KeyFile(file))
    file.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        opened(tmp_path, KeyFile(file))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_file_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "unattended.key"
    make(tmp_path, KeyFile(file))
    file.write_bytes(bytes(size))
    with pytest.raises(KeyFileError):
        opened(tmp_path, KeyFile(file))


def test_another_or_a_missing_key_file_does_not_open(tmp_path: Path) -> None:
    make(tmp_path, KeyFile(tmp_path / "a.key"))
    (tmp_path / "a.key").write_bytes(bytes(32))
    with pytest.raises(WrongKey):
        opened(tmp_path, KeyFile(tmp_path / "a.key"))
    with pytest.raises(KeyFileError):
        opened(tmp_path, KeyFile(tmp_path / "missing.key"))


def test_another_method_says_what_is_needed(tmp_path: Path) -> None:
    make(tmp_path, passphrase("x"))
    with pytest.raises(WrongKey, match="passphrase") as caught:
        opened(tmp_path, KeyFile(tmp_path / "a.key"))
    assert caught.value.kind == "store.wrong_method"


def test_the_keyring_keeps_a_key_and_opens(tmp_path: Path, desktop: MemoryKeyring) -> None:
    key = make(tmp_path, Keyring())
    assert len(desktop.kept) == 1
    assert key.hex() not in desktop.kept.values()
    assert opened(tmp_path, Keyring()) == key


def test_leaving_the_keyring_removes_its_entry(tmp_path: Path, desktop: MemoryKeyring) -> None:
    key = make(tmp_path, Keyring())
    rewrap(tmp_path, Keyring(), passphrase("now typed"), random_bytes)
    assert desktop.kept == {}
    assert opened(tmp_path, passphrase("now typed")) == key


def test_a_locked_or_empty_keyring_is_a_clear_error(tmp_path: Path, desktop: MemoryKeyring) -> None:
    make(tmp_path, Keyring())
    desktop.locked = True
    with pytest.raises(KeyringFault) as locked:
        opened(tmp_path, Keyring())
    assert locked.value.kind == "store.keyring"
    desktop.locked = False
    desktop.kept.clear()
    with pytest.raises(KeyringFault) as empty:
        opened(tmp_path, Keyring())
    assert empty.value.kind == "store.keyring_empty"


@pytest.mark.parametrize("content", ["no hex", "aabb"])
def test_something_else_in_the_keyring_is_an_error(tmp_path: Path, desktop: MemoryKeyring, content: str) -> None:
    make(tmp_path, Keyring())
    for place in desktop.kept:
        desktop.kept[place] = content
    with pytest.raises(KeyringFault) as caught:
        opened(tmp_path, Keyring())
    assert caught.value.kind == "store.keyring_content"


def test_a_missing_keyring_package_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring.errors", None)
    with pytest.raises(KeyringFault, match=r"veery\[keyring\]") as caught:
        make(tmp_path, Keyring())
    assert caught.value.kind == "store.keyring_missing"


def _damaged(change: dict[str, Any], *, unlock: dict[str, Any] | None = None) -> bytes:
    header, _ = new_header(passphrase("x"), random_bytes)
    value = json.loads(json.dumps({"format": "veery-store", "version": 1, "store_id": header.store_id}))
    value |= {"wrapped_key": header.wrapped_key, "unlock": {"method": "passphrase", "salt": "00" * 16, "ops": 1}}
    value["unlock"] |= {"memory": 8192, "kdf": "argon2id13"} | (unlock or {})
    return json.dumps(value | change).encode()


def test_the_undamaged_form_is_read(tmp_path: Path) -> None:
    (tmp_path / HEADER_NAME).write_bytes(_damaged({}))
    with pytest.raises(WrongKey):
        opened(tmp_path, passphrase("x"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{" * 5_000,
        b'{"format": "veery-store", "version": 1}',
        _damaged({"format": "other"}),
        _damaged({"version": 0}),
        _damaged({"version": -1}),
        _damaged({"version": "1"}),
        _damaged({"store_id": "00"}),
        _damaged({"store_id": "zz" * 16}),
        _damaged({"wrapped_key": "00"}),
        _damaged({"unknown": 1}),
        _damaged({}, unlock={"salt": "00"}),
        _damaged({}, unlock={"ops": 0}),
        _damaged({}, unlock={"ops": 10**6}),
        _damaged({}, unlock={"memory": 1}),
        _damaged({}, unlock={"memory": 2**60}),
        _damaged({}, unlock={"kdf": "md5"}),
        _damaged({}, unlock={"method": "telepathy"}),
    ],
)
def test_a_damaged_header_is_a_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / HEADER_NAME).write_bytes(data)
    with pytest.raises(HeaderError, match="backup"):
        read_header(tmp_path)


def test_a_missing_header_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HeaderError) as caught:
        read_header(tmp_path)
    assert caught.value.kind == "store.header_missing"


def test_a_header_of_a_newer_version_is_refused_before_its_fields_are_read(tmp_path: Path) -> None:
    (tmp_path / HEADER_NAME).write_text('{"format": "veery-store", "version": 2, "new": true}')
    with pytest.raises(HeaderError, match="newer") as caught:
        read_header(tmp_path)
    assert caught.value.kind == "store.newer"


def test_a_key_of_another_store_does_not_open(tmp_path: Path) -> None:
    header, _ = new_header(passphrase("x"), random_bytes)
    value = json.loads(json.dumps({"store_id": "11" * 16}))
    swapped = type(header)(store_id=value["store_id"], unlock=header.unlock, wrapped_key=header.wrapped_key)
    with pytest.raises(WrongKey):
        open_header(swapped, passphrase("x"))
