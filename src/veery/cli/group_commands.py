"""Groups by commands."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.shown import Json
from veery.cli.text import clock_time, count, duration, one_line, size

_LIST_HEAD: Final = ("NAME", "STATE", "MEMBERS", "UNREAD", "ID")
_MEMBER_HEAD: Final = ("NAME", "STATE", "ACCOUNT ID")
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
    "promotion_not_sent": "admin, not told yet",
    "promotion_sending": "promotion is being sent",
    "promotion_sent": "admin, told",
    "promotion_failed": "promotion failed",
    "promotion_accepted": "admin",
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
    return _shown(console, answer(options, console, "group_clear", group=options.group))


def leave_group(options: Namespace, console: Console) -> int:
    """Leave."""
    return _over(options, console, "group_leave", "You have left the group.")


def destroy_group(options: Namespace, console: Console) -> int:
    """End a group."""
    return _over(options, console, "group_destroy", "The group is deleted for everybody.")


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
    pairs = [("name", one_line(str(group["name"]))), ("id", str(group["id"])), ("state", _state(group))]
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
        found.append("A change is not in the network yet; it is tried again.")
    if group["expired"]:
        found.append("The network holds nothing of this group any more; an admin who has it can bring it back.")
    if group["state"] == "invited":
        found.append("Answer with `veery group accept` or `veery group decline`.")
    failed = sum(str(each["status"]).endswith("_failed") for each in group["list"])
    if failed:
        found.append(f"{count(failed, 'invitation')} failed; try again with `veery group resend`.")
    return found


def _state(group: Json) -> str:
    if group["state"] == "joined" and group["admin"]:
        return "admin"
    return STATES.get(str(group["state"]), str(group["state"]))


def _row(group: Json) -> tuple[str, ...]:
    unread = str(group["unread"] or "")
    return one_line(str(group["name"])), _state(group), str(group["members"] or ""), unread, str(group["id"])


def _member_row(member: Json) -> tuple[str, ...]:
    name = f"{one_line(str(member['name']))} (you)" if member["you"] else one_line(str(member["name"]))
    return name, STATUSES.get(str(member["status"]), str(member["status"])), str(member["id"])
