"""Networks by name, without their heads."""

import pytest
import torch

from perennial.backbones.networks import create, fill
from perennial.errors import BackboneError


@pytest.mark.parametrize(
    ("name", "dims"),
    [
        ("resnet18", 512),
        ("mobilenet_v2", 1280),
        ("mobilenet_v3_small", 1024),
        ("efficientnet_b0", 1280),
        ("convnext_tiny", 768),
        ("swin_t", 768),
        ("squeezenet1_1", 512),
        ("shufflenet_v2_x0_5", 1024),
        ("googlenet", 1024),
        ("regnet_y_400mf", 440),
    ],
)
def test_a_network_gives_its_pooled_feature(name: str, dims: int) -> None:
    with torch.inference_mode():
        features = torch.flatten(create(name)(torch.zeros(1, 3, 96, 96)), 1)

    assert features.shape == (1, dims)


def test_an_unknown_network_gets_names_that_are_close() -> None:
    with pytest.raises(BackboneError, match=r"no classification network 'resnet51'.*Did you mean .*resnet50"):
        create("resnet51")


def test_a_network_of_another_kind_is_unknown() -> None:
    with pytest.raises(BackboneError, match="no classification network"):
        create("fasterrcnn_resnet50_fpn")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(
        BackboneError, match=r"tensors are missing .*Set backbone.network to the network that they were trained for"
    ):
        fill(create("resnet18"), create("mobilenet_v3_small").state_dict(), source="mine.safetensors")


def test_weights_of_another_width_are_refused() -> None:
    tensors = {name: value[:1] if value.ndim else value for name, value in create("resnet18").state_dict().items()}

    with pytest.raises(BackboneError, match="have another shape"):
        fill(create("resnet18"), tensors, source="mine.safetensors")
