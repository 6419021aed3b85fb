"""What follows from a change of the group for what is published: in the transaction of the change."""

from __future__ import annotations

from dataclasses import replace

from veery.policy.device_group import DeviceGroup
from veery.policy.own_record import OwnRecord
from veery.store.devices import Publishing
from veery.store.tables import Tables


def follow(tables: Tables, before: DeviceGroup, after: DeviceGroup) -> None:
    """A device that is no member any more, or one of another group, publishes nothing until it is known again that
    every device understands v2, and gives nobody the record of keys that are not its group's.

    The time of the last record stays: readers refuse older ones.
    """
    stays = after.active_member and (before.group is None or before.group == after.group)
    if not before.active_member or stays:
        return
    known = tables.devices.publishing()
    state = OwnRecord(signed_s=known.state.signed_s)
    tables.devices.save_publishing(replace(Publishing(state), stopped=known.stopped))
