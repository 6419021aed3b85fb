"""Why something was not sent, waits, or could not be had, in words: what happened, and what to do.

Rows and JSON name a reason by the kind of the error. `REASONS` has words for each kind by itself; `FAMILIES` for what
only differs in the detail that broke, of which nobody can make use but who looks into the log: whatever kind begins
with theirs. A test finds the kinds that the code can write, and asks for the words of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

_RETRY: Final = "try again with `veery outbox retry`"
_WAIT: Final = "it is tried again by itself"
_DOCTOR: Final = f"{_WAIT}; `veery doctor` shows where the way ends"
_AGAIN: Final = "ask the sender for it again"
_LARGE: Final = "send it in parts, or allow large files with `veery settings set large-files proxy`"
_LOG: Final = "look into the log of the engine, and report it"


@dataclass(frozen=True, slots=True)
class Reason:
    """said: what happened; remedy: what to do. Both without a capital and without a full stop."""

    said: str
    remedy: str

    @property
    def sentence(self) -> str:
        """What to do, as a sentence without its full stop: a command at its beginning stays as it is."""
        return self.remedy[0].upper() + self.remedy[1:]

    def __str__(self) -> str:
        return f"{self.said}; {self.remedy}"


REASONS: Final[Mapping[str, Reason]] = {
    # what ended a message of ours
    "client.send.expired": Reason("no node of the recipient's swarm has taken it in time", f"{_RETRY}, it goes anew"),
    "client.send.cancelled": Reason("it was deleted before it was sent", "write it again if it should go"),
    "client.send.restored": Reason(
        "the backup was made before it was sent", f"{_RETRY} if the recipient has not got it"
    ),
    "client.send_failed": Reason("it was given up", _RETRY),
    "client.keys.waiting": Reason(
        "it waits for new keys of the contact", "keep waiting, or send it anyway with `veery outbox send-anyway`"
    ),
    "client.keys.required": Reason(
        "it waits for keys of the contact, for you require v2",
        "keep waiting, or send it anyway with `veery outbox send-anyway`",
    ),
    "client.keys.own": Reason("it waits until this device is linked to your others", "run `veery device link` here"),
    "client.keys.unknown": Reason("the keys of the contact could not be looked up", _DOCTOR),
    # the way
    "network": Reason("the network could not be used", _DOCTOR),
    "network.unreachable": Reason("nobody answers", _DOCTOR),
    "network.unreachable.node": Reason("a service node cannot be reached", _DOCTOR),
    "network.unreachable.silent": Reason("a service node does not answer", _DOCTOR),
    "network.no_answer": Reason("no service node has answered", _DOCTOR),
    "network.no_answer.server": Reason("the server has not answered", _DOCTOR),
    "network.no_nodes": Reason("no list of service nodes could be had", _DOCTOR),
    "network.no_path": Reason("no path into the network could be built", _DOCTOR),
    "network.no_swarm": Reason("the nodes that keep the recipient's messages could not be found", _DOCTOR),
    "network.guard": Reason("the first node of the path cannot be used", _DOCTOR),
    "network.closed": Reason("the engine was closed", "it goes on when the profile is open again"),
    "network.clock": Reason(
        "the clock of this machine is wrong", "set it, for example with `timedatectl set-ntp true`"
    ),
    "network.clock.corrected": Reason("the time had to be learnt first", _WAIT),
    "network.proxy": Reason("the proxy cannot be used", "look whether it runs, and at --proxy or VEERY_PROXY"),
    "network.proxy.address": Reason(
        "the address of the proxy is wrong", "write it as in --proxy socks5://127.0.0.1:9050"
    ),
    "network.proxy.refused": Reason("the proxy refuses to connect", "look into its log, and at --proxy or VEERY_PROXY"),
    "network.proxy.unreachable": Reason(
        "the proxy does not answer", "start it, or give the right one with --proxy; then it is sent by itself"
    ),
    "network.answer.too_large": Reason("a node has answered more than it may", _WAIT),
    "network.refused": Reason("a node refuses the request", _DOCTOR),
    "network.refused.node": Reason("the nodes answer with an error of theirs", _DOCTOR),
    "network.refused.server": Reason("the server cannot answer now", _DOCTOR),
    "network.refused.swarm_moved": Reason("other nodes keep the recipient's messages now", _WAIT),
    "network.store.refused": Reason("a node does not take it", _DOCTOR),
    "network.store.refused_for_good": Reason(
        "the nodes refuse it for good",
        "in a group, you may have been removed: `veery group show` tells; else write it again",
    ),
    "network.store.answer": Reason("a node has given an answer that is none", _WAIT),
    "network.config.refused": Reason("the nodes do not take a change of the synchronised data", _WAIT),
    "network.delete.refused": Reason("the nodes do not delete it", _WAIT),
    "network.devices.not_stored": Reason("the nodes do not take what this device publishes", _WAIT),
    "network.group.refused": Reason("the nodes do not take a change of the group", _WAIT),
    # groups
    "client.group.closed": Reason("you are not in the group any more", "ask an admin to invite you again"),
    "client.group.kicked": Reason("you were removed from the group", "ask an admin to invite you again"),
    "client.group.removed": Reason("you were removed from the group", "ask an admin to invite you again"),
    "client.group.destroyed": Reason("the group was deleted for everybody", "write to its members one by one"),
    "client.group.invited": Reason(
        "you have not accepted the invitation yet", f"run `veery group accept`, then {_RETRY}"
    ),
    "client.group.no_key": Reason("no key of the group has come yet", f"wait until an admin was online, then {_RETRY}"),
    "client.group.no_rights": Reason("your rights in the group have not come yet", "ask an admin to invite you again"),
    "group.misuse.no_key": Reason("no key of the group has come yet", f"wait until an admin was online, then {_RETRY}"),
    # files
    "client.attachment.expired": Reason("the file server has it no more", _AGAIN),
    "client.attachment.trimmed": Reason("a rule of yours took the file off this device", "ask whoever sent it"),
    "client.attachment.no_server": Reason(
        "the network has no file server", "ask who runs the network for a network file that names one"
    ),
    "client.attachment.large": Reason("the file is too long to go over nodes", _LARGE),
    "client.attachment.large.off": Reason("the file is too long to go over nodes", _LARGE),
    "client.attachment.large.no_proxy": Reason("the file is too long to go over nodes, and there is no proxy", _LARGE),
    "client.attachment.large.elsewhere": Reason(
        "the file lies on a server of somebody else, which would see who fetches it", "ask for a smaller one"
    ),
    "client.attachment.too_large": Reason("the file is longer than the file server takes", "send it in parts"),
    "client.file": Reason("the local file is damaged", "attach it again, in a new message"),
    "files.changed": Reason("the file was written to meanwhile", "wait until nothing writes to it, then send it again"),
    "files.server_refused": Reason("the file server refuses it", f"wait some minutes, then {_RETRY}"),
    "files.server_unknown": Reason("the file lies on a server that this network does not know", _AGAIN),
    "files.too_large": Reason("the file is too long", "send it in parts"),
    "files.url": Reason("the message does not say where the file lies", _AGAIN),
    "files.answer": Reason("the file server has given an answer that is none", _WAIT),
    "message.v1.too_long": Reason("it is too long", "send it in parts"),
    "message.v2.too_long": Reason("it is too long", "send it in parts"),
    "group.misuse.size": Reason("it is too long", "send it in parts"),
}
FAMILIES: Final[Mapping[str, Reason]] = {
    "account": Reason("the recipient's Account ID is wrong", "copy it again from whom it belongs to"),
    "config": Reason("synchronised data could not be read", _LOG),
    "content": Reason("what it says could not be written or read", _LOG),
    "devices": Reason("what other devices have published could not be read", _LOG),
    "extension": Reason("what was added to it could not be read", _LOG),
    "files": Reason("the file is damaged, or is not what its message says", _AGAIN),
    "group": Reason("what the group says of itself does not fit together", "ask an admin to invite you again"),
    "group_update": Reason("a notice of the group does not hold", "ask an admin"),
    "message": Reason("it could not be sealed or opened", _LOG),
    "network.page": Reason("the page for the preview could not be had", "send the link without a preview"),
    "network.queue": Reason("another node cannot be reached", _WAIT),
    "protocol": Reason("an answer, or what was to be sent, is not in the form of the protocol", _LOG),
    "protocol.onion.refused": Reason("a node on the path cannot pass it on", _DOCTOR),
    "receive": Reason("it does not count by the rules of receiving", "nothing needs to be done"),
    "registry": Reason("who the service nodes are is not known or disputed", _DOCTOR),
    "runtime": Reason("the disk or the system of this machine fails", "make room, or look into the log of the engine"),
    "store": Reason("the database of this profile fails", "make room, or restore a backup"),
}
_UNKNOWN: Final = Reason(
    "it has failed for a reason of another version", f"{_RETRY}, or look into the log of the engine"
)


def reason_of(kind: str, *, failed: bool = False) -> Reason:
    """The words for a kind: its own, those of the longest family, or none in particular.

    failed: it was given up, and so is not tried again by itself.
    """
    found = find_reason(kind) or _UNKNOWN
    return replace(found, remedy=found.remedy.replace(_WAIT, _RETRY)) if failed else found


def find_reason(kind: str) -> Reason | None:
    """The words for a kind, if there are any."""
    if (own := REASONS.get(kind)) is not None:
        return own
    parts = kind.split(".")
    families = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((FAMILIES[each] for each in families if each in FAMILIES), None)
