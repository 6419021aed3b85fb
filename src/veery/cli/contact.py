"""`veery contact`: what you have settled about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
What you settle about a contact is known to you alone: whether their messages are dropped, and what you call them."""
_BLOCK: Final = """\
Drop everything that a contact sends from now on. Nothing is sent, so the contact does not learn of it."""
_UNBLOCK: Final = """\
Take messages of a contact again. What was sent in between is lost."""
_NICKNAME: Final = """\
Give a contact a name of your own, which is shown in place of the one they chose. An empty one takes it away."""
_TRUST: Final = """\
Fetch the files that a contact sends as soon as they come, or wait until you save them. Trust stays on this device, and
nobody is told. Files of groups and of your own devices come by themselves; `veery settings set auto-downloads off`
stops all of that. Only the file server of the network is asked by itself, and only for files up to 10 MB."""
_REMOVE: Final = """\
Remove a contact from this device, with all messages and everything you have settled. Nothing is sent; if the same
person writes again, that is a message request."""

_SECURITY: Final = """\
Show how well messages to and from a contact are protected: at which level (v2 is forward secret and safe from quantum
computers; v2-fallback and v1 are read by whoever gets a long-term key later), since when their keys are known, what
their messages say of yours, and how the next message goes out. --require-v2 lets nothing weaker out to this contact."""
_PICTURE: Final = """\
Write the picture that a contact shows to a new file, fetched over the network if it is not here."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "contact", None, summary=summary, about=_ABOUT, example="veery contact block 0512ab")
    verbs = noun.add_commands()
    block = add_command(
        verbs,
        "block",
        deferred("conversation_commands", "block_contact"),
        summary="drop what a contact sends",
        about=_BLOCK,
        example="veery contact block 0512ab",
    )
    unblock = add_command(
        verbs,
        "unblock",
        deferred("conversation_commands", "unblock_contact"),
        summary="take messages of a contact again",
        about=_UNBLOCK,
        example="veery contact unblock 0512ab",
    )
    nickname = add_command(
        verbs,
        "nickname",
        deferred("conversation_commands", "name_contact"),
        summary="call a contact by a name of your own",
        about=_NICKNAME,
        example="veery contact nickname 0512ab 'Alice from work'",
    )
    remove = add_command(
        verbs,
        "remove",
        deferred("arrangement_commands", "forget"),
        summary="remove a contact and its messages",
        about=_REMOVE,
        example="veery contact remove 0512ab",
    )
    trust = add_command(
        verbs,
        "trust",
        deferred("conversation_commands", "trust_contact"),
        summary="fetch files of a contact as they come",
        about=_TRUST,
        example="veery contact trust 0512ab --downloads on",
    )
    trust.add_argument("--downloads", choices=("on", "off"), required=True, help="fetch files by itself, or wait")
    for verb in (block, unblock, nickname, trust, remove, *_add_looks(verbs)):
        verb.add_argument("conversation", metavar="ID", help="Account ID, or a contact's name or beginning of the ID")
    nickname.add_argument("nickname", metavar="NICKNAME", help="what to call them")


def _add_looks(verbs: Commands) -> tuple[Parser, Parser]:
    """What is looked at: protection and picture."""
    security = add_command(
        verbs,
        "security",
        deferred("contact_security", "contact_security"),
        summary="show how well a conversation is protected",
        about=_SECURITY,
        example="veery contact security 0512ab --require-v2",
    )
    picture = add_command(
        verbs,
        "picture",
        deferred("picture_commands", "contact"),
        summary="save the picture of a contact",
        about=_PICTURE,
        example="veery contact picture 0512ab -o alice.jpg",
    )
    picture.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write it")
    demand = security.add_mutually_exclusive_group()
    demand.set_defaults(require_v2=None)
    demand.add_argument(
        "--require-v2", dest="require_v2", action="store_true", default=None, help="send nothing weaker"
    )
    demand.add_argument(
        "--no-require-v2", dest="require_v2", action="store_false", default=None, help="send what their keys allow"
    )
    return security, picture
