"""Onion requests at the file server: v4 and v3 (09.7, 03.6). What opens is answered sealed, whatever becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from veery.protocol import crypto
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion import (
    V3_UNREADABLE,
    V4_UNREADABLE,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    open_server_request,
    read_v3_request,
    read_v4_request,
    seal_v3_reply,
    seal_v4_reply,
)
from veery.protocol.onion.encryption import LayerKey
from veery.runtime.faults import FileMissing
from veery.runtime.identity import create_key_file, load_key_file
from veery.runtime.off_loop import off_loop
from veery.runtime.paths import private_directory
from veery.secret import Secret

log = logging.getLogger(__name__)

Handler = Callable[[ServerRequest, str], Awaitable[ServerReply]]
KEY_FILE: Final = "key"


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """ed25519: the key that URLs carry; x25519: the one that requests are encrypted to. 32 bytes each."""

    ed25519: bytes
    x25519: bytes
    x25519_secret: Secret = field(repr=False)

    @classmethod
    def from_seed(cls, seed: Secret) -> ServerKeys:
        """The keys of a 32-byte seed."""
        public, secret = crypto.ed25519_from_seed(seed.reveal())
        x_secret = crypto.ed25519_secret_to_x25519(secret)
        return cls(public, crypto.ed25519_public_to_x25519(public), Secret(x_secret))

    @classmethod
    def of_directory(cls, directory: Path) -> ServerKeys:
        """The keys of the server in a directory, made at the first call. Raises FileUnsafe, KeyFileBroken."""
        path = private_directory(directory) / KEY_FILE
        try:
            return cls.from_seed(load_key_file(path))
        except FileMissing:
            return cls.from_seed(create_key_file(path))


@dataclass(frozen=True, slots=True)
class _Form:
    """One version of requests."""

    read: Callable[[bytes], ServerRequest]
    seal: Callable[[LayerKey, ServerReply, RandomBytes], bytes]
    unreadable: ServerReply


_V4: Final = _Form(read_v4_request, seal_v4_reply, V4_UNREADABLE)
_V3: Final = _Form(read_v3_request, seal_v3_reply, V3_UNREADABLE)


class OnionDoor:
    """Opens onion requests, has them handled, and seals the replies."""

    def __init__(self, keys: ServerKeys, handle: Handler, random: RandomBytes) -> None:
        self._keys = keys
        self._handle = handle
        self._random = random

    async def answer_v4(self, body: bytes, source: str) -> bytes:
        """The sealed reply. Raises ServerFrameRefused: nothing can be sealed."""
        return await self._answer(body, source, _V4)

    async def answer_v3(self, body: bytes, source: str) -> bytes:
        """The sealed reply in base64. Raises ServerFrameRefused."""
        return await self._answer(body, source, _V3)

    async def _answer(self, body: bytes, source: str, form: _Form) -> bytes:
        keys = self._keys
        plaintext, key = await off_loop(len(body), lambda: open_server_request(body, keys.x25519_secret, keys.x25519))
        reply = await self._reply(plaintext, source, form)
        return await off_loop(len(reply.body), lambda: form.seal(key, reply, self._random))

    async def _reply(self, plaintext: bytes, source: str, form: _Form) -> ServerReply:
        try:
            return await self._handle(form.read(plaintext), source)
        except ServerMessageMalformed:
            return form.unreadable
        except Exception:
            # Deployed servers answer a crash like an unreadable request (09.7); it must not look like a dead server.
            log.exception("An onion request could not be answered")
            return form.unreadable
