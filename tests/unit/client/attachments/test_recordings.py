"""How long recordings play, and what a voice message may have."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veery.client.attachments import AttachmentRefused, prepare
from veery.client.attachments.recordings import seconds


def wav(length_s: int, hz: int = 8_000) -> bytes:
    """Silence, 8 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(1)
        made.setframerate(hz)
        made.writeframes(bytes(length_s * hz))
    return file.getvalue()


def page(position: int, packet: bytes) -> bytes:
    """A page of Ogg with one short packet."""
    head = b"OggS\0\0" + position.to_bytes(8, "little") + bytes(12)
    return head + bytes([1, len(packet)]) + packet


def opus(samples: int, skipped: int = 312) -> bytes:
    """An Ogg file with Opus: its head, a page of sound, and the last page."""
    head = b"OpusHead\x01\x01" + skipped.to_bytes(2, "little") + (16_000).to_bytes(4, "little") + bytes(3)
    return page(0, head) + page(960, b"sound") + page(samples + skipped, b"sound")


def vorbis(samples: int, hz: int) -> bytes:
    """An Ogg file with Vorbis."""
    return page(0, b"\x01vorbis" + bytes(4) + b"\x01" + hz.to_bytes(4, "little") + bytes(14)) + page(samples, b"sound")


def test_what_says_how_long_it_is() -> None:
    assert seconds(wav(3)) == 3
    assert seconds(opus(48_000 * 7)) == 7
    assert seconds(vorbis(44_100 * 2, 44_100)) == 2


def test_a_recorder_that_was_cut_off_leaves_what_is_there() -> None:
    whole = wav(4)
    at = whole.index(b"data") + 4
    assert seconds(whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :]) == 4


@pytest.mark.parametrize(
    "data",
    [b"", b"ID3\x04 mp3", b"OggS", page(0, b"\x01vorbis"), page(2**64 - 1, b"OpusHead\x01\x01\0\0"), wav(1)[:30]],
)
def test_what_does_not_say_so(data: bytes) -> None:
    assert seconds(data) is None


@given(st.sampled_from([wav(1), opus(500), vorbis(500, 8_000)]), st.data())
def test_damaged_recordings_are_only_not_known(whole: bytes, data: st.DataObject) -> None:
    made = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if made:
            made[data.draw(st.integers(0, min(len(made) - 1, 80)))] = data.draw(st.integers(0, 255))
    found = seconds(bytes(made))
    assert found is None or found >= 0


def test_voice_messages_end_after_five_minutes(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav(301, 1_000))
    with pytest.raises(AttachmentRefused, match="301 s") as caught:
        prepare(path, voice=True)
    assert caught.value.kind == "client.attachment.voice.too_long"
    assert not prepare(path).voice
    path.write_bytes(wav(300, 1_000))
    made = prepare(path, voice=True)
    assert (made.voice, made.name) == (True, "voice.wav")
    path.with_suffix(".mp3").write_bytes(b"ID3 nobody knows how long")
    assert prepare(path.with_suffix(".mp3"), voice=True).voice
