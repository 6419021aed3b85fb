"""Merging devices: rank before number, removals that stay, and what the next push owes."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.protocol.devices.people import device_id, device_record
from veery.protocol.devices import DeviceState, Gone, Row, table
from veery.protocol.devices.table import RequestVerdict, Table

OWN, A, B = device_id(9), device_id(1), device_id(2)
OWN_ROW = table.own_row(device_record(seqno=5, number=9), DeviceState.REGISTERED)
START: Table = {OWN: OWN_ROW}


def with_row(state: DeviceState, seqno: int = 1, gone_s: int | None = None) -> Table:
    return {**START, A: replace(table.live_row(device_record(seqno), state), gone_s=gone_s)}


def test_an_absent_device_stays_as_it_is() -> None:
    rows = with_row(DeviceState.REGISTERED)
    merged = table.merge(rows, {}, 5)
    assert (merged.table, merged.broadcast, merged.departed) == (rows, frozenset(), False)


def test_a_new_member_is_told_to_all() -> None:
    merged = table.merge(START, {A: device_record()}, 5)
    assert merged.table[A].state is DeviceState.REGISTERED
    assert merged.broadcast == {A}


def test_a_member_that_changes_is_not() -> None:
    merged = table.merge(with_row(DeviceState.REGISTERED), {A: device_record(seqno=2)}, 5)
    assert merged.table[A].seqno == 2
    assert not merged.broadcast


def test_own_admission_is_told_to_all() -> None:
    rows: Table = {OWN: table.own_row(device_record(seqno=2), DeviceState.PENDING)}
    assert table.merge(rows, {OWN: device_record(seqno=2)}, 5).broadcast == {OWN}


def test_a_member_that_goes_is_told_to_all_an_applicant_is_not() -> None:
    assert table.merge(with_row(DeviceState.REGISTERED), {A: Gone(7, left=False)}, 5).broadcast == {A}
    assert not table.merge(with_row(DeviceState.PENDING), {A: Gone(7, left=False)}, 5).broadcast
    assert not table.merge(START, {A: Gone(7, left=False)}, 5).broadcast


def test_departures_count_removals_do_not() -> None:
    for rows in (with_row(DeviceState.REGISTERED), with_row(DeviceState.PENDING), START):
        assert table.merge(rows, {A: Gone(7, left=True)}, 5).departed
        assert not table.merge(rows, {A: Gone(7, left=False)}, 5).departed
    assert not table.merge(with_row(DeviceState.LEFT, gone_s=3), {A: Gone(7, left=True)}, 5).departed


def test_a_removal_keeps_what_was_known() -> None:
    row = table.merge(with_row(DeviceState.REGISTERED, 4), {A: Gone(7, left=False)}, 5).table[A]
    assert (row.state, row.seqno, row.gone_s) == (DeviceState.REMOVED, 4, 7)
    assert row.record is not None


def test_a_removed_device_never_comes_back() -> None:
    rows = table.merge(with_row(DeviceState.REGISTERED), {A: Gone(7, left=False)}, 5).table
    again = table.merge(rows, {A: device_record(seqno=99)}, 50)
    assert again.table[A] == replace(rows[A], gone_s=50)
    assert again.broadcast == {A}


def test_a_removal_beats_a_later_departure() -> None:
    rows = with_row(DeviceState.REMOVED, gone_s=7)
    assert table.merge(rows, {A: Gone(99, left=True)}, 5).table == rows
    left = with_row(DeviceState.LEFT, gone_s=99)
    assert table.merge(left, {A: Gone(7, left=False)}, 5).table[A].state is DeviceState.REMOVED


def test_the_later_of_two_removals_counts() -> None:
    rows = with_row(DeviceState.REMOVED, gone_s=7)
    assert table.merge(rows, {A: Gone(6, left=False)}, 5).table[A].gone_s == 7
    assert table.merge(rows, {A: Gone(8, left=False)}, 5).table[A].gone_s == 8


def test_a_link_request_for_every_state() -> None:
    record = device_record(seqno=3, timestamp_s=2_000)
    cases = [
        (START, RequestVerdict.PROMPT),
        (with_row(DeviceState.PENDING), RequestVerdict.PROMPT),
        (with_row(DeviceState.PENDING, 4), RequestVerdict.IGNORE),
        (with_row(DeviceState.REGISTERED), RequestVerdict.PROMPT_REPLACE),
        (with_row(DeviceState.LEFT), RequestVerdict.IGNORE),
        (with_row(DeviceState.REMOVED), RequestVerdict.IGNORE),
        (with_row(DeviceState.UNREGISTERED), RequestVerdict.IGNORE),
    ]
    for rows, verdict in cases:
        after, found = table.receive_request(rows, OWN, A, record)
        assert found is verdict
        assert (after == rows) is (verdict is not RequestVerdict.PROMPT)


def test_a_link_request_with_the_own_id_is_ignored() -> None:
    assert table.receive_request(START, OWN, OWN, device_record(seqno=9)) == (START, RequestVerdict.IGNORE)


def test_a_replacement_must_be_later_than_the_record() -> None:
    rows = with_row(DeviceState.REGISTERED)
    for timestamp_s, verdict in ((999, "IGNORE"), (1_000, "IGNORE"), (1_001, "PROMPT_REPLACE")):
        _, found = table.receive_request(rows, OWN, A, device_record(seqno=9, timestamp_s=timestamp_s))
        assert found is RequestVerdict[verdict]


def test_only_members_and_removals_are_written() -> None:
    rows = {
        **with_row(DeviceState.PENDING),
        B: Row(DeviceState.REMOVED, 0, None, None, 7),
        device_id(3): Row(DeviceState.LEFT, 0, None, None, 8),
        device_id(4): table.live_row(device_record(number=4), DeviceState.UNREGISTERED),
    }
    assert table.payload_devices(rows) == {
        OWN: OWN_ROW.record,
        B: Gone(7, left=False),
        device_id(3): Gone(8, left=True),
    }


def test_no_more_removals_are_written_than_there_are_slots() -> None:
    gone = {device_id(100 + number): Row(DeviceState.REMOVED, 0, None, None, 1 + number) for number in range(9)}
    written = table.payload_devices({**START, **gone})
    times = sorted(value.time_s for value in written.values() if isinstance(value, Gone))
    assert times == [6, 7, 8, 9]


def test_slots_come_in_fours() -> None:
    assert [table.slot_count(count) for count in (0, 1, 4, 5, 8, 9)] == [0, 4, 4, 8, 8, 12]


def test_of_equal_rank_and_number_the_greater_digest_counts() -> None:
    records = [device_record(seqno=2, timestamp_s=each) for each in (1, 2)]
    low, high = sorted(records, key=lambda record: record.digest)
    assert table.merge(START, {A: low}, 5).table[A].record == low
    for first, second in ((low, high), (high, low)):
        rows = table.merge(START, {A: first}, 5).table
        assert table.merge(rows, {A: second}, 5).table[A].record == high
