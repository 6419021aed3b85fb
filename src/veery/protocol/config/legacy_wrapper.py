"""The legacy wrapper: a configuration that looks like a message v1 to oneself (07.7).

Namespaces 2 to 5 are written in this form because older clients read no other. It adds nothing to the security of what
is inside: that is encrypted already. The ephemeral key follows from the content, so equal input gives equal bytes.
"""

from __future__ import annotations

from typing import Final

from veery.protocol import crypto, envelope, message_v1
from veery.protocol.account import Account
from veery.protocol.config.errors import ConfigMalformed, ConfigRefused
from veery.protocol.constants import CONFIG_WRAP_TIMESTAMP
from veery.protocol.content import SharedConfig, SharedConfigKind, shared_config
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import ContentMalformed, parse, serialise, writing
from veery.protocol.envelope import Envelope, MessageMalformed
from veery.protocol.message_v1 import MessageRefused

_MARK: Final = b"\x80"


def wrap(account: Account, kind: SharedConfigKind, seqno: int, data: bytes) -> bytes:
    """Wrap what `storage_form.encrypt` gave. Raises Misuse for more than CONTENT_MAX bytes."""
    with writing():
        content = wire.Content(sharedConfigMessage=shared_config.to_wire(SharedConfig(kind, seqno, data)))
    box = message_v1.seal_deterministic(serialise(content) + _MARK, account.ed25519_secret, account.x25519_public)
    return envelope.wrap(
        envelope.encode_envelope(Envelope(timestamp=CONFIG_WRAP_TIMESTAMP, content=box, source_device=None))
    )


def unwrap(account: Account, kind: SharedConfigKind, wrapped: bytes) -> bytes:
    """What was wrapped, if the account itself did it for this kind of configuration.

    Raises ConfigMalformed: `config.wrapper`; ConfigRefused: `config.refused.sender`, `.kind`.
    """
    try:
        if parse(wire.WebSocketMessage, wrapped).type != wire.WebSocketMessage.REQUEST:
            raise ConfigMalformed("the wrapper is no request", kind="config.wrapper")
        sealed = envelope.decode_envelope(envelope.unwrap(wrapped)).content
        box = message_v1.open_box(sealed, x25519_public=account.x25519_public, x25519_secret=account.x25519_secret)
        # whoever knows the Account ID can send a message; a configuration comes from oneself
        if not crypto.equal(box.sender_ed25519, account.ed25519_public):
            raise ConfigRefused("the wrapper is not our own", kind="config.refused.sender")
        content = parse(wire.Content, _unpadded(box.message))
    except (ContentMalformed, MessageMalformed, MessageRefused):
        raise ConfigMalformed("this is no wrapped configuration of this account", kind="config.wrapper") from None
    if not content.HasField("sharedConfigMessage"):
        raise ConfigMalformed("the wrapper holds no configuration", kind="config.wrapper")
    if int(content.sharedConfigMessage.kind) != kind:
        raise ConfigRefused("the wrapper is of another kind of configuration", kind="config.refused.kind")
    return content.sharedConfigMessage.data


def _unpadded(padded: bytes) -> bytes:
    stripped = padded.rstrip(b"\0")
    if not stripped.endswith(_MARK):
        raise ConfigMalformed("the padding of the wrapper has no mark", kind="config.wrapper")
    return stripped[:-1]
