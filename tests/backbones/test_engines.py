"""A loaded backbone gives the same integers whatever the batch and the threads, and says when it is damaged."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from perennial.backbones.abilities import CUDA
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.backbones.int8 import lacking_instructions
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


def ensured(store: Objects, engine: str, precision: str) -> str:
    return ensure(SMALL.model_copy(update={"engine": engine, "precision": precision}), store)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_image_has_one_vector_whatever_its_batch_and_the_threads(store: Objects, engine: str, precision: str) -> None:
    name = ensured(store, engine, precision)
    images = pictures(19, 64, seed=7)
    one, two = (Backbone.load(store, name, threads) for threads in (1, 2))

    alone = np.concatenate([one.embed(image[None]) for image in images])

    assert alone.shape == (19, 512)
    assert np.array_equal(one.embed(images), alone)
    assert np.array_equal(two.embed(images[::-1])[::-1], alone)
    assert len(np.unique(alone, axis=0)) == 19


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_int8_is_a_smaller_backbone_of_its_own_that_says_much_the_same(store: Objects, digest: str, engine: str) -> None:
    name = ensured(store, engine, "int8")
    images = pictures(24, 64, seed=11)
    small, whole = (Backbone.load(store, one, 1) for one in (name, digest))

    one, other = (backbone.embed(images).astype(np.float64) for backbone in (small, whole))
    vectors, maps = small.embed_with_map(images)

    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    sizes = [sum(map(len, map(Path.read_bytes, store.folder(f"backbones/{it}").iterdir()))) for it in (name, digest)]
    assert name != digest
    assert cosines.min() > 0.998
    assert sizes[0] < 0.3 * sizes[1]
    assert maps is not None
    assert np.array_equal(vectors, one)
    assert np.abs(maps.mean((2, 3)) / small.description.scale - vectors).max() <= 0.501


def test_int8_leaves_no_layer_and_no_bias_in_floating_point(store: Objects) -> None:
    name = ensured(store, "onnxruntime", "int8")
    graph = onnx.load(store.folder(f"backbones/{name}") / "network.onnx").graph
    made_by = {output: node.op_type for node in graph.node for output in node.output}

    layers = [node for node in graph.node if node.op_type == "Conv"]

    assert len(layers) == 20
    assert {made_by[name] for node in layers for name in node.input} == {"DequantizeLinear"}


def test_a_cpu_without_the_instructions_for_int8_is_known(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    for flags, lacking in (("fpu avx2 avx512f", platform.machine() == "x86_64"), ("fpu avx2 avx_vnni", False)):
        cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
        assert lacking_instructions(cpuinfo) == lacking


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_a_gpu_engine_says_what_it_needs(store: Objects) -> None:
    with pytest.raises(BackboneError, match=r"onnxruntime-cuda can't compute here: .*onnxruntime-gpu in place of onnxruntime"):
        ensured(store, "onnxruntime-cuda", "fp32")


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
