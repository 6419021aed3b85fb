"""Whatever nodes answer, and in whatever order: a remembered contact is not written to with long-term keys (14.1).

The machine is a contact that publishes, withdraws and publishes again, sometimes by a wrong clock, and a swarm that has
all of that and more to choose its lies from: nothing, silence, records of any age, altered ones, those of other
accounts, old withdrawals. Only two things let a message out under long-term keys: a withdrawal that the contact signed
after every record that was seen of it, and the user.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.policy.contact_world import BOB, BOB_ID, DAY, HOUR, NOW
from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.policy.downgrade import ContactKeys, Mark, SendLongTerm, SendPfs, decide
from veery.policy.key_fetch import KeyFetch
from veery.policy.record_exchange import receive_gossip
from veery.protocol.devices import HybridPublic, account_record
from veery.protocol.extension import Extension

MEMBERS = tuple(bytes([number]) * 32 for number in range(6))
LATER = (0, HOUR, 2 * DAY, 8 * DAY, 40 * DAY)
PICK = st.integers(0, 60)
ANSWER = st.none() | st.lists(PICK, max_size=2)


class Contact(RuleBasedStateMachine):
    """What is known of the contact, what it signed, and what nodes have to answer with."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = NOW
        self.contact = ContactKeys()
        self.random = Counted("bob")
        self.last_s = 0
        self.genuine: list[bytes] = []
        self.lies = [b"", b"nonsense", self.of_another()]
        self.keys: list[HybridPublic] = []
        self.withdrawals: list[int] = []
        self.seen_s = 0  # the latest time of a record that was seen
        self.user_allows = False

    # -- what the contact does -----------------------------------------------------------------------------

    @initialize(timed=st.booleans(), withdrew=st.booleans(), ahead_h=st.sampled_from([0, 1]))
    def begin(self, timed: bool, withdrew: bool, ahead_h: int) -> None:
        """It publishes, and is seen to; it may have withdrawn long before, and nodes may have kept that."""
        if withdrew:
            self.now_ms -= 9 * DAY
            self.withdraw(0)
            self.lies.append(self.genuine.pop())
            self.now_ms += 9 * DAY
        if timed:
            self.publish(ahead_h)
        else:
            self.sign(None)
        self.fetch([[0]] * 6)
        assert isinstance(decide(self.contact, self.now_ms), SendPfs)

    @rule(ahead_h=st.sampled_from([0, 0, 0, 1, 30]))
    def publish(self, ahead_h: int) -> None:
        """A new record; the clock of its device may be ahead."""
        self.sign(self.next_s(ahead_h))

    @rule(ahead_h=st.sampled_from([0, 0, 1]))
    def withdraw(self, ahead_h: int) -> None:
        """It switches protection off."""
        signed_s = self.next_s(ahead_h)
        self.withdrawals.append(signed_s)
        self.genuine.append(
            account_record.sign_withdrawal(
                account_x25519_secret=BOB.x25519_secret, random=self.random, signed_s=signed_s
            )
        )

    def sign(self, signed_s: int | None) -> None:
        keys = account_pair(len(self.genuine) % 8 + 1).public
        self.keys.append(keys)
        raw = account_record.sign(keys, account_x25519_secret=BOB.x25519_secret, random=self.random, signed_s=signed_s)
        self.genuine.append(raw)
        self.lies.append(raw[:100] + bytes([raw[100] ^ 1]) + raw[101:])

    def next_s(self, ahead_h: int) -> int:
        self.last_s = max(self.last_s + 1, (self.now_ms + ahead_h * HOUR) // 1_000)
        return self.last_s

    # -- what the network does -----------------------------------------------------------------------------

    @rule(hours=st.integers(0, 240))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.now_ms += hours * HOUR

    @rule(answers=st.lists(ANSWER, min_size=6, max_size=6))
    def fetch(self, answers: list[list[int] | None]) -> None:
        """Members of the swarm are asked. None: silence."""
        fetch = KeyFetch(BOB_ID, self.contact, MEMBERS, lambda below: 0)
        given = dict(zip(MEMBERS, answers, strict=True))
        while asks := fetch.asks_to_send():
            for member in asks:
                picks = given[member]
                if picks is None:
                    fetch.failed(member)
                else:
                    fetch.receive(member, [self.pick(each) for each in picks], self.now_ms)
        assert fetch.result is not None
        self.learn(fetch.result.applied(self.contact, self.now_ms))

    @rule(answers=st.lists(ANSWER, min_size=6, max_size=6), meanwhile=PICK)
    def fetch_beside_gossip(self, answers: list[list[int] | None], meanwhile: int) -> None:
        """A record comes with a message while members are asked."""
        before = self.contact
        self.gossip(meanwhile)
        after, self.contact = self.contact, before
        fetch = KeyFetch(BOB_ID, self.contact, MEMBERS[:1], lambda below: 0)
        for member in fetch.asks_to_send():
            fetch.receive(member, [self.pick(each) for each in answers[0] or ()], self.now_ms)
        assert fetch.result is not None
        self.contact = after
        self.learn(fetch.result.applied(after, self.now_ms))

    @rule(which=PICK)
    def gossip(self, which: int) -> None:
        """A message of the contact has a record with it; or what looks like one."""
        extension = Extension(record=self.pick(which))
        self.learn(receive_gossip(self.contact, extension, BOB_ID, self.now_ms))

    def pick(self, which: int) -> bytes:
        pool = [*self.genuine, *self.lies]
        return pool[which % len(pool)]

    def learn(self, contact: ContactKeys) -> None:
        self.now_ms += 1_000
        if contact.record is not None and contact.record != self.contact.record:
            self.seen_s = max(self.seen_s, contact.record.signed_s or 0)
        if contact.record is not None and contact.seen_last_ms != self.contact.seen_last_ms:
            self.user_allows = False
        self.contact = contact

    @staticmethod
    def of_another() -> bytes:
        return account_record.sign(
            account_pair(9).public,
            account_x25519_secret=account(3).x25519_secret,
            random=Counted(),
            signed_s=NOW // 1_000 + 10**9,
        )

    # -- what the user does --------------------------------------------------------------------------------

    @rule()
    def allow(self) -> None:
        """The user lets the conversation use long-term keys until keys are seen again."""
        self.contact = self.contact.allowing_long_term()
        self.user_allows = True

    # -- what holds ----------------------------------------------------------------------------------------

    @invariant()
    def only_the_contact_or_the_user_lowers_it(self) -> None:
        if not self.contact.remembered:
            return
        withdrawn = any(signed_s > self.seen_s for signed_s in self.withdrawals)
        for later in LATER:
            for user_content in (True, False):
                decision = decide(self.contact, self.now_ms + later, user_content=user_content)
                if isinstance(decision, SendLongTerm):
                    assert self.user_allows or withdrawn
                    assert decision.mark in (Mark.CHOSEN, Mark.SWITCHED_OFF)
                    assert self.user_allows or decision.mark is Mark.SWITCHED_OFF
                if isinstance(decision, SendPfs):
                    assert decision.keys in self.keys


Contact.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestNoAnswerLowersARememberedContact = Contact.TestCase
