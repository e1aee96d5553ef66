"""The last feature map comes with the vectors where a network has one, and costs nothing where nobody asks for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure, normalised
from perennial.backbones.maps import with_map
from perennial.backbones.networks import create
from perennial.backbones.synthetic import pictures
from perennial.catalog.objects import Objects
from tests.backbones.conftest import SMALL


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_mean_of_a_map_is_the_feature(store: Objects, engine: str) -> None:
    backbone = Backbone.load(store, ensure(SMALL.model_copy(update={"engine": engine}), store), 1)
    images = pictures(11, 64, seed=5)

    vectors, maps = backbone.embed_with_map(images)

    assert maps is not None
    assert maps.dtype == np.float32
    assert maps.shape == (11, 512, 2, 2)
    assert backbone.description.map == (512, 2, 2)
    assert np.array_equal(vectors, backbone.embed(images))
    assert np.abs(maps.mean((2, 3)) / backbone.description.scale - vectors).max() <= 0.501


@pytest.mark.parametrize("network", ["densenet121", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5", "regnet_y_400mf"])
def test_a_map_is_found_however_a_network_pools(network: str) -> None:
    images = torch.from_numpy(pictures(2, 96))
    torch.manual_seed(0)
    mapped = with_map(normalised(create(network)), images)
    assert mapped is not None

    with torch.inference_mode():
        features, maps = mapped(images)

    assert maps.shape[2:].numel() > 1
    torch.testing.assert_close(maps.mean((2, 3)), features)


def test_layers_after_the_pooling_are_applied_to_each_position() -> None:
    torch.manual_seed(0)
    images = torch.from_numpy(pictures(2, 64))
    network = create("mobilenet_v3_small")
    last: list[torch.Tensor] = []
    network.features.register_forward_hook(lambda *told: last.append(told[2]))
    mapped = with_map(normalised(network), images)
    assert mapped is not None

    with torch.inference_mode():
        features, maps = mapped(images)
        expected = network.classifier(last[-1].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    assert maps.shape == (*features.shape, 2, 2)
    torch.testing.assert_close(maps, expected)


def test_a_network_without_a_pooled_map_has_none() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 8, 8), torch.nn.Flatten(), torch.nn.Linear(64, 5))

    assert with_map(normalised(layers), torch.from_numpy(pictures(2, 32))) is None


def test_a_backbone_that_was_exported_without_a_map_still_loads(folder: Path, digest: str) -> None:
    description = json.loads((folder / "backbone.json").read_bytes())
    del description["map"]
    (folder / "backbone.json").write_text(json.dumps(description))
    images = pictures(3, 64)

    backbone = Backbone.load(folder, digest, 1)
    vectors, maps = backbone.embed_with_map(images)

    assert maps is None
    assert np.array_equal(vectors, backbone.embed(images))
