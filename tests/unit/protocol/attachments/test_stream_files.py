"""The stream scheme, whole and in pieces (09.4)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.unit.protocol.attachments.blobs import HEAD, HEADER, KEY, WHOLE, blob_of, pattern, pieces_of, sealed_chunks
from veery.errors import Misuse, ProtocolError
from veery.protocol import attachments, crypto
from veery.protocol.attachments import (
    Domain,
    FileChanged,
    FileMalformed,
    FileRefused,
    FileUnfit,
    StreamDecryptor,
    StreamEncryptor,
    StreamHasher,
    StreamKey,
    stream,
)
from veery.protocol.constants import FILE_BLOB_MAX, STREAM_CHUNK, STREAM_PLAINTEXT_MAX
from veery.secret import Secret

SEED = Secret(bytes(range(7, 39)))
# Sizes at which padding, chunks and steps change.
BOUNDARIES = sorted(
    {0, 1, 4_053, 4_054, 8_149, 8_150, 261_982, 261_983, 523_990, 523_991, 2_096_709}
    | {chunks * STREAM_CHUNK + more for chunks in (1, 2, 8) for more in (-1, 0, 1)}
)


def encrypt(data: bytes) -> stream.StreamFile:
    return stream.encrypt(data, SEED, Domain.ATTACHMENT)


def decrypt_pieces(pieces: Iterable[bytes], key: Secret = KEY, *, cut: int | None = None) -> bytes:
    decryptor = StreamDecryptor(key, cut=cut)
    return b"".join([decryptor.update(piece) for piece in pieces]) + decryptor.finish()


@pytest.mark.parametrize("size", BOUNDARIES)
def test_round_trips_at_boundaries(size: int) -> None:
    data = pattern(size)
    made = encrypt(data)
    assert len(made.blob) == attachments.stream_blob_size(size)
    assert stream.decrypt(made.blob, made.key) == data
    assert len(sealed_chunks(made.blob)[-1]) > 17


@pytest.mark.parametrize(
    "piece", [1, 24, 25, 26, 4_096, STREAM_CHUNK - 1, STREAM_CHUNK, STREAM_CHUNK + 1, WHOLE, 10**6]
)
def test_pieces_give_what_the_whole_gives(piece: int) -> None:
    data = pattern(3 * STREAM_CHUNK + 5 if piece > 1 else 9_000)
    made = encrypt(data)
    hasher = StreamHasher(SEED, Domain.ATTACHMENT)
    for part in pieces_of(data, piece):
        hasher.update(part)
    encryptor = StreamEncryptor.of_hashed(hasher)
    assert b"".join([encryptor.update(part) for part in pieces_of(data, piece)]) + encryptor.finish() == made.blob
    assert encryptor.key.is_same(StreamKey(made.blob[1:HEAD], made.key))
    assert decrypt_pieces(pieces_of(made.blob, piece), made.key) == data


@pytest.mark.parametrize("data", [b"", b"a"])
def test_finishing_without_a_piece_writes_the_head_too(data: bytes) -> None:
    encryptor = StreamEncryptor(StreamKey(HEADER, KEY), len(data))
    early = encryptor.update(data) if data else b""
    assert stream.decrypt(early + encryptor.finish(), KEY) == data


def test_no_more_than_a_chunk_waits() -> None:
    data = pattern(20 * STREAM_CHUNK)
    encryptor = StreamEncryptor(StreamKey(HEADER, KEY), len(data))
    written = read = 0
    blob = []
    for piece in pieces_of(data, 1_000):
        read += len(piece)
        blob.append(encryptor.update(piece))
        written += len(blob[-1])
        assert written >= read - STREAM_CHUNK
    decryptor = StreamDecryptor(KEY)
    taken = given = 0
    padding = attachments.stream_padding(len(data))
    for piece in pieces_of(b"".join(blob), 1_000):
        taken += len(piece)
        given += len(decryptor.update(piece))
        assert given >= taken - taken // WHOLE * 17 - padding - HEAD - WHOLE


def test_keys_depend_on_file_seed_and_domain() -> None:
    base = encrypt(b"text")
    assert encrypt(b"text").blob == base.blob
    longer_seed = Secret(SEED.reveal() + b"more")
    assert stream.encrypt(b"text", longer_seed, Domain.ATTACHMENT).blob == base.blob
    others = [
        encrypt(b"tex_"),
        stream.encrypt(b"text", Secret(bytes(32)), Domain.ATTACHMENT),
        stream.encrypt(b"text", SEED, Domain.PROFILE_PICTURE),
    ]
    assert len({made.blob for made in others} | {base.blob}) == 4
    assert len({made.key.reveal() for made in others} | {base.key.reveal()}) == 4


def test_a_drawn_key_hides_that_two_files_are_equal() -> None:
    drawn = StreamKey.draw(lambda size: bytes([size]) * size)
    made = stream.encrypt_with(drawn, b"text")
    assert made.blob[1:HEAD] == bytes([24]) * 24
    assert stream.decrypt(made.blob, Secret(bytes([32]) * 32)) == b"text"


# -- what is refused -------------------------------------------------------------------------------------------


def kind_of(blob: bytes, key: Secret = KEY, *, cut: int | None = None) -> str:
    """The kind of the refusal, which must be the same whole and in pieces."""
    with pytest.raises(ProtocolError) as refused:
        stream.decrypt(blob, key, cut=cut)
    with pytest.raises(ProtocolError) as in_pieces:
        decrypt_pieces(pieces_of(blob, 5_003), key, cut=cut)
    assert isinstance(refused.value, FileRefused | FileMalformed)
    assert refused.value.kind == in_pieces.value.kind
    return refused.value.kind


WHOLE_CHUNK = b"\1" + pattern(STREAM_CHUNK - 1)
NEXT_CHUNK = bytes(reversed(pattern(STREAM_CHUNK)))


def test_truncation_is_refused_at_every_place() -> None:
    blob = blob_of(WHOLE_CHUNK, NEXT_CHUNK, b"end")
    assert stream.decrypt(blob, KEY) == WHOLE_CHUNK[1:] + NEXT_CHUNK + b"end"
    assert kind_of(blob[: HEAD + WHOLE]) == "files.truncated"
    assert kind_of(blob[: HEAD + 2 * WHOLE]) == "files.truncated"
    for size in (HEAD + 18, HEAD + WHOLE - 1, HEAD + WHOLE + 18, len(blob) - 1):
        assert kind_of(blob[:size]) == "files.authentication"
    for size in (0, 1, HEAD - 1, HEAD, HEAD + 16, HEAD + WHOLE + 1):
        assert kind_of(blob[:size]) == "files.short"
    assert kind_of(blob[: HEAD + 17]) == "files.empty_chunk"


def test_appended_bytes_are_refused() -> None:
    for chunks in ((WHOLE_CHUNK,), (WHOLE_CHUNK, NEXT_CHUNK)):
        full = blob_of(*chunks)
        for more in (b"\0", bytes(18), full):
            assert kind_of(full + more) == "files.trailing"
    short = blob_of(b"\1short")
    for more in (b"\0", bytes(100), short):
        assert kind_of(short + more) == "files.authentication"


def test_reordered_repeated_and_dropped_chunks_are_refused() -> None:
    blob = blob_of(WHOLE_CHUNK, NEXT_CHUNK, b"end")
    first, second, last = sealed_chunks(blob)
    for chunks in ((second, first, last), (first, first, second, last), (first, last), (second, last), (last,)):
        assert kind_of(blob[:HEAD] + b"".join(chunks)) == "files.authentication"


def test_chunks_of_another_file_do_not_fit() -> None:
    one, other = (encrypt(pattern(size)) for size in (70_000, 70_001))
    mixed = one.blob[: HEAD + WHOLE] + other.blob[HEAD + WHOLE :]
    assert kind_of(mixed, one.key) == "files.authentication"


def test_every_altered_byte_is_noticed() -> None:
    blob = blob_of(b"\0\1text")
    assert stream.decrypt(blob, KEY) == b"text"
    for at in range(len(blob)):
        altered = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        assert kind_of(altered) == ("files.authentication" if at else "files.mark")


def test_the_last_chunk_must_say_so_and_no_other() -> None:
    assert kind_of(blob_of(WHOLE_CHUNK, b"end", final=None)) == "files.truncated"
    assert kind_of(blob_of(WHOLE_CHUNK, b"end", final=0)) == "files.trailing"
    assert kind_of(blob_of(WHOLE_CHUNK, b"")) == "files.empty_chunk"


def test_padding_must_be_zeros_and_a_one() -> None:
    assert stream.decrypt(blob_of(b"\0\0\1\0\1"), KEY) == b"\0\1"
    assert stream.decrypt(blob_of(bytes(STREAM_CHUNK), b"\1"), KEY) == b""
    assert kind_of(blob_of(b"\2\1")) == "files.padding"
    assert kind_of(blob_of(bytes(100) + b"\xff")) == "files.padding"
    for zeros in (b"\0", bytes(100)):
        assert kind_of(blob_of(zeros)) == "files.padding"
    assert kind_of(blob_of(bytes(STREAM_CHUNK), b"\0")) == "files.padding"


def test_keys_of_wrong_sizes() -> None:
    for size in (0, 31, 33, 64):
        with pytest.raises(FileRefused) as refused:
            StreamDecryptor(Secret(bytes(size)))
        assert refused.value.kind == "files.key"
    assert kind_of(blob_of(b"\1a"), Secret(bytes(32))) == "files.authentication"


def test_cutting() -> None:
    data = pattern(STREAM_CHUNK + 100)
    made = encrypt(data)
    for size in (1, 100, STREAM_CHUNK, len(data) - 1, len(data)):
        assert stream.decrypt(made.blob, made.key, cut=size) == data[:size]
        assert decrypt_pieces(pieces_of(made.blob, 999), made.key, cut=size) == data[:size]
    assert kind_of(made.blob, made.key, cut=len(data) + 1) == "files.size"
    with pytest.raises(FileRefused):
        StreamDecryptor(made.key, cut=0)


def test_what_follows_the_cut_is_still_checked() -> None:
    blob = blob_of(WHOLE_CHUNK, NEXT_CHUNK, b"end")
    assert kind_of(blob[:-1] + bytes([blob[-1] ^ 1]), cut=10) == "files.authentication"


def test_too_long_blobs_are_refused_without_being_kept() -> None:
    decryptor = StreamDecryptor(KEY)
    with pytest.raises(FileRefused) as refused:
        decryptor.update(b"S" + bytes(FILE_BLOB_MAX))
    assert refused.value.kind == "files.too_large"
    allowed = StreamDecryptor(KEY, allow_large=True)
    with pytest.raises(FileRefused) as other:
        allowed.update(b"S" + bytes(FILE_BLOB_MAX))
    assert other.value.kind == "files.authentication"


def test_what_has_failed_goes_no_further() -> None:
    decryptor = StreamDecryptor(KEY)
    with pytest.raises(FileMalformed):
        decryptor.update(b"T")
    with pytest.raises(Misuse):
        decryptor.update(b"S")
    with pytest.raises(Misuse):
        decryptor.finish()
    done = StreamDecryptor(KEY)
    done.update(blob_of(b"\1a"))
    assert done.finish() == b"a"
    with pytest.raises(Misuse):
        done.finish()


# -- what cannot be encrypted ----------------------------------------------------------------------------------


def test_a_file_that_changes_between_its_readings_is_not_sent() -> None:
    hasher = StreamHasher(SEED, Domain.ATTACHMENT)
    hasher.update(b"first reading")
    for second in (b"other reading", b"first", b"first reading and more"):
        encryptor = StreamEncryptor.of_hashed(hasher)
        blob = b""
        with pytest.raises(FileChanged):
            blob += encryptor.update(second)
            blob += encryptor.finish()
        with pytest.raises(Misuse):
            encryptor.update(b"")
        with pytest.raises(ProtocolError):
            stream.decrypt(blob, hasher.key().key)


def test_an_encryptor_serves_for_one_file() -> None:
    encryptor = StreamEncryptor(StreamKey(HEADER, KEY), 1)
    encryptor.update(b"a")
    encryptor.finish()
    with pytest.raises(Misuse):
        encryptor.update(b"")
    with pytest.raises(Misuse):
        encryptor.finish()


def test_large_files_and_short_seeds() -> None:
    with pytest.raises(FileUnfit) as large:
        StreamEncryptor(StreamKey(HEADER, KEY), STREAM_PLAINTEXT_MAX + 1)
    assert large.value.kind == "files.too_large"
    StreamEncryptor(StreamKey(HEADER, KEY), STREAM_PLAINTEXT_MAX + 1, allow_large=True)
    with pytest.raises(FileUnfit) as short:
        StreamHasher(Secret(bytes(31)), Domain.ATTACHMENT)
    assert short.value.kind == "files.seed"


def test_the_key_is_the_keyed_hash_of_the_file() -> None:
    digest = crypto.blake2b(56, b"text", key=SEED.reveal(), person=b"SessionAttachmnt")
    made = encrypt(b"text")
    assert made.blob[1:HEAD] + made.key.reveal() == digest
    assert digest[24:].hex() not in repr(made)
