"""What an end of the node message queue keeps between messages: keys of routing ids, and own requests that wait."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from veery.errors import Misuse
from veery.protocol.constants import KEY_SIZE, QUEUE_ROUTES_MAX, QUEUE_ROUTING_LABEL

# -- routing ids (15.1.3) --------------------------------------------------------------------------------------


def fixed_routing_id(public_key: bytes) -> bytes:
    """The routing id of a caller with a fixed key: `L` and its X25519 key, 33 bytes. Raises Misuse for other sizes."""
    if len(public_key) != KEY_SIZE:
        raise Misuse(f"a queue key has {KEY_SIZE} bytes")
    return QUEUE_ROUTING_LABEL + public_key


class ProvenRoutes:
    """Which proven key each routing id of a listener came with.

    Anyone can name somebody's routing id and gets what is sent to it, so whatever is held for an id (subscriptions)
    must be dropped when a message comes from it with another key. Remembers the latest `largest` ids.
    """

    def __init__(self, largest: int = QUEUE_ROUTES_MAX) -> None:
        self._keys: OrderedDict[bytes, bytes | None] = OrderedDict()
        self._largest = largest

    def note(self, routing_id: bytes, proven_key: bytes | None) -> bool:
        """Note a message. Gives True when the id has changed hands: drop what is held for it."""
        changed = routing_id in self._keys and self._keys[routing_id] != proven_key
        self._keys[routing_id] = proven_key
        self._keys.move_to_end(routing_id)
        if len(self._keys) > self._largest:
            self._keys.popitem(last=False)
        return changed

    def forget(self, routing_id: bytes) -> None:
        """Forget an id whose connection is gone."""
        self._keys.pop(routing_id, None)

    def key_of(self, routing_id: bytes) -> bytes | None:
        """The key that an id last came with."""
        return self._keys.get(routing_id)


# -- own requests that wait (15.3.1, 15.3.4) -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """One own request: its command, when it times out, and which connection it went out on."""

    command: bytes
    deadline_ms: int
    connection: int


class PendingRequests:
    """Tags of own requests, unique over all connections; give it to `receive` as `pending`."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Waiting] = {}

    def __contains__(self, tag: object) -> bool:
        return tag in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, tag: bytes, command: bytes, deadline_ms: int, connection: int = 0) -> None:
        """Note a request that goes out. Raises Misuse for a tag that is empty or still waits."""
        if not tag or tag in self._waiting:
            raise Misuse("a tag must not be empty and must be new")
        self._waiting[tag] = Waiting(command, deadline_ms, connection)

    def take(self, tag: bytes) -> Waiting | None:
        """Take a request out because it was answered, failed or given up."""
        return self._waiting.pop(tag, None)

    def take_refused(self, command: bytes, connection: int) -> bytes | None:
        """Take out the oldest request of that name on that connection, for a refusal without a tag; gives its tag."""
        for tag, waiting in self._waiting.items():
            if (waiting.command, waiting.connection) == (command, connection):
                del self._waiting[tag]
                return tag
        return None

    def get_timer(self) -> int | None:
        """When `handle_timer` has something to do, ms."""
        return min((waiting.deadline_ms for waiting in self._waiting.values()), default=None)

    def handle_timer(self, now_ms: int) -> list[bytes]:
        """Take out what has timed out; gives the tags."""
        late = [tag for tag, waiting in self._waiting.items() if waiting.deadline_ms <= now_ms]
        for tag in late:
            del self._waiting[tag]
        return late
