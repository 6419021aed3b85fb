"""Opening a file of the stream scheme, piece by piece (09.4.4).

Every piece that comes out is authentic, but only `finish` tells that nothing is missing: whoever writes pieces to disk
deletes them when any call raises, and shows nothing before `finish` has returned. Memory: one chunk and one piece.
"""

from __future__ import annotations

from collections.abc import Callable

from veery.errors import Misuse, ProtocolError
from veery.protocol.attachments.errors import FileMalformed, FileRefused
from veery.protocol.attachments.sizes import check_blob_size, checked_size
from veery.protocol.constants import (
    STREAM_CHUNK,
    STREAM_CHUNK_OVERHEAD,
    STREAM_HEADER_SIZE,
    STREAM_KEY_SIZE,
    STREAM_MARK,
)
from veery.protocol.crypto import CryptoFailed, SecretStream
from veery.secret import Secret

_HEAD = len(STREAM_MARK) + STREAM_HEADER_SIZE
_WHOLE_CHUNK = STREAM_CHUNK + STREAM_CHUNK_OVERHEAD


class StreamDecryptor:
    """Opens one blob. Used once, and not after a failure.

    key: 32 bytes; cut: the pointer's `size`, after which nothing comes out; allow_large: blobs of more than 10,223,616
    bytes may be opened. Raises FileRefused `files.key`, `files.size` (a cut of 0).
    """

    def __init__(self, key: Secret, *, cut: int | None = None, allow_large: bool = False) -> None:
        if len(key) != STREAM_KEY_SIZE:
            raise FileRefused(f"The key of the file must have {STREAM_KEY_SIZE} bytes", kind="files.key")
        self._key = key
        self._wanted: int | None = None if cut is None else checked_size(cut)
        self._allow_large = allow_large
        self._taken = 0
        self._waiting = bytearray()
        self._stream: SecretStream | None = None
        self._in_padding = True
        self._usable = True

    def update(self, data: bytes) -> bytes:
        """Take the next piece of the blob; give the next piece of the file. Raises FileMalformed, FileRefused."""
        return self._guarded(lambda: self._take(data))

    def finish(self) -> bytes:
        """Give the rest of the file; the blob is whole. Raises FileMalformed, FileRefused."""
        rest = self._guarded(self._last)
        self._usable = False
        return rest

    def _guarded(self, step: Callable[[], bytes]) -> bytes:
        if not self._usable:
            raise Misuse("a decryptor serves for one blob, and not after a failure")
        try:
            return step()
        except ProtocolError:
            self._usable = False
            raise

    def _take(self, data: bytes) -> bytes:
        self._taken += len(data)
        check_blob_size(self._taken, allow_large=self._allow_large)
        self._waiting += data
        self._begin()
        if self._stream is None:
            return b""
        # What fills a chunk exactly waits: it may be the last, and only the end of the blob shows that.
        whole = (len(self._waiting) - 1) // _WHOLE_CHUNK * _WHOLE_CHUNK
        out = [self._chunk(bytes(self._waiting[at : at + _WHOLE_CHUNK])) for at in range(0, whole, _WHOLE_CHUNK)]
        del self._waiting[:whole]
        return b"".join(out)

    def _begin(self) -> None:
        if self._stream is not None or not self._waiting:
            return
        if self._waiting[:1] != STREAM_MARK:
            raise FileMalformed("The encrypted file is not of a known kind", kind="files.mark")
        if len(self._waiting) >= _HEAD:
            self._stream = SecretStream(self._key.reveal(), bytes(self._waiting[len(STREAM_MARK) : _HEAD]))
            del self._waiting[:_HEAD]

    def _chunk(self, ciphertext: bytes, *, last: bool = False) -> bytes:
        assert self._stream is not None
        try:
            plaintext, final = self._stream.pull(ciphertext)
        except CryptoFailed:
            raise FileRefused("The file was altered on its way", kind="files.authentication") from None
        if final and not last:
            raise FileRefused("Bytes follow the end of the file", kind="files.trailing")
        if last and not final:
            raise FileRefused("The end of the file is missing", kind="files.truncated")
        return self._cut(self._unpadded(plaintext))

    def _last(self) -> bytes:
        if self._stream is None or len(self._waiting) < STREAM_CHUNK_OVERHEAD:
            raise FileMalformed("The encrypted file is too short", kind="files.short")
        if len(self._waiting) == STREAM_CHUNK_OVERHEAD:
            raise FileMalformed("The encrypted file ends with an empty chunk", kind="files.empty_chunk")
        rest = self._chunk(bytes(self._waiting), last=True)
        if self._in_padding:
            raise FileMalformed("The file is nothing but padding", kind="files.padding")
        if self._wanted:
            raise FileRefused("The file is shorter than the message says", kind="files.size")
        return rest

    def _unpadded(self, plaintext: bytes) -> bytes:
        if not self._in_padding:
            return plaintext
        rest = plaintext.lstrip(b"\0")
        if not rest:
            return b""
        if rest[0] != 1:
            raise FileMalformed("The padding of the file is wrong", kind="files.padding")
        self._in_padding = False
        return rest[1:]

    def _cut(self, plaintext: bytes) -> bytes:
        if self._wanted is None:
            return plaintext
        kept = plaintext[: self._wanted]
        self._wanted -= len(kept)
        return kept
