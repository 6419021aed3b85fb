"""At which level a copy of a message goes out, or that it waits (06.10, 06.14, 14.1).

For a contact, the keys are fetched first if a send needs that, then `policy.downgrade.decide` speaks. Copies for own
devices follow the level of what they are copies of: whatever went out as v2 is never copied under the long-term key.

The extension with the own record and the echo is added here and not when a message is written, because it says what is
true at the moment of sealing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from veery.client.core import Core, Times
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.notices import OWN_KEYS, REQUIRED, WAITING, Warn, note_level, warn
from veery.client.levels.outcomes import Dropped, SealedCopy, Sealing, Waits
from veery.client.levels.own_keys import OwnKeys, own_keys
from veery.policy.downgrade import Mark, Reason, SendLongTerm, SendPfs, Withhold, decide
from veery.policy.level import Level, sync_level
from veery.protocol import extension, message_v1, message_v2
from veery.protocol.account import AccountId
from veery.protocol.content import Content, DataExtraction, ReceiptMessage, TypingMessage, decode, encode
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.keys import HybridPublic
from veery.protocol.extension import Extension
from veery.store.contact_keys import ContactSecurity
from veery.store.outbox import Copy, CopyRole
from veery.store.tables import Tables

GOSSIP: Final = "gossip"  # capability: attaches and reads records (14.1)
_NOT_CONTENT: Final = (ReceiptMessage, TypingMessage, DataExtraction)  # nothing that a user would wait for


@dataclass(frozen=True, slots=True)
class _Situation:
    """What is known when a copy is sealed."""

    known: ContactSecurity
    own: OwnKeys
    chosen: bool
    times: Times


@dataclass(frozen=True, slots=True)
class _Sent:
    """How a copy went out. gossip: the own record that was attached; resend: keys of a record that is not confirmed."""

    level: Level
    mark: Mark = Mark.NONE
    gossip: AccountRecord | None = None
    resend: HybridPublic | None = field(default=None, repr=False)


class CopySealing:
    """Seals copies to contacts and to the own account."""

    def __init__(self, core: Core, keys: KeyFetching) -> None:
        self._core = core
        self._keys = keys

    async def to_contact(self, copy: Copy) -> Sealing:
        """Seal a copy for a contact. Raises NetworkError when it could not be learnt whether they publish keys, and
        ProtocolError when it can never be sealed.
        """
        await self._keys.for_sending(copy.destination)
        situation = await self._core.read(lambda tables: self._look(tables, copy))
        content = decode(copy.content)
        now_ms = situation.times.network_ms
        user_content = not isinstance(content.kind, _NOT_CONTENT)
        keys, chosen = situation.known.keys, situation.chosen
        match decide(keys, now_ms, user_content=user_content, chosen=chosen):
            case Withhold(Reason.WAITING):
                return Waits(WAITING)
            case Withhold(Reason.DROPPED):
                return Dropped()
            case Withhold(Reason.REFUSED):
                return Waits(REQUIRED)
            case SendPfs() as pfs:
                written, gossip = _extended(copy, content, situation, pfs.echo)
                data = self._v2(written, copy.destination, pfs.keys)
                sent = _Sent(Level.PFS, pfs.mark, gossip, pfs.keys if pfs.resend else None)
            case SendLongTerm(mark):
                written, gossip = _extended(copy, content, situation, None)
                # Who was seen to publish reads the fallback form, and no node can tell it from the better one.
                fallback = mark is Mark.CHOSEN and keys.record is not None
                sent = _Sent(Level.FALLBACK if fallback else Level.V1, mark, gossip)
                data = self._fallback(written, copy.destination) if fallback else self._v1(written, copy)
        return SealedCopy(data, sent.level.label, _keeping(copy, sent, situation.times))

    async def to_own(self, copy: Copy) -> Sealing:
        """Seal a copy for the own devices. Raises ProtocolError when it can never be sealed."""
        followed, own = await self._core.read(lambda tables: (tables.held.level(copy.id), own_keys(tables)))
        level = sync_level(followed or (Level.V1 if own.record is None else Level.PFS))
        if level is Level.V1:
            return SealedCopy(self._v1(copy.content, copy), level.label)
        if own.active is None:
            return Waits(OWN_KEYS)
        return SealedCopy(self._v2(copy.content, copy.destination, own.active), level.label)

    def _look(self, tables: Tables, copy: Copy) -> _Situation:
        held = tables.held.get(copy.id)
        known = tables.contact_keys.get(copy.destination)
        return _Situation(known, own_keys(tables), held is not None and held.chosen, self._core.times())

    def _v2(self, content: bytes, recipient: AccountId, keys: HybridPublic) -> bytes:
        account, random = self._core.account, self._core.random.random_bytes
        secret = account.ed25519_secret
        return message_v2.seal(content, sender_ed25519_secret=secret, recipient=recipient.raw, keys=keys, random=random)

    def _fallback(self, content: bytes, recipient: AccountId) -> bytes:
        account, random = self._core.account, self._core.random.random_bytes
        secret = account.ed25519_secret
        return message_v2.seal_fallback(content, sender_ed25519_secret=secret, recipient=recipient.raw, random=random)

    def _v1(self, content: bytes, copy: Copy) -> bytes:
        return message_v1.seal(
            content,
            sender_ed25519_secret=self._core.account.ed25519_secret,
            recipient=copy.destination.raw,
            timestamp_ms=copy.timestamp_ms,
            random=self._core.random.random_bytes,
        )


def _extended(
    copy: Copy, content: Content, situation: _Situation, echo: bytes | None
) -> tuple[bytes, AccountRecord | None]:
    """The content as it is sealed, and the own record if it was attached.

    What goes with long-term keys from an account that publishes nothing stays as it was written.
    """
    own = situation.own.record
    if own is None and echo is None:
        return copy.content, None
    ordinary = not isinstance(content.kind, _NOT_CONTENT)
    due = own is not None and ordinary and situation.known.gossip.due(own, situation.times.network_ms)
    gossip = own if due else None
    capabilities = frozenset({GOSSIP}) if ordinary else None
    if capabilities is None and echo is None:
        return copy.content, None
    added = Extension(capabilities, echo, None if gossip is None else gossip.raw)
    return encode(extension.attach(content, added)), gossip


def _keeping(copy: Copy, sent: _Sent, times: Times) -> Callable[[Tables], None]:
    contact = copy.destination

    def keep(tables: Tables) -> None:
        tables.held.note_level(copy.id, sent.level)
        known = tables.contact_keys.get(contact)
        changed = known
        if sent.gossip is not None:
            changed = replace(changed, gossip=changed.gossip.attached(sent.gossip, times.network_ms))
        if sent.mark is Mark.SWITCHED_OFF and not known.keys.withdrawal_told:
            changed = replace(changed, keys=changed.keys.told())
            warn(tables, contact, Warn.SWITCHED_OFF, times.local_ms, copy.message)
        if changed != known:
            tables.contact_keys.save(contact, changed)
        if copy.message is not None and sent.mark is not Mark.NONE:
            tables.held.set_mark(copy.message, sent.mark.value)
        if sent.resend is not None:
            tables.unconfirmed.add(copy, sent.resend, times.network_ms)
        if copy.role is CopyRole.RECIPIENT:
            note_level(tables, contact, sent.level, copy.message, times)

    return keep
