"""Members of a swarm that lie about an account's record: what each says is chosen by the test.

`LyingRoad` answers retrieves of namespace -21 itself; all else is the swarm in memory. Whatever a client ever tried to
store is in its `requests`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.conversations.memory_swarm import MemoryRoad
from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.network.faults import NoAnswer
from veery.network.road import MemberAnswer
from veery.protocol.account import Account
from veery.protocol.devices import HybridKeys, account_record
from veery.protocol.storage_rpc import Namespace, Retrieve, RetrieveAnswer, Store, StoredMessage, encode_body
from veery.protocol.storage_rpc.requests import Simple

LIFE_MS = 30 * 24 * 3_600_000


class Lie(Enum):
    """What a member answers when it is asked for the record."""

    HONEST = "honest"
    EMPTY = "empty"
    REPLAYS = "replays"  # the oldest record that there ever was
    DIFFERS = "differs"  # each time another of the older ones
    SWAPS = "swaps"  # a record of its own
    ALTERS = "alters"  # the newest record with other keys under the old signature
    WITHDRAWS = "withdraws"  # an old withdrawal
    TIMELESS = "timeless"  # a record that the contact signed before its records had times
    SILENT = "silent"  # no answer
    GARBLED = "garbled"  # something that is no answer


@dataclass
class Contact:
    """An account that publishes records, and everything that nodes have kept of it, oldest first."""

    account: Account
    records: list[bytes] = field(default_factory=list)
    withdrawal: bytes = b""
    timeless: bytes = b""
    keys: list[HybridKeys] = field(default_factory=list)
    random: Counted = field(default_factory=lambda: Counted("contact"))

    @classmethod
    def with_a_past(cls, number: int, now_ms: int) -> Contact:
        """One that published without times, withdrew, and has published with times since."""
        contact = cls(account(number))
        secret, day_s = contact.account.x25519_secret, 86_400
        contact.keys.append(account_pair(40))
        contact.timeless = account_record.sign(
            account_pair(40).public, account_x25519_secret=secret, random=contact.random
        )
        contact.withdrawal = account_record.sign_withdrawal(
            account_x25519_secret=secret, random=contact.random, signed_s=now_ms // 1_000 - 30 * day_s
        )
        for days in (20, 9, 0):
            contact.publish(now_ms - days * day_s * 1_000)
        return contact

    def publish(self, now_ms: int) -> None:
        """A new key, and its record."""
        pair = account_pair(50 + len(self.keys))
        self.keys.append(pair)
        self.records.append(
            account_record.sign(
                pair.public,
                account_x25519_secret=self.account.x25519_secret,
                random=self.random,
                signed_s=now_ms // 1_000,
            )
        )


class LyingRoad(MemoryRoad):
    """A road on which the members of one contact's swarm lie. lie: what a member says, by its key."""

    contact: Contact
    lie: Callable[[bytes], Lie] = staticmethod(lambda member: Lie.HONEST)
    asked: int = 0

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        if not _asks_for_record(requests, self.contact.account.account_id.raw):
            return await super().call(account, requests, member=member, ordered=ordered)
        found = self._member(member)
        self.asked += 1
        lie = self.lie(found.key)
        if lie is Lie.SILENT:
            raise NoAnswer("the member does not answer")
        if lie is Lie.GARBLED:
            return (MemberAnswer(found.node, 200, {"messages": "none"}),)
        now_ms = self.now_ms()
        messages = tuple(StoredMessage("h", now_ms, now_ms + LIFE_MS, raw) for raw in self._said(lie))
        body = encode_body(RetrieveAnswer(messages, False, t=now_ms, hf=(19, 4)).body())
        return (MemberAnswer(found.node, 200, json.loads(body)),)

    def _said(self, lie: Lie) -> list[bytes]:
        contact = self.contact
        newest = contact.records[-1]
        own = account_record.sign(
            account_pair(99).public,
            account_x25519_secret=account(9).x25519_secret,
            random=contact.random,
            signed_s=self.now_ms() // 1_000,
        )
        answers = {
            Lie.HONEST: [newest],
            Lie.EMPTY: [],
            Lie.REPLAYS: contact.records[:1],
            Lie.DIFFERS: [contact.records[self.asked % (len(contact.records) - 1)]],
            Lie.SWAPS: [own],
            Lie.ALTERS: [newest.replace(contact.keys[-1].public.x25519, account_pair(99).public.x25519)],
            Lie.WITHDRAWS: [contact.withdrawal],
            Lie.TIMELESS: [contact.timeless],
        }
        return answers[lie]

    def stored(self) -> list[Store]:
        """Every store that was ever tried in the inbox of an account."""
        return [each for each in self.requests if isinstance(each, Store) and each.namespace == Namespace.INBOX]


def _asks_for_record(requests: Sequence[Simple], contact: bytes) -> bool:
    return any(
        isinstance(each, Retrieve) and each.namespace == Namespace.ACCOUNT_RECORD and each.account == contact
        for each in requests
    )
