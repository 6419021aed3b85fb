"""Encrypting a file in the stream scheme, piece by piece (09.4.2, 09.4.3).

    hasher = StreamHasher(seed, Domain.ATTACHMENT)      # first reading
    for piece in file: hasher.update(piece)
    encryptor = StreamEncryptor.of_hashed(hasher)       # second reading
    for piece in file: out.write(encryptor.update(piece))
    out.write(encryptor.finish())

The key depends on the whole file, so it is read twice. If it changes in between, two texts would be encrypted under one
key and header; the second reading is hashed too, and `finish` fails before the last chunk is out, so that such a blob
never opens and must not be uploaded. Memory: one chunk, the pieces given, and the padding (a 32nd of the file at most).
"""

from __future__ import annotations

from veery.errors import Misuse
from veery.protocol.attachments.errors import FileChanged
from veery.protocol.attachments.sizes import stream_padding
from veery.protocol.attachments.stream_keys import StreamHasher, StreamKey
from veery.protocol.constants import STREAM_CHUNK, STREAM_MARK
from veery.protocol.crypto import SecretStream


class StreamEncryptor:
    """Encrypts one file of a known size. Used once.

    key: of this file alone; size: bytes of the file; check: an unused hasher to compare the file with `key`.
    Raises FileUnfit for files that are too large.
    """

    def __init__(
        self, key: StreamKey, size: int, *, allow_large: bool = False, check: StreamHasher | None = None
    ) -> None:
        padding = stream_padding(size, allow_large=allow_large)
        self.key = key
        self._check = check
        self._missing = size
        self._stream = SecretStream(key.key.reveal(), key.header)
        self._head = STREAM_MARK + key.header
        self._waiting = bytearray(padding - 1) + b"\1"
        self._usable = True

    @classmethod
    def of_hashed(cls, hasher: StreamHasher, *, allow_large: bool = False) -> StreamEncryptor:
        """Encrypts the file that `hasher` has read, and makes sure that it is still the same."""
        return cls(hasher.key(), hasher.size, allow_large=allow_large, check=hasher.fresh())

    def update(self, data: bytes) -> bytes:
        """Take the next piece of the file; give the next piece of the blob, often empty. Raises FileChanged."""
        self._use(len(data) <= self._missing)
        self._missing -= len(data)
        if self._check is not None:
            self._check.update(data)
        self._waiting += data
        # What fills a chunk exactly waits: it may be the last, and only the end of the file shows that.
        whole = (len(self._waiting) - 1) // STREAM_CHUNK * STREAM_CHUNK
        chunks = (bytes(self._waiting[at : at + STREAM_CHUNK]) for at in range(0, whole, STREAM_CHUNK))
        out = b"".join((self._take_head(), *(self._stream.push(chunk, final=False) for chunk in chunks)))
        del self._waiting[:whole]
        return out

    def finish(self) -> bytes:
        """Give the rest of the blob. Raises FileChanged if the file is not the one that was announced."""
        early = self.update(b"")
        self._use(self._missing == 0 and (self._check is None or self._check.key().is_same(self.key)))
        self._usable = False
        return early + self._stream.push(bytes(self._waiting), final=True)

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _use(self, unchanged: bool) -> None:
        if not self._usable:
            raise Misuse("an encryptor serves for one file, and not after a failure")
        if not unchanged:
            self._usable = False
            raise FileChanged("The file was changed while it was read")
