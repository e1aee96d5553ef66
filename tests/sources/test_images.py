"""The gate: every kind of bad picture is refused with a reason, every good one comes out plain."""

import io
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from perennial.errors import ImageRejected
from perennial.sources import images
from perennial.sources.images import LONGEST_SIDE, normalise


def picture(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a picture with a bright left and a dark right half."""
    image = Image.new("RGB", size, (200, 60, 40))
    image.paste((20, 40, 90), (size[0] // 2, 0, size[0], size[1]))
    return image.quantize(4, dither=Image.Dither.NONE) if mode == "P" else image.convert(mode)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> Image.Image:
    normal = normalise(data)
    image = Image.open(io.BytesIO(normal.jpeg))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (normal.width, normal.height))
    assert not image.getexif()
    assert "icc_profile" not in image.info
    return image


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], off: int = 14) -> bool:
    return bool(np.abs(np.asarray(image, int)[at[1], at[0]] - colour).max() <= off)


def png(width: int, height: int, data: bytes = b"", depth: int = 8) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("form", "options"), [("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_each_allowed_format_keeps_its_picture(form: str, options: dict[str, object]) -> None:
    image = decoded(encoded(picture(), form, **options))
    assert image.size == (96, 64)
    assert near(image, (10, 30), (200, 60, 40))
    assert near(image, (86, 30), (20, 40, 90))


def test_the_same_bytes_give_the_same_bytes() -> None:
    data = encoded(picture(size=(1300, 900)), "JPEG")
    assert normalise(data) == normalise(data)


def test_a_large_picture_is_shrunk() -> None:
    assert decoded(encoded(picture(size=(1600, 1000)), "JPEG")).size == (LONGEST_SIDE, 400)
    assert decoded(encoded(picture(size=(500, 2000)))).size == (160, LONGEST_SIDE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(60), "is a GIF, not a JPEG, PNG or WebP"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"  <svg xmlns='x'>", "SVG"),
        (bytes(4) + b"ftypheic" + bytes(30), "HEIC"),
        (b"hello, world", "unknown kind"),
        (b"\xff\xd8\xff", "JPEG is damaged"),
        (b"\x89PNG\r\n\x1a\n", "PNG is damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "WebP is damaged"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageRejected, match=reason):
        normalise(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused(form: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), form)
    with pytest.raises(ImageRejected, match="damaged or cut off"):
        normalise(data[: int(len(data) * share)])


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_animation_is_refused(form: str) -> None:
    frames = [picture(), picture().transpose(Image.Transpose.ROTATE_180)]
    with pytest.raises(ImageRejected, match=r"animated \(2 frames\)"):
        normalise(encoded(frames[0], form, save_all=True, append_images=frames[1:]))


def test_a_huge_png_is_refused_fast_and_in_little_memory() -> None:
    rows = zlib.compressobj(1)
    data = b"".join([rows.compress(bytes(6251)) for _ in range(50_000)]) + rows.flush()
    program = (
        "import resource, sys\n"
        "from perennial.sources.images import normalise\n"
        "from perennial.errors import ImageRejected\n"
        "import os\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * os.sysconf('SC_PAGE_SIZE')\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20,) * 2)\n"
        "try:\n    normalise(sys.stdin.buffer.read())\n"
        "except ImageRejected as error:\n    print(error)\n"
    )
    huge = png(50_000, 50_000, data, depth=1)
    ended = subprocess.run([sys.executable, "-c", program], input=huge, capture_output=True, check=True)
    assert "50,000 × 50,000 pixels" in ended.stdout.decode()
    began = time.perf_counter()
    with pytest.raises(ImageRejected, match="at most 40,000,000 are allowed"):
        normalise(huge)
    assert time.perf_counter() - began < 0.5


def test_a_huge_webp_is_refused_by_its_header() -> None:
    side = (16_383).to_bytes(3, "little")
    data = b"RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + side + side
    with pytest.raises(ImageRejected, match="16,384 × 16,384 pixels"):
        normalise(data)


def test_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(picture())
    monkeypatch.setattr(images, "MAX_BYTES", len(data) - 1)
    with pytest.raises(ImageRejected, match=f"has {len(data):,} bytes"):
        normalise(data)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (4000, 40)])
def test_a_picture_that_shows_nothing_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageRejected, match="too small or too narrow"):
        normalise(encoded(picture(size=size)))


@pytest.mark.parametrize(
    ("mode", "form"), [("CMYK", "JPEG"), ("L", "JPEG"), ("P", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("L", "PNG")]
)
def test_other_colour_modes_become_rgb(mode: str, form: str) -> None:
    image = decoded(encoded(picture(mode), form))
    expected = picture(mode).convert("RGB").getpixel((10, 30))
    assert near(image, (10, 30), expected)  # type: ignore[arg-type]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(32, 0)
    image = decoded(encoded(Image.fromarray(ramp)))
    assert near(image, (63, 16), (255, 255, 255))
    assert near(image, (32, 16), (130, 130, 130))
    assert near(image, (0, 16), (0, 0, 0))


def test_transparency_becomes_white() -> None:
    clear = picture("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 48, 64))
    assert near(decoded(encoded(clear)), (10, 30), (255, 255, 255))
    indexed = picture("P")
    see_through = encoded(indexed, transparency=int(indexed.getpixel((10, 30))))  # type: ignore[arg-type]
    assert near(decoded(see_through), (10, 30), (255, 255, 255))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_upright(form: str, orientation: int) -> None:
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture().transpose(turned[orientation]) if orientation > 1 else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decoded(encoded(stored, form, exif=exif.tobytes()))
    assert image.size == (96, 64)
    assert near(image, (10, 30), (200, 60, 40))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_left_aside() -> None:
    assert decoded(encoded(picture(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")).size == (96, 64)


def test_a_colour_profile_is_applied_and_a_damaged_one_left_aside() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(decoded(encoded(picture(), icc_profile=lab)), (10, 30), (200, 60, 40))
    assert near(decoded(encoded(picture(), icc_profile=b"no profile")), (10, 30), (200, 60, 40))


@settings(max_examples=120, deadline=None)
@given(
    form=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
)
def test_crafted_bytes_are_taken_or_refused(form: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(picture(size=(40, 40)), form))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        normal = normalise(bytes(data))
    except ImageRejected as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert max(normal.width, normal.height) <= LONGEST_SIDE
