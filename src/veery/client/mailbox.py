"""What is fetched from one swarm: whose messages, who signs for them, and how the items of each namespace are read.

The own account has a mailbox, and every group has one. Those who handle a namespace add a line to `own_mailbox` (or
to the handlers of a group): `prepare` takes from the store, in one read, what is needed to open items, and gives a
function that opens them away from the event loop; `apply` then works inside the transaction of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from veery.client.applying import apply_item
from veery.client.arrivals import Batch
from veery.client.devices.handling import apply_devices, prepare_devices
from veery.client.levels.own_keys import OpeningKeys
from veery.client.opening import prepare_inbox
from veery.protocol.account import Account, AccountId
from veery.protocol.storage_rpc import Namespace, Signer, owner_signer
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

O = TypeVar("O")  # noqa: E741 - what an item is opened to
Opener: TypeAlias = Callable[[Sequence[FetchedItem]], Mapping[str, O]]


@dataclass(frozen=True, slots=True)
class Handler(Generic[O]):
    """How the items of one namespace are read.

    prepare: called in a read of the store, before each batch; gives the function that opens items, by hash.
    apply: called for each item in its batch's transaction; gives why the item is kept unread, or None. Raises
    ProtocolError for an item that is refused.
    """

    prepare: Callable[[Tables, Account], Opener[O]]
    apply: Callable[[Batch, Mapping[str, O], FetchedItem], Undecoded | None]


@dataclass(frozen=True, slots=True, eq=False)
class Mailbox:
    """What is fetched from one swarm. account: whose; handlers: by namespace, in the order of handling."""

    account: AccountId
    signer: Signer
    handlers: Mapping[int, Handler[Any]]


def own_mailbox(
    account: Account, documents: Mapping[int, Handler[Any]] | None = None, pairs: OpeningKeys | None = None
) -> Mailbox:
    """The mailbox of the own account. documents: handlers of its configuration, which come before all others.

    pairs: where the pairs that open messages are kept between batches.
    """
    own = account.account_id
    # In the order of handling: what gives keys and configuration must come before the messages that need them.
    handlers = {
        **(documents or {}),
        int(Namespace.DEVICE_GROUP): Handler(prepare_devices, apply_devices),
        int(Namespace.INBOX): Handler(partial(prepare_inbox, pairs=pairs or OpeningKeys()), apply_item),
    }
    return Mailbox(own, owner_signer(own.raw, account.ed25519_secret), handlers)
