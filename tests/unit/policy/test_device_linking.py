"""Joining a group: nobody gets in without a member's yes, and no device gets lured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, link, linked
from veery.errors import Retry
from veery.policy import device_group, device_linking
from veery.policy.device_group import DeviceGroupFault, Event
from veery.policy.device_linking import PromptGone
from veery.policy.device_membership import Membership
from veery.protocol.constants import LINK_PENDING_MAX
from veery.protocol.devices import DeviceState, GroupId, link_request

MINUTE = 60_000


def asked(swarm: Swarm) -> tuple[Device, Device]:
    """A member, and a newcomer that has asked; the member has fetched the request."""
    member = Device("member", swarm, first=True)
    member.poll(START_MS)
    newcomer = Device("newcomer", swarm)
    newcomer.poll(START_MS)
    newcomer.ask(member.group, START_MS)
    member.poll(START_MS)
    return member, newcomer


def prompts(device: Device, now_ms: int = START_MS) -> int:
    return len(device_linking.shown_prompts(device.state, now_ms))


def holds_admission(device: Device) -> bool:
    return device.state.held is not None


def test_both_sides_show_the_same_emoji() -> None:
    member, newcomer = asked(Swarm())
    [prompt] = device_linking.shown_prompts(member.state, START_MS)
    assert prompt.request.emoji().short == newcomer.state.requests[-1].emoji.short
    assert prompt.request.record.description == "newcomer"
    assert not prompt.replaces
    assert newcomer.standing(START_MS) is Membership.WAITING


def test_an_applicant_gets_no_slot_before_it_is_accepted() -> None:
    swarm = Swarm()
    member, newcomer = asked(swarm)
    member.wake(START_MS + 14 * HOUR)
    member.poll(START_MS + 14 * HOUR)
    newcomer.confirm(START_MS + 14 * HOUR)
    newcomer.poll(START_MS + 14 * HOUR)
    assert newcomer.standing(START_MS + 14 * HOUR) is Membership.GROUPS_VISIBLE
    assert len(newcomer.state.account_keys) == 0


def test_admission_waits_for_the_own_user() -> None:
    member, newcomer = asked(Swarm())
    member.accept(START_MS)
    member.poll(START_MS)
    newcomer.poll(START_MS)
    assert newcomer.standing(START_MS) is Membership.WAITING
    assert newcomer.events == [Event.ADMISSION_HELD]
    newcomer.confirm(START_MS)
    assert newcomer.events[-1] is Event.JOINED
    assert newcomer.standing(START_MS) is Membership.IN_GROUP


def test_an_admission_that_comes_late_still_counts() -> None:
    member, newcomer = asked(Swarm())
    newcomer.confirm(START_MS)
    member.accept(START_MS)
    newcomer.wake(START_MS + 10 * MINUTE)
    assert newcomer.standing(START_MS + 10 * MINUTE) is Membership.GROUPS_VISIBLE
    member.poll(START_MS + 2 * DAY)
    newcomer.poll(START_MS + 2 * DAY)
    assert newcomer.standing(START_MS + 2 * DAY) is Membership.IN_GROUP


def test_a_request_is_forgotten_after_thirty_days() -> None:
    member, newcomer = asked(Swarm())
    newcomer.confirm(START_MS)
    member.accept(START_MS)
    late = START_MS + 30 * DAY + 10 * MINUTE + 1
    newcomer.wake(late)
    member.poll(late)
    newcomer.poll(late)
    assert newcomer.standing(late) is Membership.GROUPS_VISIBLE


def test_a_new_request_drops_a_held_admission() -> None:
    member, newcomer = asked(Swarm())
    member.accept(START_MS)
    member.poll(START_MS)
    newcomer.poll(START_MS)
    assert holds_admission(newcomer)
    newcomer.ask(member.group, START_MS + MINUTE)
    assert not holds_admission(newcomer)
    newcomer.confirm(START_MS + MINUTE)
    assert newcomer.standing(START_MS + MINUTE) is Membership.WAITING


def test_an_admission_to_an_earlier_request_is_held_for_nobody() -> None:
    member, newcomer = asked(Swarm())
    member.accept(START_MS)
    newcomer.ask(member.group, START_MS + MINUTE)
    member.push(START_MS + MINUTE)
    member.fetch(START_MS + MINUTE)
    member.push(START_MS + MINUTE)
    newcomer.fetch(START_MS + MINUTE)
    assert not holds_admission(newcomer)


def test_requests_are_later_than_all_before_them() -> None:
    _, newcomer = asked(Swarm())
    [group] = newcomer.state.visible(START_MS)
    for _ in range(3):
        newcomer.ask(group, START_MS)
    times = [request.record.timestamp_s for request in newcomer.state.requests]
    assert times == sorted(set(times))
    seqnos = [request.record.seqno for request in newcomer.state.requests]
    assert seqnos == [2, 3, 4, 5]


def test_a_copy_of_a_request_asks_nobody_again() -> None:
    swarm = Swarm()
    member, _ = asked(swarm)
    [prompt] = device_linking.shown_prompts(member.state, START_MS)
    member.state = device_linking.ignore(member.state, prompt.request)
    again = device_linking.receive_request(member.state, prompt.request, START_MS + 20 * MINUTE, START_MS)
    assert again == member.state
    assert prompts(member) == 0


def test_a_newer_request_supersedes_the_older_one() -> None:
    swarm = Swarm()
    member, newcomer = asked(swarm)
    [old] = device_linking.shown_prompts(member.state, START_MS)
    newcomer.ask(member.group, START_MS + MINUTE)
    member.poll(START_MS + MINUTE)
    assert prompts(member, START_MS + MINUTE) == 1
    with pytest.raises(PromptGone) as caught:
        device_linking.accept(member.state, old.request, START_MS + MINUTE, member.random)
    assert caught.value.remedy
    assert caught.value.retry is Retry.NEVER


def test_an_expired_request_cannot_be_accepted() -> None:
    member, _ = asked(Swarm())
    [prompt] = device_linking.shown_prompts(member.state, START_MS)
    assert prompts(member, START_MS + 10 * MINUTE) == 0
    with pytest.raises(PromptGone):
        device_linking.accept(member.state, prompt.request, START_MS + 10 * MINUTE, member.random)


def test_an_answer_of_another_member_ends_the_question() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    newcomer = Device("newcomer", swarm)
    newcomer.poll(START_MS)
    newcomer.ask(first.group, START_MS)
    first.poll(START_MS)
    second.poll(START_MS)
    assert (prompts(first), prompts(second)) == (1, 1)
    first.accept(START_MS)
    first.poll(START_MS)
    second.poll(START_MS)
    assert prompts(second) == 0


def test_a_device_that_was_removed_cannot_ask_with_its_id() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    first.remove(second, START_MS)
    # it does not know yet, and asks
    second.ask(first.group, START_MS)
    first.poll(START_MS)
    assert prompts(first) == 0
    assert first.state.rows[second.state.own_id].state is DeviceState.REMOVED


def test_a_group_that_is_not_visible_cannot_be_asked() -> None:
    newcomer = Device("newcomer", Swarm())
    with pytest.raises(DeviceGroupFault) as caught:
        newcomer.ask(GroupId(bytes(8)), START_MS)
    assert caught.value.retry is Retry.LATER


def test_a_flood_of_requests_is_bounded() -> None:
    member, newcomer = asked(Swarm())
    for number in range(300):
        device = number.to_bytes(32, "big")
        request = link_request.make(device, newcomer.state.own_record, member.account.ed25519_secret)
        member.state = device_linking.receive_request(member.state, request, START_MS + MINUTE, START_MS)
    assert prompts(member) == LINK_PENDING_MAX
    assert len(member.state.rows) == LINK_PENDING_MAX + 1


# -- replacing a device ----------------------------------------------------------------------------------------


def replacing(swarm: Swarm) -> tuple[Device, Device, Device]:
    """Two members, and the second one again after it was set up anew: with its id, but with other keys."""
    first, second = linked(2, swarm)
    fresh = Device("second again", swarm)
    fresh.state = replace(fresh.state, own_id=second.state.own_id, rows={second.state.own_id: fresh.state.own})
    fresh.poll(START_MS + HOUR)
    fresh.ask(first.group, START_MS + HOUR)
    fresh.confirm(START_MS + HOUR)
    first.poll(START_MS + HOUR)
    return first, second, fresh


def test_replacing_a_device_rotates_and_takes_its_place() -> None:
    first, second, fresh = replacing(Swarm())
    [prompt] = device_linking.shown_prompts(first.state, START_MS + HOUR)
    assert prompt.replaces
    before, held = first.active_seed, first.state.rows[second.state.own_id]
    first.accept(START_MS + HOUR)
    assert first.active_seed != before
    row = first.state.rows[second.state.own_id]
    assert row.seqno == max(held.seqno, prompt.request.record.seqno) + 1
    assert row.record is not None
    assert row.digest == row.record.digest
    first.poll(START_MS + HOUR)
    fresh.poll(START_MS + HOUR)
    assert fresh.standing(START_MS + HOUR) is Membership.IN_GROUP
    # the device that had the place finds that it has it no more
    second.fetch(START_MS + HOUR)
    assert second.standing(START_MS + HOUR) is Membership.DISPLACED


def test_a_copy_of_a_replacement_asks_nobody_again() -> None:
    first, _, _ = replacing(Swarm())
    [prompt] = device_linking.shown_prompts(first.state, START_MS + HOUR)
    first.state = device_linking.ignore(first.state, prompt.request)
    again = device_linking.receive_request(first.state, prompt.request, START_MS + DAY, START_MS + HOUR)
    assert again == first.state
    assert prompts(first, START_MS + HOUR) == 0


def test_a_replacement_is_answered_only_by_its_own_keys() -> None:
    first, second, fresh = replacing(Swarm())
    assert prompts(first, START_MS + HOUR) == 1
    # the replaced device still pushes a change of its own: that is no answer
    second.state = device_group.with_own_record(
        second.state, second.state.own_record.renumbered(second.state.own.seqno + 1)
    )
    second.fetch(START_MS + HOUR)
    second.push(START_MS + HOUR)
    first.fetch(START_MS + HOUR)
    assert prompts(first, START_MS + HOUR) == 1
    assert fresh.standing(START_MS + HOUR) is Membership.WAITING


# -- switching groups ------------------------------------------------------------------------------------------


def two_groups(swarm: Swarm) -> tuple[Device, Device, Device]:
    """Two members of one group, and one of another group of the same account."""
    first, second = linked(2, swarm)
    other = Device("other", swarm)
    other.state = device_group.start_group(other.state, START_MS + HOUR, other.random)
    other.poll(START_MS + HOUR)
    return first, second, other


def test_a_member_that_switches_says_goodbye() -> None:
    first, second, other = two_groups(Swarm())
    now = START_MS + 2 * HOUR
    old_seed = first.active_seed
    second.poll(now)
    second.ask(other.group, now)
    assert second.standing(now) is Membership.IN_GROUP
    second.confirm(now)
    other.poll(now)
    other.accept(now)
    other.poll(now)
    second.poll(now)
    assert second.group == other.group
    assert second.active_seed == other.active_seed != old_seed
    assert old_seed not in [key.seed.reveal() for key in second.state.account_keys]
    assert second.state.farewell is None
    first.poll(now + MINUTE)
    assert first.state.rows[second.state.own_id].state is DeviceState.LEFT
    assert first.active_seed != old_seed


def test_the_last_member_of_a_group_just_takes_its_messages_away() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    other = Device("other", swarm)
    other.state = device_group.start_group(other.state, START_MS, other.random)
    other.poll(START_MS)
    old = first.group
    link(other, first, START_MS + HOUR)
    assert first.group == other.group
    groups = [item for item in swarm.items.values() if item.data.startswith(b"d0:1:G")]
    assert len(groups) >= 1
    stranger = Device("stranger", swarm)
    stranger.poll(START_MS + HOUR)
    assert old not in stranger.state.visible(START_MS + HOUR)
