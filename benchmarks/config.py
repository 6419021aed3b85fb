"""Configuration documents of 1,000 contacts: building, parsing, merging 50 that conflict, in ms of CPU time.

The reference of every figure is the bare cost of its parts in the same run: zstd, XChaCha20-Poly1305 with its BLAKE2b
key and nonce, and encoding or decoding of the bt values, called straight, for the same bytes. What is above it is what
a document is more than bytes: data that is checked and compared, diffs, hashes, and the replay of a merge (07.6).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from statistics import median

import zstandard
from _report import Figure, arguments, report

from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config import CONTACTS, AccountSealer, ConfigObject, contacts
from veery.protocol.config.contacts import Contact
from veery.protocol.config.storage_form import padded_size
from veery.runtime.randomness import random_bytes

PEOPLE = 1_000
CONFLICTS = 50
NOW_MS = 1_790_000_000_000

Action = Callable[[], object]


def people(number: int) -> list[Contact]:
    """Contacts as an account has them after some years."""
    return [
        Contact(
            id=AccountId(b"\x05" + random_bytes(32)),
            name=f"Person {each}",
            nickname="" if each % 4 else f"Friend {each}",
            approved=True,
            approved_me=each % 5 != 0,
            blocked=each % 40 == 0,
            priority=each % 7 == 0,
            updated_s=1_700_000_000 + each,
            created_s=1_600_000_000 + each,
        )
        for each in range(number)
    ]


class World:
    """One document that is stored, and as many devices as there are conflicts, each with a change of its own."""

    def __init__(self, conflicts: int) -> None:
        self.account = Account.from_seed(random_bytes(16))
        self.sealer = AccountSealer(self.account)
        self.people = people(PEOPLE)
        first = self.device()
        data = first.data
        for contact in self.people:
            data = contacts.written(data, contact)
        first.change(data)
        push = first.push(NOW_MS)
        first.confirm(push.seqno, [f"base {part}" for part in range(len(push.stored))])
        self.base = [(f"base {part}", stored) for part, stored in enumerate(push.stored)]
        self.saved = first.dump()
        self.conflicts = [self.conflict(number) for number in range(conflicts)]
        self.message = first.message().raw

    def device(self, saved: bytes | None = None) -> ConfigObject:
        return ConfigObject(CONTACTS, self.sealer, saved=saved)

    def conflict(self, number: int) -> tuple[str, bytes]:
        device = self.device(self.saved)
        self.rename(device, number)
        (stored,) = device.push(NOW_MS).stored
        return f"conflict {number}", stored

    def rename(self, device: ConfigObject, number: int) -> None:
        contact = contacts.find(device.data, self.people[number].id)
        assert contact is not None
        device.change(contacts.written(device.data, Contact(contact.id, name=contact.name, nickname=f"new {number}")))

    # -- what is measured --------------------------------------------------------------------------------------

    def build(self, device: ConfigObject) -> Action:
        """One contact renamed, and the document made ready to be stored."""

        def act() -> None:
            twin = device.copy(self.sealer)
            self.rename(twin, 7)
            twin.push(NOW_MS)

        return act

    def parse(self) -> Action:
        """One stored document opened and read by a device that has none."""
        return lambda: self.device().merge(self.base, NOW_MS)

    def merge(self, device: ConfigObject) -> Action:
        """All conflicting documents merged into one, ready to be stored."""

        def act() -> None:
            twin = device.copy(self.sealer)
            merged = twin.merge(self.conflicts, NOW_MS)
            assert not merged.refused
            twin.push(NOW_MS)

        return act


# -- the bare cost of the same --------------------------------------------------------------------------------


def bare_stored(message: bytes, account: Account) -> bytes:
    packed = b"z" + zstandard.ZstdCompressor(level=1).compress(message)
    padded = packed.rjust(padded_size(len(packed)), b"\0")
    nonce = crypto.blake2b(24, padded, key=b"label")
    return crypto.xchacha_encrypt(_key(len(padded), account), nonce, padded) + nonce


def bare_store(value: bt.Value, account: Account) -> None:
    bare_stored(bt.encode(value), account)


def bare_open(stored: bytes, account: Account) -> None:
    padded = crypto.xchacha_decrypt(_key(len(stored) - 40, account), stored[-24:], stored[:-24])
    bt.decode(zstandard.ZstdDecompressor().decompress(padded.lstrip(b"\0")[1:]))


def _key(length: int, account: Account) -> bytes:
    return crypto.blake2b(32, account.seed32.reveal(), length.to_bytes(8, "big"), CONTACTS.domain)


def spent_ms(action: Action) -> float:
    """Milliseconds of CPU time that an action takes, once."""
    gc.collect()
    began = time.thread_time()
    action()
    return (time.thread_time() - began) * 1e3


def actions(world: World) -> Sequence[tuple[str, Action, Action]]:
    """What is measured, each beside the bare cost of its parts."""
    device = world.device(world.saved)
    value, stored = bt.decode(world.message), bare_stored(world.message, world.account)

    def bare_build() -> None:
        bare_store(value, world.account)

    def bare_parse() -> None:
        bare_open(stored, world.account)

    def bare_merge() -> None:
        for _ in world.conflicts:
            bare_open(stored, world.account)
        bare_store(value, world.account)

    return (
        ("config build 1,000 contacts", world.build(device), bare_build),
        ("config parse 1,000 contacts", world.parse(), bare_parse),
        (f"config merge {len(world.conflicts)} of 1,000 contacts", world.merge(device), bare_merge),
    )


def main() -> None:
    """Measure in turn, so that what else the machine does meets all alike, and report medians."""
    chosen = arguments("Configuration documents of 1,000 contacts, beside zstd, encryption and bt alone.")
    world = World(CONFLICTS)
    found = []
    for name, action, bare in actions(world):
        rounds = [(spent_ms(action), spent_ms(bare)) for _ in range(3 if chosen.quick else 15)]
        ours, reference = (median(times) for times in zip(*rounds, strict=True))
        found.append(Figure(name, ours, "ms", reference))
    found.append(
        Figure("config stored size", sum(len(stored) for _, stored in world.base), "bytes", len(world.message))
    )
    report(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
