"""Files: what goes in comes out, in any pieces; anything else is refused by name (09)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from veery.protocol import attachments
from veery.protocol.attachments import (
    Domain,
    FileAnswerMalformed,
    FileId,
    FileIdMalformed,
    FileMalformed,
    FileRefused,
    FileServer,
    FileUrlMalformed,
    StreamDecryptor,
    StreamEncryptor,
    StreamHasher,
    VersionCheckRefused,
    legacy,
    parse_url,
    profile_pictures,
    requests,
    safe_file_name,
    stream,
    url_of,
)
from veery.protocol.constants import STREAM_CHUNK, STREAM_CHUNK_OVERHEAD
from veery.protocol.onion.servers import ServerReply
from veery.secret import Secret

SEED = Secret(bytes(range(32)))
HEAD = 25
WHOLE = STREAM_CHUNK + STREAM_CHUNK_OVERHEAD
BOUNDARIES = (0, 4_053, 8_149, STREAM_CHUNK, 2 * STREAM_CHUNK, 4 * STREAM_CHUNK, 261_982)
SIZES = st.integers(0, 9_000) | st.builds(
    lambda boundary, more: max(0, boundary + more), st.sampled_from(BOUNDARIES), st.integers(-40, 40)
)
CUTS = st.lists(st.integers(0, 300_000), max_size=6)


def data_of(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(SIZES, CUTS, CUTS, st.sampled_from(Domain))
def test_streams_in_any_pieces(size: int, written: list[int], read: list[int], domain: Domain) -> None:
    data = data_of(size)
    made = stream.encrypt(data, SEED, domain)
    hasher = StreamHasher(SEED, domain)
    for piece in pieces(data, read):
        hasher.update(piece)
    encryptor = StreamEncryptor.of_hashed(hasher)
    blob = b"".join([encryptor.update(piece) for piece in pieces(data, written)]) + encryptor.finish()
    assert blob == made.blob
    assert len(blob) == attachments.stream_blob_size(size)
    decryptor = StreamDecryptor(made.key)
    assert b"".join([decryptor.update(piece) for piece in pieces(blob, read)]) + decryptor.finish() == data


@given(st.integers(0, 2**32 - 1))
def test_stream_sizes(size: int) -> None:
    padding = attachments.stream_padding(size, allow_large=True)
    blob = attachments.stream_blob_size(size, allow_large=True)
    chunks = -(-(size + padding) // STREAM_CHUNK)
    assert padding >= 1
    assert blob == HEAD + size + padding + chunks * STREAM_CHUNK_OVERHEAD
    assert size <= attachments.stream_plaintext_bound(blob)
    assert padding <= max(4_096 + STREAM_CHUNK, size // 15)


@given(st.data(), st.sampled_from([100, 40_000, 70_000]))
def test_altered_streams_never_say_something_else(choose: st.DataObject, size: int) -> None:
    made = stream.encrypt(data_of(size), SEED, Domain.ATTACHMENT)
    chunks = [made.blob[at : at + WHOLE] for at in range(HEAD, len(made.blob), WHOLE)]
    kind = choose.draw(st.sampled_from(["flip", "cut", "append", "chunks"]))
    if kind == "flip":
        at, change = choose.draw(st.integers(0, len(made.blob) - 1)), choose.draw(st.integers(1, 255))
        altered = made.blob[:at] + bytes([made.blob[at] ^ change]) + made.blob[at + 1 :]
    elif kind == "cut":
        altered = made.blob[: choose.draw(st.integers(0, len(made.blob) - 1))]
    elif kind == "append":
        altered = made.blob + choose.draw(st.binary(min_size=1, max_size=40))
    else:
        order = choose.draw(st.lists(st.sampled_from(range(len(chunks))), max_size=5))
        altered = made.blob[:HEAD] + b"".join(chunks[number] for number in order)
    refused(altered, made.key) if altered != made.blob else stream.decrypt(altered, made.key)


def refused(blob: bytes, key: Secret) -> None:
    try:
        stream.decrypt(blob, key)
    except (FileMalformed, FileRefused) as error:
        assert error.kind.startswith("files.")
    else:
        raise AssertionError("an altered file was opened")


@given(st.binary(min_size=1, max_size=2_000), st.booleans(), st.binary(min_size=80, max_size=80))
def test_legacy_files(plaintext: bytes, pad: bool, drawn: bytes) -> None:
    source = iter([drawn[:64], drawn[64:]])
    made = legacy.encrypt(plaintext, random=lambda size: next(source), pad=pad)
    opened = legacy.decrypt(made.blob, made.keys, made.digest)
    assert attachments.cut_to_size(opened, len(plaintext)) == plaintext
    assert opened[len(plaintext) :].strip(b"\0") == b""


@given(st.binary(min_size=1, max_size=500), st.binary(min_size=44, max_size=44))
def test_profile_pictures(image: bytes, drawn: bytes) -> None:
    key = Secret(drawn[12:])
    blob = profile_pictures.encrypt(image, key, lambda size: drawn[:size])
    assert profile_pictures.decrypt(blob, key) == image


@given(st.binary(max_size=300), st.binary(max_size=70), st.none() | st.binary(max_size=40))
def test_any_bytes_are_refused_by_name(blob: bytes, key: bytes, digest: bytes | None) -> None:
    openers: list[Callable[[], bytes]] = [
        lambda: stream.decrypt(blob, Secret(key)),
        lambda: stream.decrypt(b"S" + blob, Secret(key[:32].ljust(32))),
        lambda: legacy.decrypt(blob, Secret(key), digest),
        lambda: legacy.decrypt(blob, Secret(key[:64].ljust(64)), digest),
        lambda: profile_pictures.decrypt(blob, Secret(key[:32].ljust(32))),
    ]
    for opener in openers:
        try:
            opener()
        except (FileMalformed, FileRefused) as error:
            assert error.kind.startswith("files.")
        else:
            raise AssertionError("random bytes were opened")


# -- URLs, ids, names ------------------------------------------------------------------------------------------

HOSTS = st.sampled_from(["files.example", "a.b-c.example", "10.0.0.1", "[2001:db8::1]", "filev2.getsession.org"])
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True)
SERVERS = st.builds(
    FileServer,
    ed25519=st.binary(min_size=32, max_size=32),
    host=HOSTS,
    scheme=st.sampled_from(["http", "https"]),
    port=st.none() | st.integers(1, 65_535),
)
URL_TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [
            "http://",
            "https://",
            "h.example",
            "[::1]",
            ":80",
            "/file/",
            "/files/",
            "abc",
            "/",
            "..",
            "#",
            "d",
            "&",
            "p=",
            "%2f",
        ]
    ),
    max_size=10,
).map("".join)


@given(IDS, SERVERS, st.booleans())
def test_urls(file_id: str, server: FileServer, is_stream: bool) -> None:
    url = url_of(file_id, server, stream=is_stream)
    read = parse_url(url.text)
    assert read.text == url.text
    assert (read.file_id, read.host, read.server_key, read.stream) == (file_id, server.host, url.server_key, is_stream)
    asked = read.server()
    assert (asked.ed25519, asked.host, asked.scheme) == (server.ed25519, server.host, server.scheme)
    assert asked.destination().port == server.destination().port


@given(URL_TEXTS)
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except FileUrlMalformed as error:
        assert error.kind == "files.url"
        return
    assert parse_url(url.text).text == url.text
    assert "/" not in url.file_id
    assert url.file_id.strip(".")


@given(st.text(max_size=50) | st.from_regex(r"[A-Za-z0-9_/.-]{44}", fullmatch=True))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        found = FileId.parse(text)
    except FileIdMalformed:
        return
    assert found.text == text
    assert not {"/", "\\", ".", "\0"} & set(found.text + found.folder)
    assert len(found.folder) == (2 if found.is_hash else 3)


@given(st.text(max_size=400) | st.text("./\\:. \u202e\0conNULé", max_size=400))
def test_names_are_safe_and_stay_so(text: str) -> None:
    name = safe_file_name(text)
    assert name not in ("", ".", "..")
    assert 0 < len(name.encode()) <= 200
    assert not set('/\\:<>"|?*\0') & set(name)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in name)
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert safe_file_name(name) == name


# -- answers and headers ---------------------------------------------------------------------------------------


@given(
    st.binary(max_size=200) | st.from_regex(r'\{"id":("[a-z/.]*"|[0-9]+),"expires":[0-9]+(e[0-9]+)?\}').map(str.encode)
)
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    for read in (requests.read_uploaded, requests.read_info):
        try:
            read(ServerReply(200, {}, body))
        except FileAnswerMalformed as error:
            assert error.kind == "files.answer"


@given(st.dictionaries(st.sampled_from(["X-FS-Pubkey", "X-FS-Timestamp", "X-FS-Signature"]), st.text(max_size=100)))
def test_any_headers_are_refused_or_absent(headers: dict[str, str]) -> None:
    try:
        counted = attachments.check_version_headers(headers, now_s=1_764_000_000, method="GET", path="/")
    except VersionCheckRefused as error:
        assert error.code in (400, 401, 425)
    else:
        assert counted is None
        assert not any(headers.values())
