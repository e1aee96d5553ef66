"""Pictures become network input as torchvision would make it, or are rejected."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from perennial.backbones.preprocess import preprocess
from perennial.backbones.synthetic import pictures
from perennial.errors import ImageRejected


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(pictures(1, 128, seed)[0]).resize((width, height), Image.Resampling.BICUBIC)


def by_torchvision(data: bytes, resize: int, crop: int) -> np.ndarray:
    from torchvision import transforms

    image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(transforms.CenterCrop(crop)(transforms.Resize(resize)(image)))


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 300), st.integers(20, 300), st.integers(16, 96), st.integers(0, 3))
def test_any_size_gives_the_crop_that_torchvision_gives(width: int, height: int, resize: int, seed: int) -> None:
    crop = max(16, resize * 7 // 8)
    data = encoded(drawn(width, height, seed))

    ours, theirs = preprocess(data, resize, crop), by_torchvision(data, resize, crop)

    assert ours.dtype == np.uint8
    assert ours.shape == (crop, crop, 3)
    assert np.abs(ours.astype(int) - theirs).max() <= 4
    assert np.abs(ours.astype(int) - theirs).mean() < 0.6


@pytest.mark.parametrize("size", [(640, 480), (427, 640), (2000, 1500)])
def test_a_jpeg_decoded_at_a_smaller_scale_stays_close(size: tuple[int, int]) -> None:
    data = encoded(drawn(*size), "JPEG", quality=90)

    difference = np.abs(preprocess(data, 128, 112).astype(int) - by_torchvision(data, 128, 112))

    assert difference.mean() < 2


def test_a_picture_lying_on_its_side_is_turned_upright() -> None:
    upright = drawn(120, 100)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    lying = encoded(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)

    difference = np.abs(preprocess(lying, 64, 64).astype(int) - preprocess(encoded(upright), 64, 64))

    assert difference.mean() < 1


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    data = encoded(drawn(50, 40).convert(mode), "JPEG" if mode == "CMYK" else "PNG")

    assert preprocess(data, 32, 32).shape == (32, 32, 3)


@pytest.mark.parametrize(
    "data", [b"", b"no picture at all", encoded(drawn(200, 200), "JPEG")[:2000], encoded(drawn(30, 30), "GIF")]
)
def test_what_is_no_whole_picture_is_rejected(data: bytes) -> None:
    with pytest.raises(ImageRejected, match="Send a whole JPEG, PNG or WebP"):
        preprocess(data, 32, 32)


def test_a_picture_too_large_to_decode_is_rejected_by_its_header() -> None:
    header = encoded(Image.new("1", (16, 16)))
    huge = header[:16] + (50_000).to_bytes(4, "big") * 2 + header[24:]
    import zlib

    huge = huge[:29] + zlib.crc32(huge[12:29]).to_bytes(4, "big") + huge[33:]

    with pytest.raises(ImageRejected, match="more than 50,000,000 pixels"):
        preprocess(huge, 32, 32)
