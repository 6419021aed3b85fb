"""How the account stands to a group, by its row alone: rights, keys, being in it, and how that ends (08.2, 08.7).

Nothing here knows of documents, so that whoever reads ordinary messages can use it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery.client.clearing import begin as begin_clearing
from veery.client.core import Times
from veery.client.groups.faults import GroupClosed, no_group
from veery.client.views import Json
from veery.protocol.account import Account, AccountId
from veery.protocol.constants import PREFIX_GROUP
from veery.protocol.groups import GroupAdminKeys, KeyList, key_list, member_key
from veery.protocol.storage_rpc import Signer, SubaccountSigner, owner_signer
from veery.store.config_dumps import Mark
from veery.store.conversations import Conversation
from veery.store.groups import DESTROYED, GROUP, KICKED, GroupRow
from veery.store.tables import Tables

GROUP_EVENT: Final = "group"
GROUP_PREFIX: Final = f"{PREFIX_GROUP:02x}"  # of the ids of groups


def keys_of(row: GroupRow) -> KeyList:
    """The keys in a row."""
    return key_list.EMPTY if row.keys is None else key_list.load(row.keys.reveal())


def admin_of(row: GroupRow) -> GroupAdminKeys | None:
    """The keys of an admin, None for members."""
    return None if row.seed is None else GroupAdminKeys.from_seed(row.seed.reveal())


def signer_of(row: GroupRow, account: Account) -> Signer | None:
    """Who signs requests to a group's swarm, None without rights. Raises SubaccountRefused for bad auth data."""
    admin = admin_of(row)
    if admin is not None:
        return owner_signer(row.id.raw, admin.secret)
    if row.auth_data is None:
        return None
    return SubaccountSigner(member_key(row.id.raw, row.auth_data, account.seed32))


def check_open(row: GroupRow) -> None:
    """Pass a group that the account is in. Raises GroupClosed."""
    if row.is_open:
        return
    if row.removed == DESTROYED:
        raise GroupClosed("the group was deleted", kind="client.group.destroyed")
    if row.removed:
        kind = "client.group.kicked" if row.removed == KICKED else "client.group.removed"
        raise GroupClosed("you were removed from the group", kind=kind, remedy="Ask an admin to invite you again")
    if row.invited:
        remedy = "Take it up with `veery group accept`"
        raise GroupClosed("the invitation to the group is not answered yet", kind="client.group.invited", remedy=remedy)
    raise GroupClosed("this device has no rights in the group", kind="client.group.no_rights")


def check_writable(tables: Tables, group: AccountId) -> None:
    """Pass a group that can be written to now. Raises NotFound, GroupClosed."""
    row = tables.groups.get(group)
    if row is None:
        raise no_group()
    check_open(row)
    if not keys_of(row).keys:
        remedy = "Wait until the group was read; `veery group show` says whether it has expired"
        raise GroupClosed("no key of the group was read yet", kind="client.group.no_key", remedy=remedy)


def open_conversation(tables: Tables, row: GroupRow, times: Times) -> Conversation:
    """The conversation of a group that the account is in."""
    held = tables.conversations.ensure(row.id.hex, GROUP, times.local_ms)
    wanted = replace(held, approved=True, approved_me=True, name=row.name)
    if (held.approved, held.approved_me, held.name) != (True, True, row.name):
        tables.conversations.save(wanted)
    return wanted


def end(tables: Tables, row: GroupRow, how: int, times: Times) -> None:
    """The account is not in the group any more: its rights and messages go, the name stays (08.7.1, 08.7.5)."""
    if row.removed >= how:
        return
    ended = replace(
        row, seed=None, auth_data=None, removed=how, invited=False, responding=False, pending="", letters=(), owed=()
    )
    tables.configs.forget(row.id)
    tables.groups.forget_fetched(row.id)
    tables.groups.drop_outgoing(row.id)
    tables.groups.save(ended)
    tables.pictures.remove(row.id)
    if tables.conversations.get(row.id.hex) is not None:
        begin_clearing(tables, row.id.hex, times.local_ms)
        tables.conversations.update(row.id.hex, lambda held: replace(held, picture_url=None, picture_key=None))
    tell(tables, ended, "destroyed" if how == DESTROYED else "kicked", times)


def erase(tables: Tables, row: GroupRow, change: str, times: Times) -> None:
    """The account leaves a group, here and on all devices: it is forgotten with its conversation."""
    tables.configs.forget(row.id)
    tables.groups.drop_outgoing(row.id)
    tables.conversations.delete(row.id.hex)
    tables.pictures.remove(row.id)
    tables.groups.delete(row.id)
    tables.configs.mark(Mark.LEFT, [row.id.hex])
    tell(tables, row, change, times)


def tell(tables: Tables, row: GroupRow, change: str, times: Times, **more: object) -> None:
    """Write a `group` event."""
    fields: Json = {"group": row.id.hex, "change": change, "name": row.name, "state": state_of(row), **more}
    tables.events.append(GROUP_EVENT, fields, times.local_ms)


def state_of(row: GroupRow) -> str:
    """How the account stands to a group, in one word."""
    if row.removed:
        return {KICKED: "kicked", DESTROYED: "destroyed"}.get(row.removed, "removed")
    if row.invited:
        return "invited"
    return "joined" if row.is_open else "no_rights"


def erase_known(tables: Tables, group: AccountId, change: str, times: Times) -> None:
    """Forget a group, unless that has happened already."""
    row = tables.groups.get(group)
    if row is not None:
        erase(tables, row, change, times)
