"""Pictures: nothing beside the pixels is left, in any format, still or moving; bombs are refused."""

from __future__ import annotations

import io
from typing import Any, Final

import pytest
from PIL import Image, PngImagePlugin

from veery.client.attachments import PictureRefused
from veery.client.attachments.images import FRAME_PIXELS_MAX, FRAMES_MAX, clean, thumbnail

XMP: Final = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRET XMP</x:xmpmeta>"
PROFILE: Final = b"\0" * 36 + b"acsp" + b"SECRET PROFILE" + bytes(80)


def exif() -> Image.Exif:
    """A maker, and a place."""
    made = Image.Exif()
    made[0x010F] = "SECRET MAKER"
    made.get_ifd(0x8825)[1] = "SECRETNORTH"
    return made


def texts() -> PngImagePlugin.PngInfo:
    """Texts of PNG in all three kinds of chunk, one of them XMP."""
    made = PngImagePlugin.PngInfo()
    made.add_text("Author", "SECRET AUTHOR")
    made.add_text("Comment", "SECRET COMMENT", zip=True)
    made.add_itxt("XML:com.adobe.xmp", "SECRET ITXT")
    return made


def written(kind: str, frames: int, **options: Any) -> bytes:
    """Frames of 40 by 30 pixels in a file."""
    images = [Image.new("RGB", (40, 30), (40 * each, 0, 200)) for each in range(frames)]
    file = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": images[1:], "duration": 100}
    images[0].save(file, kind, **options)
    return file.getvalue()


FILES: Final[dict[str, bytes]] = {
    "jpeg": written("JPEG", 1, exif=exif(), comment=b"SECRET COMMENT", xmp=XMP, icc_profile=PROFILE),
    "mpo": written("MPO", 2, exif=exif()),
    "png": written("PNG", 1, exif=exif(), pnginfo=texts(), icc_profile=PROFILE),
    "animated png": written("PNG", 3, exif=exif(), pnginfo=texts(), icc_profile=PROFILE),
    "webp": written("WEBP", 1, exif=exif(), xmp=XMP, icc_profile=PROFILE),
    "animated webp": written("WEBP", 3, exif=exif(), xmp=XMP, icc_profile=PROFILE),
    "gif": written("GIF", 1, comment=b"SECRET COMMENT"),
    "animated gif": written("GIF", 3, comment=b"SECRET COMMENT"),
}
_KEPT_CHUNKS: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_the_pixels_is_left(name: str) -> None:
    data = FILES[name]
    assert name == "animated png" or b"SECRET" in data
    for made in (clean(data), clean(data, side_max=20), thumbnail(data)):
        assert b"SECRET" not in made.data
        with Image.open(io.BytesIO(made.data)) as image:
            image.load()
            assert not dict(image.getexif())
            left = set(image.info) - {"duration", "loop", "background", "version", "extension", "transparency"}
            assert left <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "timestamp", "blend", "disposal"} | {
                "default_image",
                "bbox",
            }


@pytest.mark.parametrize("name", ["png", "animated png"])
def test_of_png_only_chunks_of_pixels_are_left(name: str) -> None:
    data, at = clean(FILES[name]).data, 8
    found = set()
    while at < len(data):
        found.add(data[at + 4 : at + 8])
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    assert found <= _KEPT_CHUNKS


@pytest.mark.parametrize("name", ["webp", "animated webp"])
def test_of_webp_only_chunks_of_pixels_are_left(name: str) -> None:
    data, at = clean(FILES[name]).data, 12
    found = set()
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.add(data[at : at + 4])
        at += 8 + size + size % 2
    assert found <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}


@pytest.mark.parametrize("name", ["animated png", "animated webp", "animated gif"])
def test_animations_move_on(name: str) -> None:
    with Image.open(io.BytesIO(clean(FILES[name]).data)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(thumbnail(FILES[name]).data)) as small:
        assert getattr(small, "n_frames", 1) == 1


def test_several_pictures_of_a_camera_in_one_file_are_one_jpeg() -> None:
    assert clean(FILES["mpo"]).content_type == "image/jpeg"


def test_animated_bombs_are_refused() -> None:
    many = io.BytesIO()
    frames = [Image.new("1", (2, 2), each % 2) for each in range(FRAMES_MAX + 1)]
    frames[0].save(many, "GIF", save_all=True, append_images=frames[1:], duration=10)
    side = int((FRAME_PIXELS_MAX / 8) ** 0.5) + 100
    large = io.BytesIO()
    frames = [Image.new("1", (side, side), each % 2) for each in range(8)]
    frames[0].save(large, "GIF", save_all=True, append_images=frames[1:], duration=10)
    for data in (many.getvalue(), large.getvalue()):
        with pytest.raises(PictureRefused) as caught:
            clean(data)
        assert caught.value.kind == "client.attachment.picture.bomb"


def test_thumbnails_of_bombs_and_of_what_is_broken_are_refused() -> None:
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    for data in (bomb.getvalue(), FILES["png"][:60], b"", b"GIF89a"):
        with pytest.raises(PictureRefused):
            thumbnail(data)
