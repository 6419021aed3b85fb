"""Whether a request that a member missed is still to be repeated.

Requests carry no order: a deletion that is repeated a minute later would take what its owner has stored again in the
meantime. The node that repeats has carried the request out itself, so what it holds now tells whether something newer
contradicts it. If so, it is not repeated.
"""

from __future__ import annotations

from veery.node import message_table as table
from veery.protocol.constants import SIGNATURE_SLACK_MS
from veery.protocol.storage_rpc.requests import (
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    Recursive,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
)
from veery.runtime.sqlite import Connection


def still_holds(db: Connection, request: Recursive, missed_ms: int) -> bool:
    """Whether the database is as the request left it, as far as the request goes. missed_ms: when it was missed."""
    account = request.account
    match request:
        case Store():
            return True
        case Delete():
            return not table.expiries(db, account, request.messages)
        case DeleteAll():
            return not _exists(db, account, request.namespace)
        case DeleteBefore():
            return not _exists(db, account, request.namespace, before=request.before)
        case ExpireAll():
            return not _exists(db, account, request.namespace, after=request.expiry)
        case Expire():
            return _dated(table.expiries(db, account, request.messages), request, missed_ms)
        case RevokeSubaccount():
            return not table.revoked(db, account).isdisjoint(request.tokens)  # better one too many than one too few
        case UnrevokeSubaccount():
            return table.revoked(db, account).isdisjoint(request.tokens)


_ANY = (
    "SELECT 1 FROM messages WHERE owner = (SELECT id FROM owners WHERE account = ?1)"
    " AND (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR timestamp <= ?3) AND (?4 IS NULL OR expiry > ?4) LIMIT 1"
)


def _exists(
    db: Connection, account: bytes, namespace: int | str, *, before: int | None = None, after: int | None = None
) -> bool:
    """Whether the account has a message in the namespace (a text: in any), with timestamp or expiry as given."""
    chosen = namespace if isinstance(namespace, int) else None
    return db.execute(_ANY, (account, chosen, before, after)).fetchone() is not None


def _dated(expiries: dict[str, int], request: Expire, missed_ms: int) -> bool:
    single = len(request.expiries) == 1
    asked = request.expiries * len(request.messages) if single else request.expiries
    for name, expiry in zip(request.messages, asked, strict=True):
        applied = table.capped_expiry(expiry, missed_ms)  # the cap was a little lower when it was applied
        found = expiries.get(name, applied)
        lower, higher = found < applied - SIGNATURE_SLACK_MS, found > applied
        if (lower and not request.shorten) or (higher and not request.extend_only):
            return False
    return True
