"""Moving a profile from one device to another over the local network, keyed by a short code.

The old device writes a backup under a random passphrase, listens, and shows a code; the new device is given it.
SPAKE2 turns the code into a strong key that whoever only watches cannot find, and each connection is one guess at it:
after a few wrong ones the old device ends. Over that channel go the passphrase and the bytes of the backup, from
where an earlier connection was cut off. Keys of a device never move (R7 of 06): the new one is linked like any other.
"""

from __future__ import annotations

from veery.client.transfer.code import TransferCode, TransferCodeWrong
from veery.client.transfer.receiver import receive_profile
from veery.client.transfer.sender import ProfileSender
from veery.client.transfer.session import CodeNotTheSame, TransferBroken, TransferFault

__all__ = [
    "CodeNotTheSame",
    "ProfileSender",
    "TransferBroken",
    "TransferCode",
    "TransferCodeWrong",
    "TransferFault",
    "receive_profile",
]
