"""A loaded backbone gives the same integers whatever the batch and the threads, and says when it is damaged."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.backbones.synthetic import pictures
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError
from tests.backbones.conftest import SMALL

WITHOUT_TORCH = """
import sys
from pathlib import Path
import numpy as np
from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.catalog.objects import Objects
from perennial.task import BackboneSpec
objects = Objects.open(sys.argv[1])
backbone = Backbone.load(objects, ensure(BackboneSpec.model_validate_json(sys.argv[2]), objects), 1)
assert backbone.embed(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, backbone.dims)
print([name for name in ("torch", "torchvision", "lance", "onnxruntime") if name in sys.modules])
"""


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_image_has_one_vector_whatever_its_batch_and_the_threads(store: Objects, engine: str) -> None:
    name = ensure(SMALL.model_copy(update={"engine": engine}), store)
    images = pictures(19, 64, seed=7)
    one, two = (Backbone.load(store, name, threads) for threads in (1, 2))

    alone = np.concatenate([one.embed(image[None]) for image in images])

    assert alone.shape == (19, 512)
    assert np.array_equal(one.embed(images), alone)
    assert np.array_equal(two.embed(images[::-1])[::-1], alone)
    assert len(np.unique(alone, axis=0)) == 19


def test_no_images_give_no_vectors(backbone: Backbone) -> None:
    assert backbone.embed(np.empty((0, 64, 64, 3), np.uint8)).shape == (0, 512)


def test_images_of_another_size_are_refused(backbone: Backbone) -> None:
    with pytest.raises(BackboneError, match=r"takes images as uint8 \[n, 64, 64, 3\]"):
        backbone.embed(np.zeros((1, 32, 32, 3), np.uint8))


def test_embedding_needs_no_torch(store: Objects, digest: str) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, store.url, SMALL.model_dump_json()]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_backbone_loads_from_its_folder_and_from_the_one_above(folder: Path, digest: str) -> None:
    assert Backbone.load(folder, digest, 1).digest == Backbone.load(folder.parent, digest, 1).digest == digest


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "backbone.json"])
def test_a_damaged_or_missing_file_is_named(folder: Path, digest: str, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BackboneError, match=r"is damaged: .*Delete that folder and run again"):
        Backbone.load(folder, digest, 1)
    (folder / name).unlink()
    with pytest.raises(BackboneError, match=r"is damaged: .* can't be read"):
        Backbone.load(folder if name != "backbone.json" else folder.parent, digest, 1)


def test_a_folder_of_another_backbone_is_refused(folder: Path) -> None:
    with pytest.raises(BackboneError, match="describes the backbone"):
        Backbone.load(folder, "0" * 64, 1)
