"""The devices of the own account as this one knows them, the keys that they share, and what is published of these.

Whatever changes the group is one `save` in the transaction of its cause. Seeds that a save leaves out are overwritten
at once, but may be read in the log of the database until `Store.purge`: `erase_owed` tells that it is due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from veery.policy import device_group_kept
from veery.policy.device_group import DeviceGroup
from veery.policy.own_record import OwnRecord
from veery.protocol import crypto
from veery.protocol.devices import AccountKeys, HybridPublic
from veery.secret import Secret
from veery.store.sql import Connection, clamp, one


@dataclass(frozen=True, slots=True)
class Publishing:
    """What is published for this account.

    state: as the policy sees it; raw: the record that was stored last, as it was signed (1302 bytes and more), None
    before the first and after a withdrawal; warning: what was found in its place (value of `OutboxFind`), None while
    all is well; stopped: the user has ended publishing on this device; withdrawal_owed: the swarm does not know it yet.
    """

    state: OwnRecord = field(default_factory=OwnRecord)
    raw: bytes | None = field(default=None, repr=False)
    warning: str | None = None
    stopped: bool = False
    withdrawal_owed: bool = False


_SELECT_RECORD: Final = (
    "SELECT allowed, published_x25519, published_mlkem, published_ms, signed_s, suspect, record, warning,"
    " stopped, withdrawal_owed FROM own_record"
)
_SAVE_RECORD: Final = (
    "INSERT OR REPLACE INTO own_record (only, allowed, published_x25519, published_mlkem, published_ms, signed_s,"
    " suspect, record, warning, stopped, withdrawal_owed) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Devices:
    """The group of the own devices, and the own account record."""

    __slots__ = ("_db", "_read")

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._read: tuple[bytes, DeviceGroup] | None = None  # for this transaction: reading it takes 2 ms

    # -- the group ---------------------------------------------------------------------------------------------

    def group(self) -> DeviceGroup | None:
        """The state of this device in its group, as a new process finds it (`fetched` is not kept); None before it has
        one. Raises DeviceMalformed.
        """
        row = one(self._db, "SELECT state FROM device_group")
        if row is None:
            return None
        raw = bytes(row[0])
        if self._read is None or self._read[0] != raw:
            self._read = raw, device_group_kept.decode(raw)
        return self._read[1]

    def account_keys(self) -> AccountKeys:
        """The seeds that open messages: the active one first, then the most recently rotated. Empty without a group.

        Deriving their pairs takes time: do it outside of the transaction (`AccountKey.keys`).
        """
        state = self.group()
        return AccountKeys() if state is None else state.account_keys

    def save(self, state: DeviceGroup) -> None:
        """Keep a state. Seeds of the former one that it has not are erased, and a purge is then owed."""
        before = self.group()
        gone = before is not None and not secrets_of(before) <= secrets_of(state)
        self._db.execute(
            "INSERT INTO device_group (only, state, erase_owed) VALUES (1, ?, ?) ON CONFLICT (only)"
            " DO UPDATE SET state = excluded.state, erase_owed = erase_owed + excluded.erase_owed",
            (device_group_kept.encode(state), int(gone)),
        )

    def erase_owed(self) -> int:
        """How often seeds were deleted that the log of the database may still hold; 0: nothing is to be erased."""
        row = one(self._db, "SELECT erase_owed FROM device_group")
        return 0 if row is None else int(row[0])

    def erased(self, owed: int) -> None:
        """After a purge that began when so much was owed: what was deleted since is owed still."""
        self._db.execute("UPDATE device_group SET erase_owed = erase_owed - min(erase_owed, ?)", (owed,))

    def alone(self) -> bool:
        """Whether no other device has ever published for this account, as far as this one knows: it is alone."""
        state = self.group()
        return state is not None and state.registered and len(state.rows) == 1

    # -- the own record ----------------------------------------------------------------------------------------

    def publishing(self) -> Publishing:
        """What is published, and whether this device may publish."""
        row = one(self._db, _SELECT_RECORD)
        if row is None:
            return Publishing()
        allowed, x25519, mlkem, published_ms, signed_s, suspect, raw, warning, stopped, owed = row
        state = OwnRecord(
            allowed=bool(allowed),
            published=None if x25519 is None else HybridPublic(bytes(x25519), bytes(mlkem)),
            published_ms=published_ms,
            signed_s=signed_s,
            suspect=None if suspect is None else bytes(suspect),
        )
        return Publishing(state, None if raw is None else bytes(raw), warning, bool(stopped), bool(owed))

    def save_publishing(self, publishing: Publishing) -> None:
        """Keep what is published now."""
        state, keys = publishing.state, publishing.state.published
        self._db.execute(
            _SAVE_RECORD,
            (
                int(state.allowed),
                None if keys is None else keys.x25519,
                None if keys is None else keys.mlkem,
                state.published_ms,
                clamp(state.signed_s),
                state.suspect,
                publishing.raw,
                publishing.warning,
                int(publishing.stopped),
                int(publishing.withdrawal_owed),
            ),
        )


def opening_secrets(state: DeviceGroup) -> frozenset[bytes]:
    """Hashes of the seeds that open something now: not those of an admission that the user has not confirmed yet."""
    held = (*state.device_keys, *state.account_keys)
    return frozenset(crypto.blake2b(16, key.seed.reveal()) for key in held)


def secrets_of(state: DeviceGroup) -> frozenset[bytes]:
    """Hashes of all seeds in a state, also of those that open nothing yet, to know which of them are to be erased."""
    seeds: list[Secret] = [key.seed for key in state.device_keys]
    seeds += [key.seed for key in state.account_keys]
    payloads = [state.held.payload if state.held is not None else None]
    payloads.append(state.farewell.payload if state.farewell is not None else None)
    for payload in payloads:
        seeds += [key.seed for key in payload.keys] if payload is not None else []
    return frozenset(crypto.blake2b(16, seed.reveal()) for seed in seeds)
