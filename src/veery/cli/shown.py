"""Messages, events and conversations as lines for people. What programs get is the engine's JSON, unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from veery.cli.text import ago, clock_time, count, duration, one_line, printable, size, state_words
from veery.client.reasons import reason_of
from veery.protocol.fingerprint import fingerprint_of
from veery.secret import shorten

Json: TypeAlias = Mapping[str, Any]
CONVERSATION_HEAD: Final = ("NAME", "FINGERPRINT", "UNREAD", "LAST", "ACCOUNT ID")
REQUEST_HEAD: Final = ("NAME", "FINGERPRINT", "MESSAGES", "LAST", "ACCOUNT ID")
OUTBOX_HEAD: Final = ("MESSAGE", "TO", "WHAT", "STATE", "TRIES", "NEXT", "LAST ERROR")
ROLES: Final = {"recipient": "message", "sync": "copy for own devices", "control": "notice"}
MARKS: Final = {
    "unconfirmed": "keys not confirmed",
    "switched_off": "this contact switched protection off",
    "chosen": "long-term keys, as you chose",
}
LEVELS: Final = {"group": "group keys"}  # levels that are called otherwise than in JSON
PATH_HEAD: Final = ("STATE", "AGE", "FAILURES", "HOPS")
LEVEL: Final = "level"  # kind of a notice that the engine itself has put into a conversation
NOTICE_MARK: Final = "n"  # before the number of a copy that no message shows
_ME: Final = "you"
_INDENT: Final = "    "
_GROUP: Final = "03"  # what ids of groups begin with
_QUOTED_MAX: Final = 60  # characters of a quoted text that are shown
_KINDS: Final = {
    "screenshot": "took a screenshot",
    "media_saved": "saved a file of yours",
    "missed_call": "missed call",
    "request_accepted": "accepted your request",
}
_SORTS: Final = {  # what takes space, beside texts and files
    "group_update": "group notice",
    "timer": "notice of disappearing",
    "level": "notice of protection",
    "screenshot": "notice of a screenshot",
    "media_saved": "notice of saving",
    "request_accepted": "notice of acceptance",
}


def message_lines(message: Json, names: Mapping[str, str]) -> list[str]:
    """A stored message: one line of facts, then what was written. names: conversation or sender to title."""
    own = message["direction"] == "out"
    who = [] if message.get("kind") == LEVEL else [_ME if own else sender_of(message, names)]
    facts = [f"#{message['id']}", clock_time(int(message["sent_at"])), *who]
    if own:
        facts.append(f"({state_words(message)})")
    facts += level_words(message)
    if message.get("expires") is not None:
        facts.append(f"(disappears {clock_time(int(message['expires']))})")
    if message.get("deleted"):
        return [" ".join([*facts, "(deleted)"])]
    lines = [" ".join(facts)]
    quote = message.get("quote")
    if quote:
        lines += quote_lines(quote, names)
    lines += body_lines(message)
    reactions = message.get("reactions") or ()
    if reactions:
        lines.append(_INDENT + reaction_words(reactions))
    return lines


def quote_lines(quote: Json, names: Mapping[str, str]) -> list[str]:
    """Whom and what a message answers to."""
    who = _ME if quote.get("own") else name_of(str(quote["sender"]), names)
    lines = [f"{_INDENT}> answers {who}, {clock_time(int(quote['sent_at']))}"]
    text = one_line(str(quote.get("text") or ""))
    said = text if len(text) <= _QUOTED_MAX else f"{text[:_QUOTED_MAX]}…"
    return [*lines, f"{_INDENT}> {said or '[original message not found]'}"]


def reaction_words(reactions: Sequence[Json]) -> str:
    """Emoji in the order of their coming, with how many people put each."""
    counts: dict[str, int] = {}
    for each in reactions:
        emoji = printable(str(each["emoji"]))
        counts[emoji] = counts.get(emoji, 0) + 1
    return " ".join(emoji if number == 1 else f"{emoji} {number}" for emoji, number in counts.items())


def disappears_words(disappears: Json | None) -> str:
    """How messages disappear."""
    if disappears is None:
        return "does not disappear"
    when = "it was read" if disappears["mode"] == "after_read" else "it was sent"
    return f"disappears {duration(int(disappears['seconds']))} after {when}"


def level_words(message: Json) -> list[str]:
    """How well a message is protected, and what is shown beside it."""
    mark = MARKS.get(str(message.get("mark")))
    level = LEVELS.get(str(message.get("protocol")), message.get("protocol"))
    return [*([f"[{level}]"] if level else []), *([f"({mark})"] if mark else [])]


def body_lines(message: Json) -> list[str]:
    """The text and the attachments of a message, indented."""
    kind = str(message.get("kind") or message.get("notice") or "text")
    text = with_names(str(message.get("text") or ""), message.get("mentions") or ())
    if kind == LEVEL:
        return [f"{_INDENT}[{printable(text)}]"]
    lines = [f"{_INDENT}{line}" for line in printable(text, lines=True).split("\n")] if text else []
    lines += [f"{_INDENT}[{attachment_words(each)}]" for each in message.get("attachments") or ()]
    preview, invitation = message.get("preview"), message.get("invitation")
    if preview:
        lines.append(f"{_INDENT}[{one_line(str(preview.get('title') or 'page'))}: {one_line(str(preview['url']))}]")
        if preview.get("image"):
            lines.append(f"{_INDENT}[{attachment_words(preview['image'])}]")
    if invitation:
        lines.append(
            f"{_INDENT}[invitation to {one_line(str(invitation['name']))}: {one_line(str(invitation['url']))}]"
        )
    if kind == "timer":
        lines.append(f"{_INDENT}[what {_writer(message)} from now on {disappears_words(message.get('disappears'))}]")
    return lines or [f"{_INDENT}[{_KINDS.get(kind) or printable(kind).replace('_', ' ')}]"]


def with_names(text: str, mentioned: Sequence[Json]) -> str:
    """A text in which who is mentioned stands by name. Names cannot begin a mention of somebody else."""
    for each in mentioned:
        name = "You" if each.get("own") else each.get("title")
        if name:
            shown = "@" + one_line(str(name)).replace("@", "")
            text = shown.join(re.split(f"@{re.escape(str(each['id']))}", text, flags=re.IGNORECASE))
    return text


def _writer(message: Json) -> str:
    return "you write" if message.get("direction") == "out" else "they write"


def attachment_words(attachment: Json) -> str:
    """Name and size of an attachment."""
    name = one_line(str(attachment.get("name") or "")) or one_line(str(attachment.get("content_type") or "file"))
    return f"{name}, {size(int(attachment['size']))}" if attachment.get("size") else name


def kind_words(kind: str) -> str:
    """What kind of message takes space."""
    return _SORTS.get(kind) or printable(kind).replace("_", " ")


def is_own(event: Json, own: str) -> bool:
    """Whether an event tells of what the own account has written or done. own: its Account ID."""
    by = {"reaction": "sender", "deleted": "by"}.get(str(event["event"]))
    return event.get("direction") == "out" or (by is not None and event.get(by) == own)


def event_lines(event: Json, names: Mapping[str, str], own: str = "") -> list[str]:
    """An event as it comes; empty for those that tell a person nothing. own: the own Account ID."""
    kind = event["event"]
    if kind in ("message", "notice"):
        who = _ME if event["direction"] == "out" else sender_of(event, names)
        request = " (message request)" if event.get("request") else ""
        incoming = event["direction"] == "in"
        in_group = event["conversation"].startswith(_GROUP)
        where = name_of(str(event["conversation"]), names)
        place = (f" in {where}" if in_group else "") if incoming else f" to {where}"
        level = "".join(f" {word}" for word in level_words(event)) if event["direction"] == "in" else ""
        head = f"{clock_time(int(event['sent_at']))} {who}{place}{request}{level}"
        quote = event.get("quote")
        return [head, *(quote_lines(quote, names) if quote else ()), *body_lines(event)]
    if kind == "state" and event["state"] == "failed":
        return [f"message #{event['id']} {state_words(event)}"]
    if kind == "reaction":
        mine = event["sender"] == own
        who = _ME if mine else name_of(str(event["sender"]), names)
        verb = ("put" if event["action"] == "react" else "take") + ("" if mine else "s")
        place = "on" if event["action"] == "react" else "from"
        return [f"{who} {verb} {printable(str(event['emoji']))} {place} message #{event['id']}"]
    if kind == "deleted" and event.get("by"):
        return [f"message #{event['id']} was deleted for everyone"]
    if kind == "group":
        return group_lines(event, names)
    if kind == "outbox":
        return [f"notice {NOTICE_MARK}{event['copy']} failed: {reason_of(str(event['reason']), failed=True)}"]
    if kind == "device":
        return [f"{printable(str(event['text']))}."]
    if kind == "unreadable":
        return [f"{printable(str(event['text']))}."]
    if kind in ("level", "security"):
        return [f"{name_of(str(event['conversation']), names)}: {printable(str(event['text']))}."]
    if kind == "gap":
        return [f"events up to {event['seq']} were removed before they were read here"]
    return []


def unreadable_lines(number: int, *, linked: bool) -> list[str]:
    """How many messages no key of this device opens, and what to do. linked: the device is one of its group."""
    messages, they = count(number, "message"), "It is" if number == 1 else "They are"
    head = f"{messages} could not be decrypted: no key of this device opens {'it' if number == 1 else 'them'}."
    if linked:
        return [f"{head} {they} kept, and read as soon as this device has caught up with your other devices."]
    return [
        f"{head} {they} kept, and read once this device is linked to one of your others that is older: run"
        f" `veery device link`. Without such a device {'it stays' if number == 1 else 'they stay'} closed."
    ]


def group_lines(event: Json, names: Mapping[str, str]) -> list[str]:
    """What happened to a group of the account; empty for what its messages tell."""
    who = name_of(str(event["by"]), names) if event.get("by") else "somebody"
    told = {
        "invited": f"{who} invites you; answer with `veery group accept` or `veery group decline`",
        "joined": "you are in it now",
        "promoted": "you are an admin now",
        "kicked": "you were removed",
        "destroyed": "it was deleted for everybody",
        "left": "you have left it",
        "lost": "the network has lost some of it, which is brought back now"
        if event.get("restored")
        else "the network has lost some of it; nobody can join until an admin is there",
    }.get(str(event["change"]))
    return [] if told is None else [f"group {one_line(str(event['name'])) or shorten(str(event['group']))}: {told}"]


def conversation_row(conversation: Json, now: int) -> tuple[str, ...]:
    """One row of the list of conversations."""
    marks = [word for word in ("pinned", "hidden", "blocked") if conversation.get(word)]
    if int(conversation.get("muted_until") or 0) > now:
        marks.append("muted")
    title = "Note to self" if conversation.get("note_to_self") else one_line(str(conversation["title"]))
    name = f"{title} ({', '.join(marks)})" if marks else title
    unread = str(conversation["unread"] or ("marked" if conversation.get("marked_unread") else ""))
    id_ = str(conversation["id"])
    return name, str(fingerprint_of(id_) or ""), unread, ago(conversation["active_at"], now), id_


def name_of(account: str, names: Mapping[str, str]) -> str:
    """What a person calls an account: its name, and its fingerprint so that no other can pass for it.

    Beside the name of a group stands the beginning of its id: it is in the list by an invitation that was accepted.
    """
    known = names.get(account)
    return shorten(account) if known is None else f"{one_line(known)} ({fingerprint_of(account) or f'{account[:6]}…'})"


def sender_of(message: Json, names: Mapping[str, str]) -> str:
    """Who wrote a message: as a contact, else as the group calls them."""
    sender, listed = str(message["sender"]), message.get("sender_name")
    return name_of(sender, names if sender in names or not listed else {sender: str(listed)})


def titles(conversations: Sequence[Json]) -> dict[str, str]:
    """The names of conversations that have one, by id."""
    return {str(each["id"]): str(each["title"]) for each in conversations if each.get("name") or each.get("nickname")}


def outbox_row(copy: Json, names: Mapping[str, str], now: int) -> tuple[str, ...]:
    """One row of the outbox."""
    to = "own devices" if copy["role"] == "sync" else name_of(str(copy["destination"]), names)
    number = f"{NOTICE_MARK}{copy['copy']}" if copy["message"] is None else f"#{copy['message']}"
    due = copy["next_attempt_at"]
    wait = "" if due is None else "now" if due <= now else f"in {duration((due - now) / 1_000)}"
    what = ROLES.get(str(copy["role"]), str(copy["role"]))
    state, since = str(copy["state"]), copy.get("waiting_since")
    if since is not None:
        state = f"{state} since {clock_time(int(since))}"
    return number, to, what, state, str(copy["attempts"]), wait, said_of(copy["last_error"])


def said_of(kind: object) -> str:
    """What happened, for a kind of error; nothing for none."""
    return reason_of(str(kind)).said if kind else ""


def path_row(path: Json) -> tuple[str, ...]:
    """One row of the paths."""
    hops = " > ".join(f"{hop['ed25519'][:6]}… {hop['ip']}" for hop in path["hops"])
    return str(path["state"]), duration(float(path["age_s"])), str(path["failures"]), hops


def step_line(step: Json) -> str:
    """One step of the walk of the doctor."""
    mark = "ok  " if step["ok"] else "FAIL"
    return f"{mark}  {step['name']:<10} {printable(str(step['detail']))}"


def stored_words(fields: Json) -> str:
    """What `send` says at the end."""
    if fields.get("stored_on") and fields.get("swarm_size"):
        nodes = count(int(fields["swarm_size"]), "node")
        return f"stored on {fields['stored_on']} of {nodes}"
    return state_words(fields)
