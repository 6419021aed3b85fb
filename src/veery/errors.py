"""The error tree.

VeeryError
├── ProtocolError            floor `protocol`: bytes and rules of the book
│   ├── Malformed            the bytes are not in the form that the chapter demands
│   ├── Rejected             well formed, but refused: a signature, a key, a rule
│   └── Misuse               the caller asked for something that the format cannot hold
├── PolicyError              floor `policy`: no decision is possible (no path, no member)
├── RuntimeFault             floor `runtime`: settings, files, databases, processes
│   └── SettingsError        a setting, flag or file of settings is wrong
├── RegistryError            floor `registry`: who the service nodes are is unknown or disputed
├── StoreError               floor `store`: the encrypted database
│   ├── WrongKey             the passphrase or key does not open the store
│   └── StoreBusy            another process holds the profile
├── NetworkError             floor `network`: the road
│   ├── Unreachable          no answer from a peer
│   ├── PeerRefused          a peer answered with an error code
│   └── ClockWrong           the network refuses our timestamps
├── ClientError              floor `client`: what a user asked for cannot be done
│   └── NotFound             no such conversation, message or contact
└── NodeError                floor `node`: a service node cannot start or go on

Every error carries `kind`, a stable dotted name for programs; `retry`, whether trying again can help; and
`remedy`, one sentence that says what to do. `str(error)` is what a user reads: the fault, then the remedy.
Errors never carry secrets, Account IDs, addresses of users or message content.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Retry(Enum):
    """Whether the same call can succeed another time."""

    NEVER = "never"  # the same input fails again
    LATER = "later"  # the same call may pass when something outside has changed
    ELSEWHERE = "elsewhere"  # another peer may answer where this one did not


class VeeryError(Exception):
    """Root of everything that Veery raises on purpose.

    kind: stable name for programs; remedy: a sentence for people, may be empty; retry: see `Retry`.
    """

    default_kind: ClassVar[str] = "error"
    default_retry: ClassVar[Retry] = Retry.NEVER
    default_remedy: ClassVar[str] = ""

    def __init__(
        self, message: str, *, kind: str | None = None, remedy: str | None = None, retry: Retry | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = self.default_kind if kind is None else kind
        self.remedy = self.default_remedy if remedy is None else remedy
        self.retry = self.default_retry if retry is None else retry

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class ProtocolError(VeeryError):
    """Bytes or rules of the protocol book are broken."""

    default_kind = "protocol"


class Malformed(ProtocolError):
    """The bytes are not in the form that their chapter demands. Nothing of them was used."""

    default_kind = "protocol.malformed"


class Rejected(ProtocolError):
    """Well formed, but refused by a rule: signature, key, limit, time."""

    default_kind = "protocol.rejected"


class Misuse(ProtocolError):
    """The caller asked for something that the format cannot hold (too long, out of range)."""

    default_kind = "protocol.misuse"


class PolicyError(VeeryError):
    """No decision is possible with what is known now."""

    default_kind = "policy"
    default_retry = Retry.LATER


class RuntimeFault(VeeryError):
    """Something of the machine: files, databases, processes, time."""

    default_kind = "runtime"
    default_retry = Retry.LATER


class SettingsError(RuntimeFault):
    """A setting, flag or settings file is wrong."""

    default_kind = "runtime.settings"
    default_retry = Retry.NEVER


class RegistryError(VeeryError):
    """Who the service nodes are is unknown or disputed."""

    default_kind = "registry"
    default_retry = Retry.LATER


class StoreError(VeeryError):
    """The encrypted database of a device."""

    default_kind = "store"


class WrongKey(StoreError):
    """The passphrase or key does not open the store. Nothing was changed."""

    default_kind = "store.wrong_key"
    default_remedy = "Nothing was changed; try again with the right passphrase"


class StoreBusy(StoreError):
    """Another process holds the profile."""

    default_kind = "store.busy"
    default_retry = Retry.LATER


class NetworkError(VeeryError):
    """The road between this device and the network."""

    default_kind = "network"
    default_retry = Retry.LATER


class Unreachable(NetworkError):
    """A peer did not answer."""

    default_kind = "network.unreachable"
    default_retry = Retry.ELSEWHERE


class PeerRefused(NetworkError):
    """A peer answered with an error code."""

    default_kind = "network.refused"

    def __init__(
        self,
        message: str,
        *,
        code: int,
        kind: str | None = None,
        remedy: str | None = None,
        retry: Retry | None = None,
    ) -> None:
        super().__init__(message, kind=kind, remedy=remedy, retry=retry)
        self.code = code


class ClockWrong(NetworkError):
    """The network refuses our timestamps."""

    default_kind = "network.clock"
    default_remedy = "Set the clock of this machine (for example with `timedatectl set-ntp true`), then try again"


class ClientError(VeeryError):
    """What the user asked for cannot be done."""

    default_kind = "client"


class NotFound(ClientError):
    """No such conversation, message, contact or setting."""

    default_kind = "client.not_found"


class NodeError(VeeryError):
    """A service node cannot start or go on."""

    default_kind = "node"
