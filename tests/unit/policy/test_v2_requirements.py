"""Requirements R1 to R10 of 06.18.4, as far as they are decisions: each test is named after its requirement.

A swarm that hides, ages or swaps records stands against R1 to R5; simulated weeks and an adversary that has logged
everything stand against R6, R7 and R9.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.unit.policy.contact_world import (
    BOB_ID,
    DAY,
    HOUR,
    NOW,
    NOW_S,
    raw_record,
    raw_withdrawal,
    record,
)
from tests.unit.policy.device_world import START_MS, Device, Swarm, linked
from tests.unit.protocol.devices.people import Counted, account
from veery.policy import device_membership, level
from veery.policy.downgrade import ContactKeys, Mark, Reason, SendLongTerm, SendPfs, Withhold, decide
from veery.policy.key_fetch import Fetched, FetchEnd, KeyFetch
from veery.policy.level import Level
from veery.policy.own_record import OutboxFind, OwnRecord
from veery.protocol import message_v2
from veery.protocol.devices import AccountKeys, HybridKeys, account_record, group_message
from veery.secret import Secret

MEMBERS = tuple(bytes([number]) * 32 for number in range(5))


@dataclass
class Node:
    """A member of the contact's swarm. answers: what it says, or None for silence."""

    answers: list[bytes] | None = field(default_factory=list)


def fetched(contact: ContactKeys, nodes: dict[bytes, Node], now_ms: int) -> tuple[Fetched, int]:
    """A whole fetch against these nodes; and how many were asked."""
    fetch = KeyFetch(BOB_ID, contact, tuple(nodes), lambda below: 0)
    asked = 0
    while asks := fetch.asks_to_send():
        asked += len(asks)
        for member in asks:
            answers = nodes[member].answers
            if answers is None:
                fetch.failed(member)
            else:
                fetch.receive(member, answers, now_ms)
    assert fetch.result is not None
    return fetch.result, asked


def swarm_of(*answers: list[bytes] | None) -> dict[bytes, Node]:
    return {member: Node(answer) for member, answer in zip(MEMBERS, answers, strict=False)}


REMEMBERED = ContactKeys().accepted(record(1, NOW_S), NOW)


def test_r1_absence_never_clears_what_is_remembered() -> None:
    contact = REMEMBERED
    for hour in range(0, 24 * 40, 5):
        outcome, _ = fetched(contact, swarm_of([], [], [], [], []), NOW + hour * HOUR)
        contact = outcome.applied(contact, NOW + hour * HOUR)
    assert contact.record == REMEMBERED.record
    assert (contact.seen_first_ms, contact.seen_last_ms) == (NOW, NOW)
    assert isinstance(decide(contact, NOW + 40 * DAY), Withhold)


def test_r1_only_an_authenticated_withdrawal_clears_it() -> None:
    outcome, _ = fetched(REMEMBERED, swarm_of([raw_withdrawal(NOW_S + 1)]), NOW)
    assert decide(outcome.applied(REMEMBERED, NOW), NOW) == SendLongTerm(Mark.SWITCHED_OFF)
    forged = raw_withdrawal(NOW_S + 1).replace(b"2:vwi1e", b"2:vwi0e")
    outcome, _ = fetched(REMEMBERED, swarm_of([forged], [forged], [forged]), NOW)
    assert isinstance(decide(outcome.applied(REMEMBERED, NOW), NOW + 30 * DAY), Withhold)


def test_r2_no_record_needs_three_nodes() -> None:
    outcome, asked = fetched(REMEMBERED, swarm_of([], [], [], [], []), NOW)
    assert (outcome.end, asked) == (FetchEnd.ABSENT, 3)
    _, asked = fetched(ContactKeys(), swarm_of([], [], []), NOW)
    assert asked == 1


def test_r2_one_honest_node_among_liars_is_enough() -> None:
    new = raw_record(2, NOW_S + 50)
    for honest in range(3):
        answers: list[list[bytes] | None] = [[], [raw_record(1, NOW_S - 999)], [raw_record(1)]]
        answers[honest] = [new]
        outcome, _ = fetched(REMEMBERED, swarm_of(*answers), NOW)
        assert outcome.record == record(2, NOW_S + 50)


def test_r2_the_newest_of_different_records_counts() -> None:
    outcome, _ = fetched(REMEMBERED, swarm_of([], [raw_record(2, NOW_S + 5)], [raw_record(3, NOW_S + 7)]), NOW)
    assert outcome.record == record(3, NOW_S + 7)


def test_r2_silence_is_not_absence() -> None:
    outcome, asked = fetched(REMEMBERED, swarm_of(None, None, [], None, []), NOW)
    assert (outcome.end, asked) == (FetchEnd.FAILED, 5)
    assert outcome.applied(REMEMBERED, NOW) == REMEMBERED


def test_r3_the_last_record_for_seven_days_and_then_nothing_silently() -> None:
    contact, marks = REMEMBERED, []
    for day in range(10):
        now = NOW + day * DAY
        outcome, _ = fetched(contact, swarm_of([], [], []), now)
        contact = outcome.applied(contact, now)
        decision = decide(contact, now)
        marks.append(decision.mark if isinstance(decision, SendPfs) else decision)
    assert marks[:2] == [Mark.NONE, Mark.NONE]
    assert marks[2:8] == [Mark.UNCONFIRMED] * 6
    assert marks[8:] == [Withhold(Reason.WAITING)] * 2


def test_r3_only_the_user_lets_a_weaker_message_out_and_it_is_marked() -> None:
    decision = decide(REMEMBERED, NOW + 30 * DAY, chosen=True)
    assert decision == SendLongTerm(Mark.CHOSEN)
    assert decide(REMEMBERED, NOW + 30 * DAY) == Withhold(Reason.WAITING)


def test_r4_every_message_has_a_level_and_a_drop_shows_one_notice() -> None:
    assert [each.label for each in sorted(Level)] == ["v1", "v2-fallback", "v2"]
    shown, notices = None, 0
    for each in (Level.PFS, Level.PFS, Level.V1, Level.V1, Level.V1):
        shown, notice = level.after_message(shown, each)
        notices += notice
    assert notices == 1


def thiefs_record(device: Device) -> bytes:
    """A record that a holder of the recovery phrase signs for keys of its own."""
    return account_record.sign(
        HybridKeys.of_account(Secret(bytes([66]) * 32)).public,
        account_x25519_secret=device.account.x25519_secret,
        random=Counted("thief"),
        signed_s=START_MS // 1_000 + 9,
    )


def test_r5_a_thiefs_record_in_our_outbox_raises_an_alarm_and_is_replaced() -> None:
    swarm = Swarm()
    device = Device("first", swarm, first=True)
    device.poll(START_MS)
    assert device.published() is not None
    swarm.outbox = thiefs_record(device)
    finds = []
    for hour in (1, 2):
        device.fetch(START_MS + hour * HOUR)
        watched = device.own_record.watch(device.published(), device.state.account_keys, START_MS + hour * HOUR)
        device.own_record = watched.state
        finds.append((watched.find, watched.warn))
    assert finds == [(OutboxFind.SUSPECT, False), (OutboxFind.FOREIGN, True)]
    device.publish(START_MS + 2 * HOUR)
    restored = device.published()
    active = device.state.account_keys.active
    assert restored is not None
    assert active is not None
    assert restored.keys == active.keys.public


def test_r5_a_record_that_was_taken_away_is_noticed() -> None:
    own = OwnRecord(allowed=True).stored(record(1, NOW_S), NOW)
    finds = []
    for hour in (1, 2):
        watched = own.watch(None, AccountKeys(), NOW + hour * HOUR)
        own = watched.state
        finds.append(watched.warn)
    assert finds == [False, True]


# -- simulated weeks -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A message of a contact to our account."""

    data: bytes
    sent_ms: int


def weeks(devices: list[Device], count: int) -> list[Sent]:
    """So many weeks: every six hours the devices wake and poll, and a contact writes under the published keys."""
    sender, log = account(7), []
    for step in range(count * 7 * 4):
        now = START_MS + step * 6 * HOUR
        for device in devices:
            device.fetch(now)
            device.wake(now)
            device.poll(now)
        published = devices[0].published()
        assert published is not None
        assert published.keys is not None
        data = message_v2.seal(
            step.to_bytes(4, "big"),
            sender_ed25519_secret=sender.ed25519_secret,
            recipient=devices[0].account.account_id.raw,
            keys=published.keys,
            random=Counted(f"contact {step}"),
        )
        log.append(Sent(data, now))
    return log


def stolen(device: Device, swarm: Swarm, extra: Iterable[HybridKeys] = ()) -> list[HybridKeys]:
    """All account keys that a thief of this device's storage gets, with everything that was ever stored in 21."""
    device_keys = [*device.device_keys(), *extra]
    seeds = {key.seed.reveal() for key in device.state.account_keys}
    for item in swarm.log:
        if not item.data.startswith(b"d0:1:G"):
            continue
        opened = group_message.open(group_message.parse(item.data, device.account.ed25519_public), device_keys)
        if opened is not None:
            seeds |= {key.seed.reveal() for key in opened.payload.keys}
    return [HybridKeys.of_account(Secret(seed)) for seed in sorted(seeds)]


def oldest_readable(device: Device, log: list[Sent], keys: list[HybridKeys]) -> int:
    """The time of the oldest message that opens with these keys."""

    def opens(sent: Sent) -> bool:
        try:
            return message_v2.open(sent.data, device.account, keys).pfs
        except message_v2.NoKey:
            return False

    return min(sent.sent_ms for sent in log if opens(sent))


def test_r6_r7_a_stolen_device_and_a_full_log_open_no_message_older_than_the_bound() -> None:
    swarm = Swarm()
    devices = linked(2, swarm)
    first_keys = devices[0].device_keys()
    log = weeks(devices, 6)
    end = log[-1].sent_ms
    for device in devices:
        oldest = oldest_readable(device, log, stolen(device, swarm))
        # 7 days of a device key, 72 hours of its predecessor, 16 days of account seeds, and half a day of use
        assert end - oldest <= 27 * DAY
        assert end - oldest >= 15 * DAY
        assert all(each.seed.reveal() != first_keys[0].seed.reveal() for each in device.state.device_keys)
    # the adversary is real: with the device key of the first day it reads everything
    assert oldest_readable(devices[0], log, stolen(devices[0], swarm, first_keys)) == log[0].sent_ms


def test_r7_seeds_past_sixteen_days_are_gone() -> None:
    swarm = Swarm()
    [device] = linked(1, swarm)
    weeks([device], 4)
    now_s = device.state.deletion.now_s
    assert all(key.rotated_s is None or now_s - key.rotated_s <= 16 * 24 * 3_600 for key in device.state.account_keys)
    assert 25 <= len(device.state.account_keys) <= 36
    assert len(device.state.device_keys) <= 2


def test_r8_a_copy_for_the_own_devices_is_never_weaker_than_the_message() -> None:
    for sent in Level:
        assert level.sync_level(sent) >= sent
    assert level.sync_level(Level.PFS) is Level.PFS


def test_r9_a_removal_rotates_and_publishes_at_once() -> None:
    swarm = Swarm()
    first, second, third = linked(3, swarm)
    before = first.published()
    first.remove(third, START_MS + HOUR)
    first.poll(START_MS + HOUR)
    after = first.published()
    active = first.state.account_keys.active
    assert before is not None
    assert after is not None
    assert active is not None
    assert after.keys == active.keys.public != before.keys
    second.poll(START_MS + HOUR)
    third.poll(START_MS + HOUR)
    sealed = message_v2.seal(
        b"after",
        sender_ed25519_secret=account(7).ed25519_secret,
        recipient=first.account.account_id.raw,
        keys=active.keys.public,
        random=Counted(),
    )
    assert message_v2.open(sealed, second.account, second.account_keys()).content == b"after"
    assert oldest_readable(second, [Sent(sealed, 5)], second.account_keys()) == 5
    assert not [key for key in third.account_keys() if key.public == active.keys.public]


def test_r10_a_clock_that_jumps_deletes_nothing() -> None:
    swarm = Swarm()
    [device] = linked(1, swarm)
    weeks([device], 2)
    before = [key.seed.reveal() for key in device.state.account_keys]
    assert len(before) > 20
    jumped = device_membership.prune(device.state, START_MS + 5_000 * DAY, confirmed=False)
    assert [key.seed.reveal() for key in jumped.account_keys] == before
    assert len(jumped.device_keys) == len(device.state.device_keys)
    confirmed = device_membership.prune(device.state, START_MS + 5_000 * DAY, confirmed=True)
    assert len(confirmed.account_keys) == 1


def test_r10_a_message_that_arrives_under_a_wrong_clock_loses_no_key() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    weeks([first], 1)
    wrong = START_MS + 5_000 * DAY
    for item in swarm.fetch(START_MS + 7 * DAY):
        if item.hash not in second.taken:
            second.take(item, wrong)
    assert len(second.state.account_keys) == len(first.state.account_keys)
