"""Moving a profile from one device to another, keyed by a short code.

The old device writes a backup under a random passphrase and shows a code; the new device is given it. SPAKE2 turns the
code into a strong key that whoever only watches cannot find, and each attempt is one guess at it: after a few wrong
ones the old device ends. Over that channel goes the passphrase. The backup itself goes

- over the local network: through the same connection (`ProfileSender`, `receive_profile`), or
- over the file server, when the devices share no network: in pieces that lie there for a day, while the channel is made
  of messages in the swarm of an account that stands for the code's digits (`ServerSender`, `receive_by_server`),

in both cases from where an earlier attempt was cut off. Keys of a device never move (R7 of 06): the new one is linked
like any other.
"""

from __future__ import annotations

from veery.client.transfer.code import TransferCode, TransferCodeWrong
from veery.client.transfer.receiver import receive_profile
from veery.client.transfer.sender import ProfileSender
from veery.client.transfer.server_receiver import receive_by_server, receive_over_network
from veery.client.transfer.server_sender import Offered, ServerSender
from veery.client.transfer.session import CodeNotTheSame, TransferBroken, TransferFault

__all__ = [
    "CodeNotTheSame",
    "Offered",
    "ProfileSender",
    "ServerSender",
    "TransferBroken",
    "TransferCode",
    "TransferCodeWrong",
    "TransferFault",
    "receive_by_server",
    "receive_over_network",
    "receive_profile",
]
