"""Groups by commands."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from veery.cli.asking import agreed, can_ask
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.shown import Json
from veery.cli.text import clock_time, count, duration, one_line, size
from veery.errors import VeeryError

_LIST_HEAD: Final = ("NAME", "STATE", "MEMBERS", "UNREAD", "ID")
_MEMBER_HEAD: Final = ("NAME", "FINGERPRINT", "ROLE", "STATE", "ACCOUNT ID")
_LAST_ADMIN: Final = "client.group.last_admin"  # kind of the error when the last admin leaves
STATES: Final = {
    "joined": "member",
    "invited": "invited, not answered",
    "kicked": "you were removed",
    "destroyed": "deleted",
    "removed": "you were removed",
    "no_rights": "not usable here",
}
STATUSES: Final = {
    "invite_not_sent": "not invited yet",
    "invite_sending": "invitation is being sent",
    "invite_sent": "invited",
    "invite_failed": "invitation failed",
    "invite_accepted": "joined",
    "promotion_not_sent": "not promoted yet",
    "promotion_sending": "promotion is being sent",
    "promotion_sent": "promoted, not taken up yet",
    "promotion_failed": "promotion failed",
    "promotion_accepted": "joined",
    "removed": "being removed",
    "removed_including_messages": "being removed, with messages",
    "removed_unknown": "being removed",
}


def list_groups(options: Namespace, console: Console) -> int:
    """List the groups."""
    found = answer(options, console, "groups")
    if console.as_json:
        for each in found:
            console.record(each)
    elif found:
        console.table(_LIST_HEAD, [_row(each) for each in found])
    else:
        console.talk("There are no groups yet. Make one with `veery group create`.")
    return Exit.DONE


def show_group(options: Namespace, console: Console) -> int:
    """Show a group."""
    return _shown(console, answer(options, console, "group_show", group=options.group))


def create_group(options: Namespace, console: Console) -> int:
    """Make a group."""
    params: dict[str, Any] = {"name": options.name, "members": options.members}
    if options.description is not None:
        params["description"] = options.description
    return _shown(console, answer(options, console, "group_create", **params))


def invite_group(options: Namespace, console: Console) -> int:
    """Invite people."""
    return _members(options, console, "group_invite", history=options.history)


def promote_group(options: Namespace, console: Console) -> int:
    """Make members admins."""
    return _members(options, console, "group_promote")


def resend_group(options: Namespace, console: Console) -> int:
    """Send invitations again."""
    return _members(options, console, "group_resend")


def remove_group(options: Namespace, console: Console) -> int:
    """Remove members."""
    return _members(options, console, "group_remove", messages=options.messages)


def accept_group(options: Namespace, console: Console) -> int:
    """Take up an invitation."""
    return _shown(console, answer(options, console, "group_accept", group=options.group))


def decline_group(options: Namespace, console: Console) -> int:
    """Refuse an invitation."""
    return _over(options, console, "group_decline", "The invitation is gone; nothing was sent.")


def rename_group(options: Namespace, console: Console) -> int:
    """Change the name."""
    return _shown(console, answer(options, console, "group_rename", group=options.group, name=options.name))


def describe_group(options: Namespace, console: Console) -> int:
    """Change the description."""
    params = {"group": options.group, "description": options.description}
    return _shown(console, answer(options, console, "group_describe", **params))


def picture_group(options: Namespace, console: Console) -> int:
    """Change, remove or save the picture."""
    given = [options.file is not None, options.remove, options.save is not None]
    if sum(given) != 1:
        raise UsageWrong("`veery group picture` takes a file, --remove or --save FILE", remedy="Give one of them")
    if options.save is not None:
        with console.progress("Fetching the picture"):
            saved = answer(options, console, "group_picture_save", group=options.group, to=_absolute(options.save))
        if console.as_json:
            console.record(saved)
        else:
            console.line(str(saved["path"]))
        return Exit.DONE
    with console.progress("Removing the picture" if options.remove else "Uploading the picture"):
        path = None if options.remove else _absolute(options.file)
        shown = answer(options, console, "group_picture", group=options.group, path=path)
    if console.as_json:
        console.record(shown)
        return Exit.DONE
    made = shown["set"]
    if made is None:
        console.talk("The group shows no picture any more.")
    else:
        sides = f"{made['width']} by {made['height']} pixels, {size(int(made['size']))}"
        console.talk(f"The group shows the new picture ({sides}).")
    for line in _remarks(shown):
        console.talk(line)
    return Exit.DONE


def clear_group(options: Namespace, console: Console) -> int:
    """Delete all messages for everybody."""
    if not _agreed(options, console, "Delete all messages of {} for everybody?"):
        return Exit.FAILED
    return _shown(console, answer(options, console, "group_clear", group=options.group))


def leave_group(options: Namespace, console: Console) -> int:
    """Leave. What the last admin leaves ends for everybody, if that is what is wanted."""
    try:
        return _over(options, console, "group_leave", "You have left the group.")
    except VeeryError as error:
        if error.kind != _LAST_ADMIN or not (options.yes or can_ask(console)):
            raise
    if not _agreed(options, console, "You are the last admin of {}: without you it ends. Delete it for everybody?"):
        return Exit.FAILED
    return _destroyed(options, console)


def destroy_group(options: Namespace, console: Console) -> int:
    """End a group."""
    if not _agreed(options, console, "Delete {} for everybody, for ever, with all its messages?"):
        return Exit.FAILED
    return _destroyed(options, console)


def _destroyed(options: Namespace, console: Console) -> int:
    told = "The group is deleted for everybody."
    kept = "The group ends. The network does not know it yet; it is told while `veery receive` runs."
    found = answer(options, console, "group_destroy", group=options.group)
    if console.as_json:
        console.record(found)
    else:
        console.talk(kept if found["pending"] else told)
    return Exit.DONE


def _agreed(options: Namespace, console: Console, question: str) -> bool:
    """Whether the person says yes. Raises NoTerminal, and NotFound for no such group."""
    if options.yes or not can_ask(console):
        return agreed(console, question, yes=options.yes)
    name = one_line(str(answer(options, console, "group_show", group=options.group)["name"]))
    if agreed(console, question.format(name), yes=False):
        return True
    console.talk("Nothing is changed.")
    return False


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _members(options: Namespace, console: Console, method: str, **params: Any) -> int:
    return _shown(console, answer(options, console, method, group=options.group, members=options.members, **params))


def _over(options: Namespace, console: Console, method: str, said: str) -> int:
    found = answer(options, console, method, group=options.group)
    if console.as_json:
        console.record(found)
    else:
        console.talk(said)
    return Exit.DONE


def _shown(console: Console, group: Json) -> int:
    if console.as_json:
        console.record(group)
        return Exit.DONE
    console.fields(_facts(group))
    console.table(_MEMBER_HEAD, [_member_row(each) for each in group["list"]])
    for line in _remarks(group):
        console.talk(line)
    return Exit.DONE


def _facts(group: Json) -> list[tuple[str, str]]:
    pairs = [("name", one_line(str(group["name"]))), ("id", str(group["id"]))]
    if group["state"] != "joined":
        pairs.append(("state", _state(group)))
    else:
        role = "admin" if group["admin"] else "member"
        since = f", since {clock_time(int(group['joined_at']))}" if group["joined_at"] else ""
        pairs.append(("you", role + since))
    if group["description"]:
        pairs.append(("about", one_line(str(group["description"]))))
    if group["created_at"]:
        pairs.append(("made", clock_time(int(group["created_at"]))))
    if group["disappears_s"]:
        pairs.append(("messages", f"disappear {duration(int(group['disappears_s']))} after they were sent"))
    return pairs


def _remarks(group: Json) -> list[str]:
    found = []
    if group["pending"]:
        found.append(
            "A change is kept here, and not in the network yet. It goes out by itself while `veery receive` runs."
        )
    if group["expired"]:
        found.append("The network holds nothing of this group any more; an admin who has it can bring it back.")
    if group["state"] == "invited":
        found.append("Answer with `veery group accept` or `veery group decline`.")
    failed = sum(str(each["status"]).endswith("_failed") for each in group["list"])
    if failed:
        found.append(f"{count(failed, 'invitation')} failed; try again with `veery group resend`.")
    return found


def _state(group: Json) -> str:
    return STATES.get(str(group["state"]), str(group["state"]))


def _row(group: Json) -> tuple[str, ...]:
    unread = str(group["unread"] or "")
    state = "admin" if group["state"] == "joined" and group["admin"] else _state(group)
    return one_line(str(group["name"])), state, str(group["members"] or ""), unread, str(group["id"])


def _member_row(member: Json) -> tuple[str, ...]:
    name = f"{one_line(str(member['name']))} (you)" if member["you"] else one_line(str(member["name"]))
    role = "admin" if member["admin"] else "member"
    status = STATUSES.get(str(member["status"]), str(member["status"]))
    return name, str(member["fingerprint"]), role, status, str(member["id"])
