from __future__ import annotations

import pytest

from tests.unit.protocol.onion.world import EXIT, GUARD, HOPS, MIDDLE, PATH, TARGET, Counting, End, end
from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.onion import (
    Built,
    CiphertextInvalid,
    EncType,
    EncTypeNotSent,
    FrameTooLarge,
    Hop,
    JsonInvalid,
    Layer,
    Peeled,
    ReplyForm,
    RequestUnreadable,
    ServerDestination,
    ToDestination,
    ToNode,
    ToServer,
    UrlInvalid,
    build,
    open_server_request,
    overhead,
    peel,
    peel_outer,
)
from veery.protocol.onion.encryption import client_key
from veery.protocol.onion.frames import read_frame, write_frame
from veery.secret import Secret

TYPES = [EncType.AES_GCM, EncType.XCHACHA20]


def through(built: Built, ends: list[End]) -> list[Peeled]:
    """Peel at every hop in turn."""
    peeled = [peel_outer(built.body, ends[0].secret, ends[0].public)]
    for one in ends[1:]:
        route = peeled[-1].route
        assert isinstance(route, ToNode)
        assert route.destination == one.ed25519
        peeled.append(peel(route.layer, one.secret, one.public))
    return peeled


def sealed_to(one: End, plaintext: bytes, enc_type: EncType = EncType.XCHACHA20) -> Layer:
    secret = Secret(crypto.blake2b(32, b"sender"))
    public = crypto.x25519_public(secret.reveal())
    key = client_key(enc_type, secret, public, one.public)
    return Layer(key.seal(plaintext, Counting()), public, enc_type, 3)


@pytest.mark.parametrize("enc_type", TYPES)
def test_to_a_node_and_back(enc_type: EncType) -> None:
    built = build(HOPS, TARGET.node(), b'{"method":"info"}', random=Counting(), enc_type=enc_type)
    peeled = through(built, [*PATH, TARGET])
    assert [one.hop_no for one in peeled] == [0, 1, 2, 3]
    assert peeled[-1].route == ToDestination(b'{"method":"info"}', ReplyForm())
    assert built.reply_key.open(peeled[-1].key.seal(b"reply", Counting(b"node"))) == b"reply"


@pytest.mark.parametrize("enc_type", TYPES)
@pytest.mark.parametrize("size", [16_000, 16_384, 300_000])
def test_large_requests_arrive_whole_over_any_number_of_hops(enc_type: EncType, size: int) -> None:
    payload = bytes(range(251)) * (size // 251)
    for count in (1, 2, 3):
        built = build(HOPS[:count], TARGET.server(), payload, random=Counting(), enc_type=enc_type, padding=5)
        route = through(built, PATH[:count])[-1].route
        assert isinstance(route, ToServer)
        plaintext, key = open_server_request(route.payload, TARGET.secret, TARGET.public)
        assert plaintext == payload
        assert built.reply_key.open(key.seal(payload, Counting(b"server"))) == payload


@pytest.mark.parametrize("enc_type", TYPES)
def test_to_a_server_and_back(enc_type: EncType) -> None:
    built = build(HOPS, TARGET.server(), b"l2:{}e", random=Counting(), enc_type=enc_type)
    route = through(built, PATH)[-1].route
    assert isinstance(route, ToServer)
    assert route.url == "http://files.example.org:8000/oxen/v4/lsrpc"
    plaintext, key = open_server_request(route.payload, TARGET.secret, TARGET.public)
    assert plaintext == b"l2:{}e"
    assert built.reply_key.open(key.seal(b"reply", Counting(b"server"))) == b"reply"


def test_only_the_innermost_key_opens_the_reply() -> None:
    built = build(HOPS, TARGET.node(), b"{}", random=Counting())
    for one in through(built, [*PATH, TARGET])[:-1]:
        with pytest.raises(crypto.CryptoFailed):
            built.reply_key.open(one.key.seal(b"forged", Counting()))


def test_every_layer_has_a_fresh_key() -> None:
    built = build(HOPS, TARGET.node(), b"{}", random=Counting())
    layers = [one.route.layer for one in through(built, PATH) if isinstance(one.route, ToNode)]
    outermost = read_frame(built.body)[1]["ephemeral_key"]
    assert len({outermost, *(layer.ephemeral_key.hex() for layer in layers)}) == 4


def test_one_hop_and_the_longest_path() -> None:
    for count in (1, 15):
        ends = [end(f"hop {number}") for number in range(count)]
        built = build([one.hop for one in ends], TARGET.node(), b"{}", random=Counting())
        assert through(built, [*ends, TARGET])[-1].hop_no == count


def test_reply_form_is_asked_for() -> None:
    form = ReplyForm(json=True, base64=False)
    built = build(HOPS, TARGET.node(form), b"{}", random=Counting())
    assert through(built, [*PATH, TARGET])[-1].route == ToDestination(b"{}", form)


def test_hop_no_is_a_pretended_start() -> None:
    built = build(HOPS, TARGET.node(), b"{}", random=Counting(), hop_no=12)
    assert [one.hop_no for one in through(built, [*PATH, TARGET])] == [12, 13, 14, 15]
    with pytest.raises(Misuse):
        build(HOPS, TARGET.node(), b"{}", random=Counting(), hop_no=13)
    build(HOPS, TARGET.server(), b"{}", random=Counting(), hop_no=13)


@pytest.mark.parametrize("padding", [0, 1, 5_000])
def test_padding_changes_the_length_and_nothing_else(padding: int) -> None:
    for destination in (TARGET.node(), TARGET.node(ReplyForm(True, False)), TARGET.server()):
        for enc_type in TYPES:
            for hop_no in (0, 9):
                built = build(
                    HOPS,
                    destination,
                    b"payload",
                    random=Counting(),
                    enc_type=enc_type,
                    hop_no=hop_no,
                    padding=padding,
                )
                expected = overhead(len(HOPS), destination, enc_type=enc_type, hop_no=hop_no)
                assert len(built.body) == len(b"payload") + expected + padding
                last = through(built, PATH)[-1].route
                if isinstance(last, ToServer):
                    assert open_server_request(last.payload, TARGET.secret, TARGET.public)[0] == b"payload"
                else:
                    assert isinstance(last, ToNode)
                    target = peel(last.layer, TARGET.secret, TARGET.public).route
                    assert isinstance(target, ToDestination)
                    assert target.body == b"payload"


def test_what_cannot_be_built() -> None:
    random = Counting()
    with pytest.raises(EncTypeNotSent):
        build(HOPS, TARGET.node(), b"", random=random, enc_type=EncType.AES_CBC)
    with pytest.raises(Misuse):
        build([], TARGET.node(), b"", random=random)
    with pytest.raises(Misuse):
        build(HOPS * 6, TARGET.node(), b"", random=random)
    with pytest.raises(Misuse):
        build(HOPS, TARGET.node(), b"", random=random, hop_no=-1)
    with pytest.raises(Misuse):
        build([Hop(GUARD.ed25519, GUARD.public[:-1])], TARGET.node(), b"", random=random)
    with pytest.raises(Misuse, match="no hop would serve"):
        build(HOPS, ServerDestination(TARGET.public, "a.example", target="/else"), b"", random=random)
    with pytest.raises(crypto.CryptoFailed):
        build([GUARD.hop, Hop(MIDDLE.ed25519, bytes(32))], TARGET.node(), b"", random=random)
    with pytest.raises(FrameTooLarge):
        build([GUARD.hop], TARGET.node(), bytes(10_485_760), random=random)


def test_the_guard_says_in_clear_what_it_cannot_read() -> None:
    key = GUARD.public.hex()
    for body, reason in [
        (b"", "a frame needs at least 4 bytes"),
        (b"\xff\0\0\0{}", "the blob ends beyond the frame"),
        (write_frame(b"", b"[]"), "the text is not one JSON object"),
        (write_frame(b"", b"{}"), "ephemeral_key must be 64 hex digits"),
        (write_frame(b"", b'{"ephemeral_key":"00"}'), "ephemeral_key must be 64 hex digits"),
        (
            write_frame(b"", f'{{"ephemeral_key":"{key}","enc_type":"AES-GCM"}}'.encode()),
            "no layer encryption has this name",
        ),
    ]:
        with pytest.raises(RequestUnreadable) as caught:
            peel_outer(body, GUARD.secret, GUARD.public)
        assert (caught.value.code, caught.value.text) == (400, f"Error parsing onion request: {reason}")


@pytest.mark.parametrize("enc_type", EncType)
@pytest.mark.parametrize("key", [bytes(32), MIDDLE.public])
def test_what_does_not_decrypt_is_answered_in_clear(enc_type: EncType, key: bytes) -> None:
    with pytest.raises(CiphertextInvalid) as caught:
        peel(Layer(bytes(48), key, enc_type, 1), GUARD.secret, GUARD.public)
    assert (caught.value.code, caught.value.text) == (400, "Invalid ciphertext")


def test_a_layer_of_another_node_does_not_open() -> None:
    built = build(HOPS, TARGET.node(), b"{}", random=Counting())
    with pytest.raises(CiphertextInvalid):
        peel_outer(built.body, EXIT.secret, EXIT.public)


@pytest.mark.parametrize(
    ("control", "error", "text"),
    [
        (b"{}", JsonInvalid, b"Invalid json"),
        (b'{"host":"a","target":"/x"}', UrlInvalid, b"Invalid url"),
        (b'{"host":"127.0.0.1","target":"/oxen/v4/lsrpc"}', UrlInvalid, b"Invalid url"),
    ],
)
def test_what_does_decrypt_is_answered_encrypted(
    control: bytes, error: type[JsonInvalid | UrlInvalid], text: bytes
) -> None:
    layer = sealed_to(GUARD, write_frame(b"blob", control))
    with pytest.raises(error) as caught:
        peel(layer, GUARD.secret, GUARD.public)
    assert (caught.value.code, caught.value.text) == (400, text.decode())
    assert caught.value.key is not None


def test_a_switch_lets_test_networks_use_loopback() -> None:
    layer = sealed_to(GUARD, write_frame(b"", b'{"host":"127.0.0.1","target":"/oxen/v4/lsrpc","port":8}'))
    route = peel(layer, GUARD.secret, GUARD.public, allow_private_servers=True).route
    assert isinstance(route, ToServer)
    assert route.url == "https://127.0.0.1:8/oxen/v4/lsrpc"


def test_a_cbc_layer_is_peeled_and_passed_on() -> None:
    secret = Secret(crypto.blake2b(32, b"old client"))
    public = crypto.x25519_public(secret.reveal())
    shared, iv = crypto.x25519(secret.reveal(), GUARD.public), bytes(16)
    control = f'{{"destination":"{"ab" * 32}","ephemeral_key":"{"cd" * 32}","enc_type":"cbc"}}'
    blob = iv + crypto.aes_cbc_encrypt(shared, iv, write_frame(b"inner", control.encode()))
    route = peel(Layer(blob, public, EncType.AES_CBC, 0), GUARD.secret, GUARD.public).route
    assert route == ToNode(b"\xab" * 32, Layer(b"inner", b"\xcd" * 32, EncType.AES_CBC, 1))


def test_nothing_prints_content() -> None:
    built = build(HOPS, TARGET.node(), b"05abcdef", random=Counting())
    assert "body=" not in repr(built)
    for one in through(built, [*PATH, TARGET]):
        assert "05abcdef" not in repr(one)
