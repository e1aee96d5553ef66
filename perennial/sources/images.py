"""The gate that every image passes: checked before it is decoded, then made into one plain kind of JPEG."""

import contextlib
import functools
import io
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from perennial.errors import ImageRejected

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000
LARGE_PIXELS = 4_000_000
"""Images with more are decoded one at a time in a process, so that threads don't multiply the memory."""

MIN_SIDE = 8
LONGEST_SIDE = 640
QUALITY = 90
_ORIENTATION = 0x0112
_one_large = threading.Lock()


@dataclass(frozen=True)
class Normalised:
    """An image as the catalog keeps it: sRGB, longest side ≤ 640, no metadata, JPEG quality 90."""

    jpeg: bytes
    width: int
    height: int


def normalise(data: bytes) -> Normalised:
    """Return the image that ``data`` encodes in its normal form; the same bytes always give the same bytes.

    Nothing is decoded before its kind, size and animation are known; an image of MAX_PIXELS takes up to 0.6 GiB.

    Raises:
        ImageRejected: too many bytes or pixels, not a JPEG, PNG or WebP, animated, damaged, or too narrow.
    """
    _check_bytes(data)
    name, opener = _format(data)
    if name == "WebP":
        _check_pixels(*_webp_size(data))
    try:
        with opener(io.BytesIO(data)) as image:
            _check_pixels(*image.size)
            _check_still(image, name)
            with _one_large if image.width * image.height > LARGE_PIXELS else contextlib.nullcontext():
                picture = _plain(image)
    except ImageRejected:
        raise
    except MemoryError:
        raise ImageRejected(f"The {name} needs more memory than there is. Give a smaller copy of it.") from None
    except Exception as error:  # Pillow's decoders raise nearly any class on crafted bytes
        detail = " ".join(str(error).split())[:120]
        raise ImageRejected(f"The {name} is damaged or cut off ({detail}). Fetch or export it again.") from error
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return Normalised(buffer.getvalue(), *picture.size)


def _check_bytes(data: bytes) -> None:
    if not data:
        raise ImageRejected("The file is empty. Fetch or export it again.")
    if len(data) > MAX_BYTES:
        raise ImageRejected(f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} are allowed. Give a smaller copy of it.")


def _format(data: bytes) -> tuple[str, Callable[[io.BytesIO], Image.Image]]:
    """Tell the format by content; the plugins are opened by class, since Image.open tries others and warns by size first."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG", JpegImageFile
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG", PngImageFile
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP", WebPImageFile
    raise ImageRejected(f"The file is {_guess(data)}, not a JPEG, PNG or WebP. Convert it to one of these.")


def _guess(data: bytes) -> str:
    known = {
        b"GIF8": "a GIF",
        b"BM": "a BMP",
        b"II*\x00": "a TIFF",
        b"MM\x00*": "a TIFF",
        b"%PDF": "a PDF",
        b"PK\x03\x04": "a ZIP archive",
        b"8BPS": "a Photoshop file",
    }
    start = data[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if start.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML file"
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file"
    return next((name for magic, name in known.items() if data.startswith(magic)), "of an unknown kind")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read width and height from a WebP's header: Pillow allocates the whole canvas as soon as it opens one."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if len(body) == 10 and chunk == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if len(body) == 10 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise ImageRejected("The WebP is damaged or cut off. Fetch or export it again.")


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageRejected(
            f"The image has {width:,} × {height:,} pixels; at most {MAX_PIXELS:,} are allowed. Give a smaller copy of it."
        )
    longest, shortest = max(width, height), min(width, height)
    if shortest * min(1.0, LONGEST_SIDE / max(longest, 1)) < MIN_SIDE:
        raise ImageRejected(
            f"The image has {width:,} × {height:,} pixels, which is too small or too narrow to show anything. "
            f"Give one whose shorter side has at least {MIN_SIDE} pixels, after its longer one is brought to {LONGEST_SIDE}."
        )


def _check_still(image: Image.Image, name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if name != "JPEG" and frames > 1:
        raise ImageRejected(f"The {name} is animated ({frames} frames). Give one frame of it.")


def _plain(image: Image.Image) -> Image.Image:
    """Decode, shrink, turn upright and bring to sRGB."""
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    image.draft(None, (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
    image.load()
    picture = _eight_bits(image)
    size = _target(picture.size)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = _to_srgb(picture, profile)
    return picture.transpose(orientation) if orientation is not None else picture


def _target(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """Return how to turn the image upright by its EXIF; damaged EXIF counts as none."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error, UserWarning):
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image as RGB or CMYK with 8 bits a channel; what is transparent becomes white."""
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        return Image.fromarray((np.clip(deep, 0, 65535) // 256).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        seen = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", seen.size, (255, 255, 255))
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return image if image.mode in ("RGB", "CMYK") else image.convert("RGB")


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert by the embedded colour profile; a profile that is damaged or doesn't fit is left aside."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _srgb(), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            return converted
    return picture.convert("RGB")


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
