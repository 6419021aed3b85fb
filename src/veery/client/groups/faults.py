"""What can be refused about a group: to a user, by a swarm, and of what members send."""

from __future__ import annotations

from veery.errors import ClientError, NotFound, PeerRefused, Rejected, Retry


class GroupClosed(ClientError):
    """The account is not in the group (any more), or not yet.

    `kind`: client.group.invited, .kicked, .destroyed, .no_rights, .no_key.
    """

    default_kind = "client.group.closed"


class NotAdmin(ClientError):
    """Only admins of the group may do that."""

    default_kind = "client.group.not_admin"
    default_remedy = "Ask an admin; `veery group show` lists them"


class GroupRefused(ClientError):
    """A group cannot be changed in this way. `kind`: client.group.full, .name, .self, .admin, .last_admin, …"""

    default_kind = "client.group"


class GroupPushRefused(PeerRefused):
    """The swarm of a group does not take a change."""

    default_kind = "network.group.refused"
    default_retry = Retry.LATER
    default_remedy = "The change is kept, and tried again later"


class SenderRefused(Rejected):
    """A message of a group that does not count.

    `kind`: group.refused.not_a_member, .removed, .before_keys, .cleared, .content, .not_here.
    """

    default_kind = "group.refused.sender"


def no_group(named: str | None = None) -> NotFound:
    """The error for a group that the account does not know. named: what was typed."""
    return NotFound(
        "there is no such group" if named is None else f"no group is called `{named}`",
        kind="client.not_found.group",
        remedy="`veery group list` shows the groups of this account",
    )


def no_member(named: str | None = None) -> NotFound:
    """The error for somebody who is not in the group. named: what was typed."""
    return NotFound(
        "the group has no such member" if named is None else f"no member of the group is called `{named}`",
        kind="client.not_found.member",
        remedy="`veery group show` lists the members",
    )
