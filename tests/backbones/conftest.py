"""One store with one small backbone in it, exported once for all tests of this room."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.backbones.synthetic import pictures
from perennial.catalog.objects import Objects
from perennial.task import BackboneSpec

SMALL = BackboneSpec(network="resnet18", weights="random:0", resize=72, crop=64)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """A store that holds the small backbone."""
    objects = Objects.open((tmp_path_factory.mktemp("backbones") / "store").as_uri())
    ensure(SMALL, objects)
    return objects


@pytest.fixture(scope="session")
def digest(store: Objects) -> str:
    """The small backbone's digest."""
    return ensure(SMALL, store)


@pytest.fixture(scope="session")
def backbone(store: Objects, digest: str) -> Backbone:
    """The small backbone, loaded with one thread."""
    return Backbone.load(store, digest, 1)


@pytest.fixture
def folder(store: Objects, digest: str, tmp_path: Path) -> Path:
    """A copy of the small backbone's folder, to be damaged."""
    copy = tmp_path / digest
    copy.mkdir()
    for file in store.folder(f"backbones/{digest}").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


@pytest.fixture(scope="session")
def jpegs() -> Callable[..., list[bytes]]:
    """Draws that many different JPEGs."""

    def draw(count: int, size: tuple[int, int] = (120, 90), seed: int = 1, **options: object) -> list[bytes]:
        return [_encoded(picture, size, options) for picture in pictures(count, 96, seed)]

    return draw


def _encoded(picture: np.ndarray, size: tuple[int, int], options: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()
