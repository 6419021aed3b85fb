"""UserProfile: the own name, picture and settings (07.10.1).

There are two pictures: one that the user set, and the same after a client uploaded it again by itself. Each comes with
a time, and the later pair holds. The Pro record is one string so that a merge cannot mix two of them; a client without
Pro keeps all of its keys untouched.

Every function takes application data and gives an edited copy. now_s: the time in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.protocol import bt
from veery.protocol.config import fields
from veery.protocol.config.data import Data, edited
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.fields import Edits, Picture
from veery.protocol.constants import CONFIG_PRO_TAG_SIZE, CONFIG_PRO_UNDER_WAY_S, KEY_SIZE, SIGNATURE_SIZE
from veery.secret import Secret

_UPLOADED_AGAIN: Final = (b"P", b"Q")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ProRecord:
    """The proof of Pro. tag: revocation tag, 32 bytes; rotating_seed: Ed25519 seed, 32 bytes; signature: 64 bytes."""

    expiry_s: int
    tag: bytes
    rotating_seed: Secret
    signature: bytes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UserProfile:
    """The profile as it holds. Times are seconds; 0 stands for never or none.

    note_to_self_timer_s: 0 is off. blinded_requests: whether message requests from communities are allowed, None when
    that was never set. pro_features: bit numbers.
    """

    name: str
    picture: Picture | None
    updated_s: int
    note_to_self_priority: int
    note_to_self_timer_s: int
    blinded_requests: bool | None
    pro_features: frozenset[int]
    pro: ProRecord | None
    pro_access_expiry_s: int
    pro_grace_s: int
    pro_renews: bool
    pro_purchase_s: int
    pro_refund_s: int

    def purchase_under_way(self, now_s: int) -> bool:
        """Whether a purchase of Pro has begun in the last seven days."""
        return self.pro_purchase_s > 0 and now_s - self.pro_purchase_s <= CONFIG_PRO_UNDER_WAY_S

    def refund_requested(self, now_s: int) -> bool:
        """Whether a refund of Pro was asked for in the last seven days."""
        return self.pro_refund_s > 0 and now_s - self.pro_refund_s <= CONFIG_PRO_UNDER_WAY_S


def read(data: Data) -> UserProfile:
    """The profile in application data."""
    set_s, again_s = _times(data)
    requests = data.get(b"M")
    return UserProfile(
        name=fields.text(data, b"n"),
        picture=fields.picture(data, _UPLOADED_AGAIN if again_s > set_s else fields.PICTURE),
        updated_s=max(set_s, again_s),
        note_to_self_priority=fields.integer(data, b"+"),
        note_to_self_timer_s=fields.positive(data, b"e"),
        blinded_requests=requests != 0 if isinstance(requests, int) else None,
        pro_features=fields.numbers(data, b"f"),
        pro=read_pro(fields.string(data, b"s")),
        pro_access_expiry_s=fields.pro_seconds(data, b"E"),
        pro_grace_s=fields.positive(data, b"G"),
        pro_renews=fields.flag(data, b"A"),
        pro_purchase_s=fields.seconds(data, b"I"),
        pro_refund_s=fields.seconds(data, b"R"),
    )


def read_pro(record: bytes | None) -> ProRecord | None:
    """The Pro record in a string; None if there is none, or it is not one."""
    try:
        found = {} if record is None else bt.decode_dict(record, lenient=True)
    except bt.BtMalformed:
        return None
    match found:
        case {b"e": int(expiry_s), b"g": bytes(tag), b"r": bytes(seed), b"s": bytes(signature)}:
            if len(tag) == CONFIG_PRO_TAG_SIZE and len(seed) == KEY_SIZE and len(signature) == SIGNATURE_SIZE:
                return ProRecord(expiry_s, tag, Secret(seed), signature)
    return None


def _times(data: Data) -> tuple[int, int]:
    return fields.seconds(data, b"t"), fields.seconds(data, b"T")


# -- changes that other people see, and that count as an update ------------------------------------------------


def with_name(data: Data, name: str, now_s: int) -> Data:
    """Set the display name, cut to 100 bytes; an empty one removes it."""
    return _updated(data, {b"n": fields.written_name(name) or None}, now_s)


def with_blinded_requests(data: Data, allowed: bool | None, now_s: int) -> Data:
    """Allow or refuse message requests from communities; None unsets it."""
    return _updated(data, {b"M": None if allowed is None else int(allowed)}, now_s)


def with_pro_features(data: Data, features: frozenset[int], now_s: int) -> Data:
    """Set the Pro features that are shown in the profile."""
    return _updated(data, {b"f": fields.written_set(features)}, now_s)


def with_pro(data: Data, record: ProRecord, now_s: int) -> Data:
    """Set the Pro record; a purchase that was under way is done. Raises ConfigMisuse: `config.misuse.pro`."""
    return _updated(data, {b"s": _written_pro(record), b"I": None}, now_s)


def with_pro_purchase(data: Data, started_s: int, now_s: int) -> Data:
    """Note that a purchase of Pro is under way; 0 removes the note."""
    return _updated(data, {b"I": fields.written_positive(started_s)}, now_s)


def with_pro_refund(data: Data, requested_s: int, now_s: int) -> Data:
    """Note that a refund was asked for; 0 removes the note."""
    return _updated(data, {b"R": fields.written_positive(requested_s)}, now_s)


def _updated(data: Data, edits: Edits, now_s: int) -> Data:
    """Apply edits and, if they change anything, set the later of the two times to now: the shown picture stays."""
    if all(data.get(key) == value for key, value in edits.items()):
        return data
    set_s, again_s = _times(data)
    return edited(data, (), {**edits, b"t" if set_s >= again_s else b"T": now_s})


# -- pictures --------------------------------------------------------------------------------------------------


def with_picture(data: Data, picture: Picture, now_s: int) -> Data:
    """Set the picture that the user has chosen. Raises ConfigMisuse."""
    # never earlier than the time of an upload by itself, whose picture would hide the new one
    return edited(data, (), {**fields.written_picture(picture), b"t": max(now_s, _times(data)[1])})


def without_picture(data: Data, now_s: int) -> Data:
    """Remove the picture, and the one that was uploaded again."""
    again: Edits = {b"P": None, b"Q": None, b"T": now_s} if b"P" in data or b"Q" in data else {}
    return edited(data, (), {**fields.written_picture(None), **again, b"t": max(now_s, _times(data)[1])})


def with_picture_uploaded_again(data: Data, picture: Picture, now_s: int) -> Data:
    """Set the place of the same picture after a client uploaded it again by itself. Raises ConfigMisuse."""
    return edited(data, (), {**fields.written_picture(picture, _UPLOADED_AGAIN), b"T": now_s})


# -- private settings ------------------------------------------------------------------------------------------


def with_note_to_self_priority(data: Data, priority: int) -> Data:
    """Pin (above 0) or hide (-1) the conversation with oneself."""
    return edited(data, (), {b"+": fields.written_nonzero(priority)})


def with_note_to_self_timer(data: Data, timer_s: int) -> Data:
    """Set the disappearing timer of the conversation with oneself; 0 is off."""
    return edited(data, (), {b"e": fields.written_positive(timer_s)})


def with_pro_access(data: Data, expiry_s: int, *, grace_s: int = 0, renews: bool = False) -> Data:
    """Set until when access to Pro lasts, for how long beyond, and whether it renews by itself; 0 removes all three."""
    alive = expiry_s > 0
    return edited(
        data,
        (),
        {
            b"E": expiry_s if alive else None,
            b"G": fields.written_positive(grace_s) if alive else None,
            b"A": fields.written_flag(renews and alive),
        },
    )


def without_pro(data: Data) -> Data:
    """Erase the Pro record."""
    return edited(data, (), {b"s": None})


def _written_pro(record: ProRecord) -> bytes:
    sizes = (len(record.tag), len(record.rotating_seed), len(record.signature))
    if sizes != (CONFIG_PRO_TAG_SIZE, KEY_SIZE, SIGNATURE_SIZE):
        raise ConfigMisuse("a part of the Pro record has a wrong size", kind="config.misuse.pro")
    return bt.encode(
        {b"e": record.expiry_s, b"g": record.tag, b"r": record.rotating_seed.reveal(), b"s": record.signature}
    )
