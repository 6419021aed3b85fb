"""`veery group`: groups of up to 100 people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
A group has up to 100 members and a swarm of nodes of its own; no server knows who is in it. Admins invite and remove;
whoever is removed can read nothing that is written afterwards, for the key changes. Write with `veery send GROUP TEXT`,
read with `veery messages GROUP`; admins let messages disappear with `veery disappear GROUP`. A group is named by its
id, the beginning of it, or its name."""
_CREATE: Final = """\
Make a group, whose admin you are, and invite people by Account ID, or by the names of contacts. Each of them gets an
invitation, and becomes a member by accepting it."""
_LIST: Final = """\
List your groups, also those that you are invited to and have not answered yet, and those that are over."""
_SHOW: Final = """\
Show a group, your role in it and since when you are in it, and how each member stands: invitation on its way, sent,
failed or accepted, promotion likewise, or about to be removed."""
_INVITE: Final = """\
Invite more people. They read what is written from now on; with --history also what was written before and is still in
the network (up to 14 days)."""
_ACCEPT: Final = """\
Take up an invitation. The group is read, and its admins learn that you have joined. An invitation from somebody whom
you have accepted as a contact is taken up by itself, so there is nothing to accept then."""
_DECLINE: Final = """\
Refuse an invitation. Nothing is sent, so nobody learns of it."""
_PROMOTE: Final = """\
Make members admins. This cannot be undone: an admin has the key of the group itself."""
_RESEND: Final = """\
Send an invitation or a promotion again that failed, or that was not answered."""
_REMOVE: Final = """\
Remove members. The nodes refuse what they send from then on, and the key of the group changes. With --messages,
everything that they wrote is deleted for everybody as well. Admins cannot be removed."""
_RENAME: Final = """\
Give the group another name, for everybody. A line in the conversation tells who did it."""
_DESCRIBE: Final = """\
Give the group another description, for everybody; an empty one removes it."""
_PICTURE: Final = """\
Show all members another picture of the group: JPEG, PNG, WebP or GIF. It is cut to a square of at most 600 pixels,
loses its metadata, and lies encrypted on the file server of the network, where admins keep it alive. --save writes the
picture that the group shows to a new file; every member can do that."""
_CLEAR: Final = """\
Delete all messages of the group up to now, for everybody. It asks first; --yes says that it need not."""
_LEAVE: Final = """\
Leave a group. It is removed from your account with all its messages. Without its last admin nobody could change it:
promote somebody before, or let it end for everybody, which is asked first; --yes says that it need not."""
_DESTROY: Final = """\
End a group for everybody and for ever. Its messages are deleted on all devices of all members. It asks first; --yes
says that it need not."""
_VERBS: Final = (
    ("show", "show a group and its members", _SHOW, "veery group show Walkers"),
    ("accept", "take up an invitation", _ACCEPT, "veery group accept Walkers"),
    ("decline", "refuse an invitation", _DECLINE, "veery group decline Walkers"),
    ("clear", "delete all messages for everybody", _CLEAR, "veery group clear Walkers"),
    ("leave", "leave a group", _LEAVE, "veery group leave Walkers"),
    ("destroy", "end a group for everybody", _DESTROY, "veery group destroy Walkers"),
)
_MEMBERS: Final = (
    ("invite", "invite more people", _INVITE, "veery group invite Walkers 0512ab…cd --history"),
    ("promote", "make members admins", _PROMOTE, "veery group promote Walkers Bob"),
    ("resend", "send an invitation again", _RESEND, "veery group resend Walkers Bob"),
    ("remove", "remove members", _REMOVE, "veery group remove Walkers Bob --messages"),
)


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "group", None, summary=summary, about=_ABOUT, example="veery group create Walkers 0512ab…cd"
    )
    verbs = noun.add_commands()
    create = _verb(verbs, "create", "make a group", _CREATE, "veery group create Walkers 0512ab…cd Bob")
    create.add_argument("name", metavar="NAME", help="what the group is called")
    create.add_argument("members", metavar="MEMBER", nargs="*", help="Account ID, or a contact's name")
    create.add_argument("--description", metavar="TEXT", help="what the group is about")
    _verb(verbs, "list", "list your groups", _LIST, "veery group list")
    for name, what, about, example in _VERBS:
        verb = _with_group(_verb(verbs, name, what, about, example))
        if name in ("clear", "leave", "destroy"):
            verb.add_argument("--yes", action="store_true", help="do not ask")
    for name, what, about, example in _MEMBERS:
        verb = _with_group(_verb(verbs, name, what, about, example))
        verb.add_argument("members", metavar="MEMBER", nargs="+", help="Account ID, or the name of a member or contact")
        if name == "invite":
            verb.add_argument("--history", action="store_true", help="let them read what was written before")
        if name == "remove":
            verb.add_argument("--messages", action="store_true", help="also delete what they wrote")
    rename = _with_group(_verb(verbs, "rename", "change the name", _RENAME, "veery group rename Walkers Runners"))
    rename.add_argument("name", metavar="NAME", help="the new name")
    describe = _with_group(
        _verb(verbs, "describe", "change the description", _DESCRIBE, "veery group describe Walkers 'On Sundays'")
    )
    describe.add_argument("description", metavar="TEXT", help="the new description")
    picture = _with_group(
        _verb(verbs, "picture", "change the picture", _PICTURE, "veery group picture Walkers hills.jpg")
    )
    picture.add_argument("file", metavar="FILE", nargs="?", help="the new picture")
    picture.add_argument("--remove", action="store_true", help="show none any more")
    picture.add_argument("--save", metavar="FILE", help="write the picture of the group to a new file")


def _verb(verbs: Commands, name: str, what: str, about: str, example: str) -> Parser:
    run = deferred("group_commands", f"{name}_group" if name != "list" else "list_groups")
    return add_command(verbs, name, run, summary=what, about=about, example=example)


def _with_group(verb: Parser) -> Parser:
    verb.add_argument("group", metavar="GROUP", help="id of the group, the beginning of it, or its name")
    return verb
