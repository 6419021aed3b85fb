"""Every kind of event that an engine writes, with the fields of its payload: what `docs/sdk.md` lists.

`veery receive --json`, the control socket and `client.events` give these objects, with the kind in `event`. Durable
events carry their number in `seq` besides. The tests hold every event that the engine writes against this table, so a
kind or a field that is not here does not get far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of event. fields: what each has, with its meaning; optional: what only some have.

    durable: numbered, and kept; others are lost to who is not listening.
    """

    name: str
    about: str
    fields: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    durable: bool = True

    def differences(self, names: Iterable[str]) -> list[str]:
        """What is wrong with the fields of an event of this kind: missing and unknown ones."""
        given, known = set(names), {**self.fields, **self.optional}
        missing = [f"`{name}` is missing" for name in self.fields if name not in given]
        return missing + [f"`{name}` is not known" for name in sorted(given - set(known))]


_ID: Final = "number of the message on this device"
_CONVERSATION: Final = "id of the conversation, 66 hex characters"
_TEXT: Final = "what a person is told, in English"
_MESSAGE: Final[Mapping[str, str]] = {
    "id": _ID,
    "conversation": _CONVERSATION,
    "sender": "Account ID of who wrote it",
    "sender_name": "what the group calls the sender, elsewhere the name that the contact has chosen; null without",
    "text": "what was written; empty for files alone",
    "sent_at": "T: when it was written, as its sender says, ms",
    "received_at": "when it came here, ms",
    "hash": "of the copy in the recipient's swarm, the same on both sides; null until an own message is sealed, and"
    " for own ones of another device",
    "own_hash": "of the copy in the own swarm; null until there is one",
    "protocol": "`v2`, `v2-fallback`, `v1`, or `group` (its keys); null until an own message is sealed",
    "attachments": "list of files: `id`, `name`, `content_type`, `size`, `width`, `height`, `caption`, `flags`,"
    " `state`",
    "expires": "when it disappears, ms; null if it does not, or its time has not begun",
    "direction": "`in` or `out`",
    "request": "whether it is a message request",
    "late": "whether it was stored before what was fetched earlier",
    "quote": "what it answers: `sender`, `own`, `sent_at`, and `id` and `text` if that message is here; or null",
    "mentions": "list of who is mentioned: `id`, `title`, `fingerprint`, `own`",
    "preview": "link preview: `url`, `title`, `image` (whether there is one); or null",
    "invitation": "invitation to a community: `url`, `name`; or null",
    "disappears": "`mode` (`after_read`, `after_send`) and `seconds`; or null",
    "notify": "whether a notification is to be shown",
}

EVENT_KINDS: Final[Mapping[str, EventKind]] = {
    kind.name: kind
    for kind in (
        EventKind("message", "A text or files, written here or fetched.", _MESSAGE),
        EventKind(
            "notice",
            "Something else that a conversation shows: a changed timer, a missed call, a notice of a group, …",
            {
                **_MESSAGE,
                "notice": "kind of the notice: `timer`, `request_accepted`, `missed_call`, `screenshot`,"
                " `media_saved`, `group_update`, …",
            },
        ),
        EventKind(
            "state",
            "The fate of an own message has changed.",
            {
                "id": _ID,
                "conversation": _CONVERSATION,
                "state": "`queued`, `sealed`, `stored`, `read` or `failed`",
                "reason": "why it failed or waits, a kind of error; or null",
                "stored_on": "how many nodes of the recipient's swarm hold it; or null",
                "swarm_size": "of how many; or null",
                "protocol": "`v2`, `v2-fallback`, `v1`, or `group` (its keys); null until it is sealed",
                "hash": "of the copy in the recipient's swarm; null until it is sealed",
            },
        ),
        EventKind(
            "outbox",
            "Something that no message shows (a reaction, a receipt, …) was given up.",
            {
                "copy": "its number in the outbox",
                "destination": "Account ID of whom it was for",
                "state": "`failed`",
                "reason": "a kind of error",
            },
        ),
        EventKind(
            "deleted",
            "A message was deleted.",
            {
                "id": _ID,
                "conversation": _CONVERSATION,
                "by": "Account ID of who deleted it for everyone; null: on this device alone",
            },
        ),
        EventKind(
            "gone",
            "What stands where a `message`, `notice` or `reaction` was: its message was deleted before this was read.",
            {"id": _ID},
        ),
        EventKind(
            "media_deleted",
            "The files of a message were deleted on this device, its text was not.",
            {"id": _ID, "conversation": _CONVERSATION},
        ),
        EventKind(
            "reaction",
            "An emoji was put on a message, or taken away.",
            {
                "id": _ID,
                "conversation": _CONVERSATION,
                "sender": "Account ID of who did it",
                "emoji": "the emoji",
                "action": "`react` or `remove`",
            },
        ),
        EventKind(
            "attachment",
            "A file was fetched, or cannot be.",
            {
                "id": "number of the file",
                "message": _ID,
                "state": "`remote`, `wanted`, `stored`, `failed`, `trimmed` or `uploading`",
                "reason": "why it failed, a kind of error; or null",
            },
        ),
        EventKind(
            "conversation",
            "A conversation or its contact has changed.",
            {
                "conversation": _CONVERSATION,
                "change": "`approved`, `accepted`, `declined`, `blocked`, `unblocked`, `profile`, `timer`, `read`,"
                " `unread`, `pinned`, `unpinned`, `muted`, `unmuted`, `hidden`, `shown`, `trusted`, `untrusted`,"
                " `named`, `cleared`, `removed` or `forgotten`",
                "title": "what it is called now",
                "fingerprint": "of the contact's Account ID, 16 hex characters in 4 groups; null for a group",
                "request": "whether it is a message request",
                "blocked": "whether it is blocked",
                "unread": "how many messages are unread",
            },
        ),
        EventKind(
            "group",
            "Something has happened to a group of the account.",
            {
                "group": "id of the group, 66 hex characters",
                "change": "`invited`, `joined`, `promoted`, `members`, `info`, `kicked`, `destroyed`, `left`, `lost`",
                "name": "of the group",
                "state": "`invited`, `joined`, `kicked`, `destroyed`, `removed` or `no_rights`",
            },
            {
                "by": "Account ID of who did it",
                "lost": "what the swarm has lost: `groups::Info`, `groups::Members`, `keys`",
                "restored": "whether this device brings all of it back; keys need an admin",
            },
        ),
        EventKind(
            "profile",
            "The own name or picture has changed.",
            {},
            {"name": "the new name", "picture": "whether there is a picture now"},
        ),
        EventKind(
            "setting",
            "A setting has changed.",
            {"name": "of the setting", "value": "its new value"},
        ),
        EventKind(
            "storage",
            "Files were removed by a rule of the user.",
            {"trimmed": "how many files", "messages": "numbers of the messages that they belonged to"},
        ),
        EventKind(
            "level",
            "The protection of a conversation has dropped.",
            {
                "conversation": _CONVERSATION,
                "id": f"{_ID} with which it has dropped; null for one that is not shown",
                "notice": "number of the notice that shows it in the conversation; or null",
                "protocol": "level of that message",
                "before": "level of those before it",
                "text": _TEXT,
            },
        ),
        EventKind(
            "security",
            "A warning about the keys of a contact.",
            {
                "conversation": _CONVERSATION,
                "warning": "`waiting`, `required`, `switched_off`, `foreign_record`, `denied` or `timeless`",
                "text": _TEXT,
                "id": f"{_ID} that it is about; or null",
            },
        ),
        EventKind(
            "unreadable",
            "A message came that no key of this device opens. It is kept, and read when keys come.",
            {
                "hash": "of the copy in the own swarm",
                "stored_at": "when it was stored, ms",
                "expires": "when the swarm forgets it, ms",
                "text": _TEXT,
            },
        ),
        EventKind(
            "device",
            "Something has happened to the devices of the account, or to its published keys.",
            {
                "change": "`linked`, `removed`, `left`, `requested`, `joined`, `admitted`, `removed_here`,"
                " `displaced`, `foreign`, `missing` or `withdrawn`",
                "text": _TEXT,
            },
            {
                "device": "id of the device, hex",
                "name": "what it calls itself",
                "own": "whether it is this one",
                "warning": "true for the last three changes",
                "replaces": "of a request: whether it wants the place of a linked device",
                "emoji": "of a request: the seven emoji that the other device shows",
                "expires_at": "of a request: until when it can be answered, ms",
            },
        ),
        EventKind(
            "sync",
            "Something about the documents that the own devices share.",
            {"change": "`restored`, `changes_lost`, `forgotten` or `away`"},
            {
                "missing": "of `restored`: names of documents that the network does not hold",
                "document": "of `changes_lost`: name of the document",
                "documents": "of `forgotten`: names of documents that the network has forgotten",
                "since": "of `away`: when the swarm was last read, ms",
                "days": "of `away`: how many days ago",
            },
        ),
        EventKind(
            "gap",
            "Events were removed before they were read here: those up to this number.",
            {"seq": "number of the last one that is gone"},
        ),
        EventKind(
            "typing",
            "A contact types, or has stopped.",
            {
                "conversation": _CONVERSATION,
                "action": "`started` or `stopped`",
                "until": "how long it is shown, ms",
            },
            durable=False,
        ),
        EventKind(
            "call",
            "A call message came.",
            {
                "conversation": _CONVERSATION,
                "type": "`pre_offer`, `offer`, `answer`, `provisional_answer`, `ice_candidates` or `end_call`",
                "uuid": "of the call",
                "sent_at": "T of the message, ms",
            },
            durable=False,
        ),
    )
}
