"""Answers of the path in clear (03.3, 03.4.2): one leaf a line of the chapter's table, for both sides.

A node raises a leaf and its shell writes `code` and `text`, whatever the leaf is. A client gives what it received to
`read_refusal` and has the same leaf again, with the key that the text names; it may raise it, or hand it to the policy
that counts failures. Relays' texts are neither encrypted nor signed: any hop can write any of them (03.13), so a leaf
that was read is a claim, never a proof.

    OnionRefused                code, text
    ├── RequestUnreadable       400 Error parsing onion request: <reason>
    ├── CiphertextInvalid       400 Invalid ciphertext
    ├── PathTooLong             400 onion request max path length exceeded
    ├── HopRequestUnreadable    400 Invalid internal onion request: <reason>
    ├── ContentLengthInvalid    400 invalid Content-Length
    ├── BodyTooLarge            413 Request body too large
    ├── HopReplyUnreadable      500 Invalid response from snode
    ├── NamesNode               key
    │   ├── NextNodeNotFound    502 Next node not found: <key>
    │   ├── NextNodeUnreachable 502 Next node is currently unreachable: <key>
    │   └── NodeNotReady        503 Snode not ready: <key>
    ├── GuardNotReady           503 Service node is not ready: <reasons>
    ├── GuardBusy               503 Server busy, try again later
    ├── NextHopCongested        503 Next hop congested
    ├── NextHopTimedOut         504 Request time out
    ├── ServerUnreachable       502 <transport's text>
    ├── ServerTimedOut          504 <transport's text>
    └── OtherRefusal            any other code and text that a client received

What is answered *encrypted* (`Invalid json`, `Invalid url`) is not here but in `routes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from veery.errors import Misuse, Rejected, Retry
from veery.protocol.constants import KEY_SIZE, ONION_CODES, ONION_REFUSAL_TEXT_MAX


class OnionRefused(Rejected):
    """A hop answered in clear instead of the destination. `code` is the HTTP status, `text` the body."""

    default_kind = "protocol.onion.refused"
    default_retry = Retry.ELSEWHERE
    default_code: ClassVar[int] = 500
    default_text: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, code: int | None = None) -> None:
        self.code = self.default_code if code is None else code
        self.text = self.default_text + detail
        super().__init__(f"an onion request was refused with {self.code} {self.text.strip()}".rstrip())


class RequestUnreadable(OnionRefused):
    """The guard cannot read the outermost frame."""

    default_kind = "protocol.onion.refused.request"
    default_retry = Retry.NEVER
    default_code = 400
    default_text = "Error parsing onion request: "


class CiphertextInvalid(OnionRefused):
    """A layer does not decrypt. Said in clear: the hop has no proof of the key."""

    default_kind = "protocol.onion.refused.ciphertext"
    default_code = 400
    default_text = "Invalid ciphertext"


class PathTooLong(OnionRefused):
    """The hop counter is above 15."""

    default_kind = "protocol.onion.refused.path_too_long"
    default_retry = Retry.NEVER
    default_code = 400
    default_text = "onion request max path length exceeded"


class HopRequestUnreadable(OnionRefused):
    """A hop cannot read the message of the hop before it."""

    default_kind = "protocol.onion.refused.hop_request"
    default_code = 400
    default_text = "Invalid internal onion request: "


class ContentLengthInvalid(OnionRefused):
    """The guard was sent a Content-Length that is no number. The connection is closed."""

    default_kind = "protocol.onion.refused.content_length"
    default_retry = Retry.NEVER
    default_code = 400
    default_text = "invalid Content-Length"


class BodyTooLarge(OnionRefused):
    """The guard was sent more than 10 MiB. The connection is closed."""

    default_kind = "protocol.onion.refused.too_large"
    default_retry = Retry.NEVER
    default_code = 413
    default_text = "Request body too large"


class HopReplyUnreadable(OnionRefused):
    """A relay cannot read the answer of the next hop."""

    default_kind = "protocol.onion.refused.hop_reply"
    default_text = "Invalid response from snode"


class NamesNode(OnionRefused):
    """A refusal that names a node. `key` is its Ed25519 key, 32 bytes."""

    default_kind = "protocol.onion.refused.node"

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise Misuse(f"an Ed25519 key must be {KEY_SIZE} bytes, not {len(key)}")
        super().__init__(key.hex())
        self.key = key


class NextNodeNotFound(NamesNode):
    """The next hop is not in the relay's node list."""

    default_kind = "protocol.onion.refused.not_found"
    default_code = 502
    default_text = "Next node not found: "


class NextNodeUnreachable(NamesNode):
    """The next hop is in the relay's node list, without contact data."""

    default_kind = "protocol.onion.refused.unreachable"
    default_code = 502
    default_text = "Next node is currently unreachable: "


class NodeNotReady(NamesNode):
    """A hop is starting or syncing; the key is its own."""

    default_kind = "protocol.onion.refused.not_ready"
    default_code = 503
    default_text = "Snode not ready: "


class GuardNotReady(OnionRefused):
    """The guard is starting or syncing; said over HTTPS before the body is read."""

    default_kind = "protocol.onion.refused.guard_not_ready"
    default_code = 503
    default_text = "Service node is not ready: "

    @classmethod
    def because(cls, reasons: Sequence[str]) -> GuardNotReady:
        """The refusal for these reasons."""
        return cls("; ".join(reasons) + "\n")


class GuardBusy(OnionRefused):
    """The guard has too much to do."""

    default_kind = "protocol.onion.refused.busy"
    default_code = 503
    default_text = "Server busy, try again later"


class NextHopCongested(OnionRefused):
    """Too much is queued towards the next hop."""

    default_kind = "protocol.onion.refused.congested"
    default_code = 503
    default_text = "Next hop congested"


class NextHopTimedOut(OnionRefused):
    """The next hop did not answer in 30 s."""

    default_kind = "protocol.onion.refused.timeout"
    default_code = 504
    default_text = "Request time out"


class ServerUnreachable(OnionRefused):
    """The last hop could not reach the server; the text is the transport's."""

    default_kind = "protocol.onion.refused.server"
    default_code = 502


class ServerTimedOut(OnionRefused):
    """The server did not answer the last hop in 25 s; the text is the transport's."""

    default_kind = "protocol.onion.refused.server_timeout"
    default_code = 504


class OtherRefusal(OnionRefused):
    """A code and text that the chapter does not name, for example those of a server behind the last hop."""

    default_kind = "protocol.onion.refused.other"


_NAMING: Final[dict[str, type[NamesNode]]] = {
    leaf.default_text: leaf for leaf in (NextNodeNotFound, NextNodeUnreachable, NodeNotReady)
}
_NAMED: Final = re.compile(f"({'|'.join(_NAMING)})([0-9A-Fa-f]{{{2 * KEY_SIZE}}})(?![0-9A-Fa-f])")
_PLAIN: Final[tuple[type[OnionRefused], ...]] = (
    RequestUnreadable,
    CiphertextInvalid,
    PathTooLong,
    HopRequestUnreadable,
    ContentLengthInvalid,
    BodyTooLarge,
    HopReplyUnreadable,
    GuardNotReady,
    GuardBusy,
    NextHopCongested,
    NextHopTimedOut,
)


def read_refusal(code: int, body: bytes) -> OnionRefused:
    """The leaf of a non-200 answer of the path. Never fails: what is unknown becomes OtherRefusal.

    At most 1,000 characters of the text are kept; bytes that are not UTF-8 are replaced.
    """
    text = body[: 4 * ONION_REFUSAL_TEXT_MAX].decode("utf-8", "replace")[:ONION_REFUSAL_TEXT_MAX]
    named = named_node(text)
    if named is not None and named.code == code:
        return named
    for leaf in _PLAIN:
        if code == leaf.default_code and text.startswith(leaf.default_text):
            return leaf(text.removeprefix(leaf.default_text))
    return OtherRefusal(text, code=code)


def named_node(text: str) -> NamesNode | None:
    """The refusal that names a node somewhere in `text`, if any; also for texts inside of decrypted replies (03.9)."""
    found = _NAMED.search(text)
    return _NAMING[found[1]](bytes.fromhex(found[2])) if found else None


def passed_code(code: int) -> int:
    """The code that a relay passes on for a code it received: itself if it is in the known set, else 500."""
    return code if code in ONION_CODES else 500
