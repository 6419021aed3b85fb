"""Moving a profile: the right code, wrong ones, and connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spake2 import SPAKE2_Symmetric

from tests.unit.store.samples import ALICE, CHEAP, NOW, PASSPHRASE, make_store, received, with_conversation
from veery.client.transfer import (
    CodeNotTheSame,
    ProfileSender,
    TransferBroken,
    TransferCode,
    TransferCodeWrong,
    receive_profile,
)
from veery.client.transfer.connection import HELLO, ConnectionPipe
from veery.client.transfer.messages import ID_SIZE, Offer, Piece, Pieces, hear
from veery.client.transfer.session import SPAKE_SIZE, agree
from veery.protocol.words_english import WORDS
from veery.runtime.faults import FileMissing
from veery.runtime.randomness import random_bytes
from veery.runtime.sqlite import Connection
from veery.secret import Secret
from veery.store.backup import Summary, create_backup
from veery.store.database import Store
from veery.store.keys import Passphrase
from veery.store.tables import Tables

SECRET = Secret(b"of this transfer")
ID = bytes(ID_SIZE)
CODE = TransferCode.parse("4821-anchor-mustard")
OTHER = TransferCode.parse("4821-anchor-mystery")


async def backup(tmp_path: Path, messages: int = 3) -> Path:
    target = tmp_path / "the.backup"

    def fill(tables: Tables) -> None:
        with_conversation(tables, ALICE)
        for number in range(messages):
            tables.messages.insert(received(NOW + number, "x" * 2_000))

    def work(connection: Connection) -> None:
        passphrase = Passphrase.of(SECRET.reveal().decode(), CHEAP)
        create_backup(connection, tmp_path, target, passphrase, NOW, random_bytes, lambda _: None)

    async with await make_store(tmp_path / "old") as store:
        await store.run(fill)
        await store.snapshot(work)
    return target


def sender(target: Path, moved: Callable[[int, int], None] = lambda *_: None) -> ProfileSender:
    return ProfileSender(target, SECRET, ID, CODE, moved, "127.0.0.1", 0)


async def receive(tmp_path: Path, port: int, code: TransferCode = CODE) -> Summary:
    return await receive_profile("127.0.0.1", port, code, tmp_path / "new", PASSPHRASE, random_bytes, lambda *_: None)


async def test_a_profile_moves(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    target = await backup(tmp_path)
    async with sender(target, lambda *each: told.append(each)) as old:
        summary = await receive(tmp_path, old.port)
        await old.arrived()
    assert summary.rows["messages"] == 3
    assert told[-1] == (target.stat().st_size,) * 2
    async with await Store.open(tmp_path / "new", PASSPHRASE) as store:
        assert await store.read(lambda tables: len(tables.messages.page(ALICE.hex, 10))) == 3
    assert not list((tmp_path / "new").glob("*.part"))


async def test_three_wrong_codes_end_the_offer(tmp_path: Path) -> None:
    async with sender(await backup(tmp_path)) as old:
        for _ in range(3):
            with pytest.raises((CodeNotTheSame, TransferBroken)):
                await receive(tmp_path, old.port, OTHER)
        with pytest.raises(CodeNotTheSame):
            await old.arrived()
        with pytest.raises(TransferBroken):
            await receive(tmp_path, old.port)
    assert not (tmp_path / "new" / "store.json").exists()


def test_what_opens_a_backup_does_not_print() -> None:
    shown = repr([Offer(ID, 5, "a passphrase"), Pieces(0, [Piece("file", b"secret key")])])
    assert "passphrase" not in shown
    assert "secret" not in shown


async def test_an_offer_whose_backup_cannot_be_read_ends(tmp_path: Path) -> None:
    target = await backup(tmp_path)
    async with sender(target) as old:
        target.unlink()
        with pytest.raises(TransferBroken):
            await receive(tmp_path, old.port)
        with pytest.raises(FileMissing):
            await old.arrived()


async def test_a_connection_that_broke_goes_on(tmp_path: Path) -> None:
    target = await backup(tmp_path, messages=2_000)
    size = target.stat().st_size
    offsets: list[int] = []
    async with sender(target, lambda done, _: offsets.append(done)) as old:
        reader, writer = await asyncio.open_connection("127.0.0.1", old.port)
        session = await agree(ConnectionPipe(reader, writer), CODE, old_device=False)
        offer = await hear(session)
        assert offer == Offer(ID, size, SECRET.reveal().decode())
        writer.close()
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / f"transfer-{ID.hex()}.part").write_bytes(target.read_bytes()[: size - 1_000])
        summary = await receive(tmp_path, old.port)
        await old.arrived()
    assert summary.rows["messages"] == 2_000
    assert offsets == [size]


async def test_noise_and_other_servers_harm_nothing(tmp_path: Path) -> None:
    async with sender(await backup(tmp_path)) as old:
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n" + bytes(200), HELLO, HELLO + bytes(33), HELLO + b"S" + bytes(32)):
            _, writer = await asyncio.open_connection("127.0.0.1", old.port)
            writer.write(data)
            writer.write_eof()
            writer.close()
            await writer.wait_closed()
        assert (await receive(tmp_path, old.port)).rows["messages"] == 3

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n" + bytes(100))
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TransferBroken):
            await receive(tmp_path / "elsewhere", server.sockets[0].getsockname()[1])
    with pytest.raises(TransferBroken):
        await receive(tmp_path / "elsewhere", 1)


@given(st.integers())
def test_codes_come_back(seed: int) -> None:
    code = TransferCode.create(Random(seed).randrange)
    digits, first, second = code.text.split("-")
    assert len(digits) == 4
    assert {first, second} <= set(WORDS)
    assert TransferCode.parse(code.text) == code
    assert TransferCode.parse(f"  {digits} {first[:3].upper()} {second} ") == code


@pytest.mark.parametrize("typed", ["", "4821", "4821-anchor", "48-anchor-mustard", "4821-anchor-xyzzy", "x" * 10_000])
def test_other_texts_are_no_codes(typed: str) -> None:
    with pytest.raises(TransferCodeWrong):
        TransferCode.parse(typed)


async def test_the_old_device_says_nothing_before_the_proof(tmp_path: Path) -> None:
    """A guesser who hangs up after the greeting has nothing to hold a guess against, so need not be counted."""
    async with sender(await backup(tmp_path)) as old:
        reader, writer = await asyncio.open_connection("127.0.0.1", old.port)
        writer.write(HELLO + SPAKE2_Symmetric(CODE.text.encode(), idSymmetric=b"veery transfer 1").start())
        await reader.readexactly(len(HELLO) + SPAKE_SIZE)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        assert (await receive(tmp_path, old.port)).rows["messages"] == 3
