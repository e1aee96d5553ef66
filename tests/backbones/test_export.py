"""A backbone is exported once, under a digest that says all that it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.backbones.networks import create
from perennial.backbones.synthetic import pictures
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, WeightsMissing
from perennial.task import BackboneSpec
from tests.backbones.conftest import SMALL

TINY = BackboneSpec(network="squeezenet1_1", resize=40, crop=40)


def saved(path: Path, seed: int) -> str:
    torch.manual_seed(seed)
    save_file(create("squeezenet1_1").state_dict(), path)
    return str(path)


def test_a_seeded_network_has_the_same_digest_everywhere(digest: str) -> None:
    assert digest == "e887295ee669f2e597bd20f1214701312ad888e38e9d94cdc3c424b0496dfd18"


def test_a_known_backbone_is_not_exported_again(store: Objects, digest: str) -> None:
    before = sorted(store.keys("backbones"))

    assert ensure(SMALL, store) == digest
    assert sorted(store.keys("backbones")) == before


@pytest.mark.parametrize("change", [{"weights": "random:1"}, {"resize": 80}, {"engine": "onnxruntime"}])
def test_another_seed_preprocessing_or_engine_is_another_backbone(store: Objects, digest: str, change: dict[str, object]) -> None:
    assert ensure(SMALL.model_copy(update=change), store) != digest


def test_an_edited_weights_file_is_another_backbone_and_a_lost_one_is_not_missed(tmp_path: Path) -> None:
    objects = Objects.open((tmp_path / "store").as_uri())
    path = tmp_path / "mine.safetensors"
    spec = TINY.model_copy(update={"weights": saved(path, 0)})
    first = ensure(spec, objects)
    saved(path, 1)
    second = ensure(spec, objects)
    path.unlink()

    assert first != second
    assert ensure(spec, objects) == second
    assert len(list(objects.keys("backbones/weights"))) == 2
    with pytest.raises(WeightsMissing):
        ensure(spec.model_copy(update={"resize": 64}), objects)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_export_computes_what_torch_computes(tmp_path: Path, engine: str) -> None:
    objects = Objects.open((tmp_path / "store").as_uri())
    spec = TINY.model_copy(update={"weights": saved(tmp_path / "mine.safetensors", 0), "engine": engine})
    images = pictures(5, 40, seed=3)
    torch.manual_seed(0)
    planes = (
        torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    ) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.inference_mode():
        expected = create("squeezenet1_1")(planes).flatten(1).numpy()

    backbone = Backbone.load(objects, ensure(spec, objects), 1)
    features = backbone.embed(images) * backbone.description.scale

    assert np.abs(features - expected).max() <= 0.51 * backbone.description.scale


def test_an_engine_without_the_precision_is_refused(tmp_path: Path) -> None:
    objects = Objects.open((tmp_path / "store").as_uri())

    with pytest.raises(BackboneError, match=r"onnxruntime has no bf16 .*Set backbone.engine to openvino"):
        ensure(SMALL.model_copy(update={"engine": "onnxruntime", "precision": "bf16"}), objects)


def test_an_unknown_network_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    objects = Objects.open((tmp_path / "store").as_uri())

    with pytest.raises(BackboneError, match="Did you mean"):
        ensure(SMALL.model_copy(update={"network": "resnet81"}), objects)
    assert not list(objects.keys("backbones"))
