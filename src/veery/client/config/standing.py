"""How documents stand, and in what this device differs from the others, as `veery sync status` shows it (07.9).

A document does not say who wrote it: everybody who may write it is the same to the protocol. So a change is either of
this device, which remembers what it has changed, or of another one, and which of several nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from veery.client.config import changes
from veery.client.config.documents import Documents, namespace_of
from veery.protocol.config import (
    CONTACTS,
    CONVO_INFO_VOLATILE,
    GROUP_INFO,
    GROUP_MEMBERS,
    USER_GROUPS,
    USER_PROFILE,
    ConfigKind,
    ConfigObject,
)
from veery.protocol.groups import info
from veery.store.config_changes import Changed, ChangeRow
from veery.store.config_dumps import ConfigRow
from veery.store.tables import Tables

NAMES: Final = {
    USER_PROFILE.name: "profile",
    CONTACTS.name: "contacts",
    CONVO_INFO_VOLATILE.name: "read_positions",
    USER_GROUPS.name: "groups",
    GROUP_INFO.name: "group_info",
    GROUP_MEMBERS.name: "group_members",
}
OTHER_DEVICE: Final = "another device"
AN_ADMIN: Final = "an admin"

Json = dict[str, Any]


def account_standing(documents: Documents, tables: Tables, refused: Mapping[str, str]) -> list[Json]:
    """The documents of the own account. refused: why some cannot be stored, by the name of the kind."""
    return _standing(documents, tables, OTHER_DEVICE, refused)


def group_standing(documents: Documents, tables: Tables, name: str) -> list[Json]:
    """The documents of one group. name: what it is called as long as Info is not known."""
    called = info.read(documents.data(tables, GROUP_INFO)).name or name
    of = {"group": documents.account.hex, "group_name": called}
    return [{**each, **of} for each in _standing(documents, tables, AN_ADMIN, {})]


def _standing(documents: Documents, tables: Tables, others: str, refused: Mapping[str, str]) -> list[Json]:
    rows = {row.namespace: row for row in tables.configs.all(documents.account)}
    found = []
    for kind in documents.kinds:
        namespace = namespace_of(kind)
        held, row = documents.document(tables, kind), rows.get(namespace, ConfigRow(documents.account, namespace, b""))
        found.append(
            {
                **_state(kind, held, row),
                **_differences(tables, kind, held, row, others),
                "refused": refused.get(kind.name),
                "set_aside": dict(tables.inbox.set_aside(documents.account, namespace)),
            }
        )
    return found


def _state(kind: ConfigKind, held: ConfigObject, row: ConfigRow) -> Json:
    return {
        "document": NAMES[kind.name],
        "namespace": namespace_of(kind),
        "seqno": held.seqno,
        "state": "nothing" if held.seqno == 0 else held.phase.name.lower(),
        "read_only": held.read_only,
        "pending": held.needs_push,
        "bytes": len(held.message().raw),
        "copies": len(held.current_hashes),
        "obsolete": len(held.obsolete_hashes),
        "incomplete": len(held.active_hashes - held.current_hashes),
        "pushed": row.pushed_ms,
        "merged": row.merged_ms,
        "renewed": row.renewed_ms,
        "forgotten": row.lost_ms,
        "changes_lost": row.changes_lost_ms,
    }


def _differences(tables: Tables, kind: ConfigKind, held: ConfigObject, row: ConfigRow, others: str) -> Json:
    waiting = _waiting(tables, kind, held, row) if held.needs_push else []
    merged = tables.changes.merged(row.account, row.namespace)
    lost = tables.changes.lost(row.account, row.namespace)
    return {
        "changes": sum(each["number"] for each in waiting),
        "waiting": waiting,
        "brought": [{**_told(each.what, each.changed_ms), "by": others} for each in merged],
        "given_up": [_told(each.what, each.changed_ms) for each in lost],
    }


def _waiting(tables: Tables, kind: ConfigKind, held: ConfigObject, row: ConfigRow) -> list[Json]:
    """What this device has changed that the swarm has not."""
    noted: tuple[ChangeRow, ...] = tables.changes.waiting(row.account, row.namespace)
    if noted:
        return [_told(each.what, each.changed_ms) for each in noted]
    if held.is_merge or _is_forgotten(row):
        return []
    # of a time when changes were not noted: what the document itself says
    found = changes.bounded(changes.named(kind, held.message().diff, None, held.data))
    return [_told(each, row.changed_last_ms) for each in found]


def _is_forgotten(row: ConfigRow) -> bool:
    """Whether what waits is what the swarm has forgotten since it was stored."""
    return row.lost_ms is not None and row.lost_ms >= (row.pushed_ms or 0)


def _told(what: Changed, at_ms: int | None) -> Json:
    return {"subject": what.subject or None, "field": what.field, "number": what.number, "at": at_ms}
