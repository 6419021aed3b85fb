"""Pictures: decoded within bounds, turned upright, and written anew with nothing but their pixels (09.6).

Whatever a camera or program has put beside the pixels (EXIF with its place and time, XMP, comments, thumbnails, colour
profiles with serial numbers) is left behind because nothing of it is written. Animations keep frames and times.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from veery.client.attachments.faults import PictureRefused

PIXELS_MAX: Final = 64_000_000  # of one frame; more is a decompression bomb
FRAMES_MAX: Final = 1_000
FRAME_PIXELS_MAX: Final = 400_000_000  # of all frames together
SIDE_MAX: Final = 4_096  # pixels, 09.6
THUMBNAIL_SIDE: Final = 200
THUMBNAIL_TYPE: Final = "image/webp"
_QUALITY: Final = 90
_FORMATS: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_STILLS: Final = {"MPO": "JPEG"}  # several JPEG in one file, of which the first is the picture
EXTENSIONS: Final = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without metadata. width, height: pixels, upright."""

    data: bytes = field(repr=False)
    content_type: str
    width: int
    height: int


def clean(data: bytes, *, side_max: int = SIDE_MAX, square: bool = False) -> Picture:
    """The same picture without metadata, at most `side_max` pixels a side. square: cut to a square.

    Raises PictureRefused: it is none of JPEG, PNG, WebP and GIF, is damaged, or would take too much memory.
    """
    return _bounded(data, lambda image: _clean(image, side_max, square))


def _bounded(data: bytes, work: Callable[[Image.Image], Picture]) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=tuple(_FORMATS)) as image:
                if image.width * image.height > PIXELS_MAX:
                    raise PictureRefused("the picture is too large", kind="client.attachment.picture.bomb")
                return work(image)
        except UnidentifiedImageError:
            raise PictureRefused("this is not a picture of a kind that can be cleaned") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
            raise PictureRefused("the picture is too large", kind="client.attachment.picture.bomb") from None
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError):
            raise PictureRefused("the picture is damaged", kind="client.attachment.picture.damaged") from None


def is_picture(content_type: str) -> bool:
    """Whether a type is that of a picture, which must not leave uncleaned. SVG is text, and never sent as a picture."""
    return content_type.startswith("image/")


def thumbnail(data: bytes) -> Picture:
    """A small still WebP picture, at most 200 pixels a side, without metadata; of an animation its first frame.

    Raises PictureRefused.
    """
    return _bounded(data, _thumbnail)


def _clean(image: Image.Image, side_max: int, square: bool) -> Picture:
    kind = _STILLS.get(str(image.format), str(image.format))
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and kind != "JPEG":
        return _animation(image, kind, frames, side_max, square)
    upright = _fitted(ImageOps.exif_transpose(image) or image, side_max, square)
    return _written([_plain(upright, kind)], kind, {})


def _thumbnail(image: Image.Image) -> Picture:
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)  # decodes a JPEG small at once
    upright = ImageOps.exif_transpose(image) or image
    return _written([_plain(upright, "WEBP")], "WEBP", {})


def _animation(image: Image.Image, kind: str, frames: int, side_max: int, square: bool) -> Picture:
    if frames > FRAMES_MAX or frames * image.width * image.height > FRAME_PIXELS_MAX:
        raise PictureRefused("the animation is too long", kind="client.attachment.picture.bomb")
    made: list[Image.Image] = []
    times: list[int] = []
    for frame in ImageSequence.Iterator(image):
        times.append(int(frame.info.get("duration", 100)))
        made.append(_plain(_fitted(frame.convert("RGBA"), side_max, square), kind))
    options: dict[str, Any] = {"save_all": True, "append_images": made[1:], "duration": times}
    return _written(made, kind, {**options, "loop": int(image.info.get("loop", 0))})


def _fitted(image: Image.Image, side_max: int, square: bool) -> Image.Image:
    if square and image.width != image.height:
        side = min(image.size)
        image = ImageOps.fit(image, (side, side))
    if max(image.size) > side_max:
        image = image.copy()
        image.thumbnail((side_max, side_max), Image.Resampling.LANCZOS)
    return image


def _plain(image: Image.Image, kind: str) -> Image.Image:
    """The pixels alone, in a mode that the format has."""
    if kind == "JPEG":
        mode = "L" if image.mode in ("1", "L") else "RGB"
    elif image.mode in ("1", "L", "RGB", "RGBA", "P") and kind == "PNG" and "transparency" not in image.info:
        mode = image.mode if image.mode != "P" else "RGB"
    else:
        mode = "RGBA" if image.has_transparency_data else "RGB"
    found = image.convert(mode)
    bare = Image.new(mode, found.size)
    bare.paste(found)
    return bare


def _written(frames: list[Image.Image], kind: str, options: dict[str, Any]) -> Picture:
    file = io.BytesIO()
    if kind in ("JPEG", "WEBP"):
        options = {"quality": _QUALITY, **options}
    frames[0].save(file, kind, **options)
    return Picture(file.getvalue(), _FORMATS[kind], frames[0].width, frames[0].height)
