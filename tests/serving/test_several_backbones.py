"""An endpoint whose tasks have backbones of their own, none of them named like it: REST and gRPC answer for all at once."""

import asyncio
import json
import shutil
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.deployment.releases import build_release
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.serving.address import Address
from perennial.serving.images import pixels
from perennial.serving.releases import ServedModel, load_release
from perennial.task import BackboneSpec
from tests.small_world import World, picture, server, template

OTHER = BackboneSpec(network="resnet18", weights="random:1", engine="onnxruntime", resize=64, crop=48)
IMAGES = [picture("red", 1), picture("blue", 3)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("several") / "home")


@pytest.fixture(scope="module")
def release(world: World) -> str:
    """Release ``hues`` with the world's first model, and ``tones`` with one that learnt the same through another backbone."""
    catalog = world.catalog
    digest = ensure(OTHER, catalog.objects)
    images = catalog.labelled("colours").column("image").to_pylist()
    embed_missing(catalog, Backbone.load(catalog.objects, digest, 1), images)
    trained = update(world.task, catalog, digest, None)
    assert trained is not None
    store = world.settings.home / "store/models"
    served = {}
    for number, (task, model) in enumerate({"hues": world.models[0], "tones": trained.digest}.items(), 1):
        shutil.copytree(store / "colours" / model, store / task / model)
        backbone = load_model(world.objects, task, model).description.backbone
        served[task] = ServedModel(model=model, version=number, backbone=backbone)
    made = build_release(catalog, "colours", served, 1)
    world.write_record(stable=made)
    return made


@pytest.fixture(scope="module")
def address(world: World, release: str) -> Iterator[Address]:
    assert release
    with server(world) as address:
        yield address


def offline(world: World, release: str, task: str) -> list[float]:
    """Return the highest probabilities that a task gives the images, computed here."""
    loaded = load_release(world.objects, "colours", release, {}, 1)
    backbone, head = loaded.backbones[task], loaded.heads[task]
    rows = head.probabilities(backbone.embed(np.stack([pixels(image, backbone) for image in IMAGES])))
    return [float(row.max()) for row in rows]


def test_each_task_sees_the_image_through_its_own_backbone(world: World, release: str, address: Address) -> None:
    for number, image in enumerate(IMAGES):
        (answers,) = httpx.post(f"{address.url}/v1/endpoint:predict", content=image, timeout=30).json()["predictions"]
        assert answers.keys() == {"hues", "tones"}
        assert len({answer["backbone"] for answer in answers.values()}) == 2
        for task, answer in answers.items():
            assert answer["probability"] == pytest.approx(offline(world, release, task)[number], abs=1e-9)


def test_grpc_answers_for_all_tasks_under_the_endpoints_name(world: World, release: str, address: Address) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kserve import InferenceGRPCClient, InferInput, InferRequest

    async def ask() -> Any:
        tensor = InferInput("image", [2], "BYTES")
        tensor.set_data_from_numpy(np.array(IMAGES, dtype=np.object_))
        async with InferenceGRPCClient(address.grpc, retries=2) as client:
            return await client.infer(InferRequest("colours", [tensor]))

    (output,) = asyncio.run(ask()).outputs
    answers = [json.loads(each) for each in output.as_numpy().tolist()]
    for task in ("hues", "tones"):
        assert [each[task]["probability"] for each in answers] == pytest.approx(offline(world, release, task), abs=1e-9)
