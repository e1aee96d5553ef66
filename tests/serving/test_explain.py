"""What explanations say, on heads and maps of which the truth is known."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from perennial.backbones.engines import Backbone
from perennial.backbones.quantise import quantise
from perennial.learning.head import Head
from perennial.learning.readout import Readout
from perennial.serving.activation import class_map
from perennial.serving.explain import Wish, explain, seen_of
from perennial.serving.neighbours import Neighbours, TrainingImage
from perennial.serving.releases import Release, load_release
from perennial.serving.requests import WrongRequest
from tests.small_world import World, picture, template

SCALE = 2.0**-8


def head_of(seed: int, classes: int, dims: int, learnt: int) -> Head:
    """Return a head of Gaussian classes, of which only the first few were learnt."""
    rng = np.random.default_rng(seed)
    seen = np.arange(classes) < learnt
    readout = Readout.of(
        rng.normal(200, 80, (classes, dims)), seen, np.full(dims, 200.0), np.linalg.qr(rng.normal(size=(dims, dims)))[0] / 40
    )
    return Head(tuple(f"class-{i}" for i in range(classes)), "b" * 64, readout, float(rng.uniform(0.5, 20)), None)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 6),
    unlearnt=st.integers(0, 3),
    dims=st.integers(1, 40),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_the_cells_mean_and_the_bias_are_the_lead(
    seed: int, classes: int, unlearnt: int, dims: int, shape: tuple[int, int]
) -> None:
    head = head_of(seed, classes + unlearnt, dims, classes)
    features = np.random.default_rng(seed + 1).gamma(1.0, 0.8, (dims, *shape)).astype(np.float32)
    vector = quantise(features.mean(axis=(1, 2)), SCALE)[0]
    cls = seed % classes
    found = class_map(head, features, vector, SCALE, cls)
    logits = head.readout.logits(vector[None])[0, :classes] / head.temperature
    others = np.delete(logits, cls)
    lead = logits[cls] - (others.mean() if classes > 1 else 0.0)
    assert found.lead == pytest.approx(lead, abs=1e-6)
    weights = head.readout.weight[:classes]
    contrast = weights[cls] - (np.delete(weights, cls, axis=0).mean(axis=0) if classes > 1 else 0.0)
    rounding = 0.5 * np.abs(contrast).sum() / head.temperature
    assert found.bias + found.contributions.mean() == pytest.approx(lead, abs=rounding + 1e-6)
    assert found.exact
    assert found.shown.min() >= 0
    assert found.shown.max() == (1.0 if found.contributions.max() > 0 else 0.0)


def test_a_map_whose_mean_isnt_the_features_is_not_called_exact() -> None:
    head, features = head_of(0, 3, 20, 3), np.ones((20, 3, 3), np.float32)
    vector = quantise(np.full(20, 1.5, np.float32), SCALE)[0]
    assert not class_map(head, features, vector, SCALE, 0).exact


def test_the_map_is_high_where_the_evidence_is() -> None:
    head = head_of(1, 3, 16, 3)
    towards = head.readout.weight[2] - head.readout.weight[:2].mean(axis=0)
    features = np.full((16, 4, 5), 200.0) + np.zeros((16, 4, 5))
    features[:, 1, 3] += 100 * towards / np.linalg.norm(towards)
    features = (features * SCALE).astype(np.float32)
    found = class_map(head, features, quantise(features.mean(axis=(1, 2)), SCALE)[0], SCALE, 2)
    assert np.unravel_index(found.shown.argmax(), found.shown.shape) == (1, 3)
    assert np.count_nonzero(found.shown > 0.01) == 1


def training_image(name: str) -> TrainingImage:
    return TrainingImage(image=name, cls="barn", post=f"site/{name}", url="", title="", credit="", licence="")


def test_nearest_is_by_angle_in_the_heads_own_coordinates() -> None:
    stretch = np.diag([1.0, 1.0, 0.01])
    readout = Readout.of(np.array([[100.0, 0, 0], [0, 100.0, 0]]), np.array([True, True]), np.zeros(3), stretch)
    vectors = np.array([[50, 5, 0], [0, 90, 0], [40, 4, 4000], [-50, 0, 0], [0, 0, 0]], np.int16)
    found = Neighbours(tuple(training_image(name) for name in "abcde"), vectors, readout)
    near = found.nearest(np.array([100, 10, 0], np.int16), 5)
    assert [entry["image"] for entry in near] == ["a", "c", "b", "d", "e"]
    assert near[0] == {
        "image": "a", "class": "barn", "similarity": 1.0, "post": "site/a", "url": "", "title": "", "credit": "", "licence": ""
    }  # fmt: skip
    assert 0.7 < near[1]["similarity"] < 0.75
    assert [entry["similarity"] for entry in near[3:]] == [0.0, 0.0]
    assert len(found.nearest(vectors[0], 2)) == 2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def release(world: World) -> Release:
    return load_release(world.objects, "colours", world.release(1), {}, 1)


def asked(release: Release, data: bytes, wish: Wish) -> dict[str, Any]:
    backbone = release.backbones["colours"]
    vectors, maps = backbone.embed_with_map(backbone.preprocess(data)[None])
    return explain(release, "colours", vectors[0], None if maps is None else maps[0], data, wish)


def test_a_real_backbones_map_adds_up_to_its_answer(release: Release) -> None:
    data = picture("green", 7)
    told = asked(release, data, Wish(neighbours=3))
    backbone, head = release.backbones["colours"], release.heads["colours"]
    logits = head.readout.logits(backbone.embed(backbone.preprocess(data)[None]))[0] / head.temperature
    best = int(logits.argmax())
    found = told["map"]
    assert (found["class"], found["exact"]) == (head.classes[best], True)
    assert found["lead"] == pytest.approx(logits[best] - np.delete(logits, best).mean(), abs=1e-3)
    assert found["bias"] + np.mean(found["contributions"]) == pytest.approx(found["lead"], abs=0.05)
    assert "overlay" not in found
    assert len(told["neighbours"]) == 3


def test_a_training_image_is_its_own_nearest_neighbour(release: Release, world: World) -> None:
    one = release.neighbours["colours"].images[0]
    nearest = asked(release, world.catalog.pixels(one.image), Wish())["neighbours"]
    assert (nearest[0]["image"], nearest[0]["class"], nearest[0]["post"]) == (one.image, one.cls, one.post)
    assert nearest[0]["similarity"] == pytest.approx(1, abs=1e-3)
    similarities = [entry["similarity"] for entry in nearest]
    assert similarities == sorted(similarities, reverse=True)


def test_a_class_may_be_named_and_must_be_known(release: Release) -> None:
    data = picture("green", 7)
    assert asked(release, data, Wish(cls="blue"))["map"]["class"] == "blue"
    with pytest.raises(WrongRequest, match=r"has no class 'violet'\. Name one of: red, green, blue"):
        asked(release, data, Wish(cls="violet"))


def test_without_map_or_neighbours_the_rest_is_told(release: Release, world: World) -> None:
    backbone = release.backbones["colours"]
    vector = backbone.embed(backbone.preprocess(picture("red", 3))[None])[0]
    bare = Release(release.digest, release.tasks, release.heads, release.backbones)
    assert explain(bare, "colours", vector, None, picture("red", 3), Wish()) == {"neighbours": [], "map": None}


def test_an_overlay_shows_what_the_network_saw(release: Release) -> None:
    wide = Image.new("RGB", (300, 100), (10, 10, 200))
    wide.paste((200, 30, 30), (100, 0, 200, 100))
    buffer = io.BytesIO()
    wide.save(buffer, "PNG")
    told = asked(release, buffer.getvalue(), Wish(overlay=True))["map"]
    with Image.open(io.BytesIO(base64.b64decode(told["overlay"]))) as drawn:
        assert drawn.format == "JPEG"
        assert drawn.width == drawn.height
        middle = np.asarray(drawn)[drawn.height // 2].astype(int)
        assert (middle[:, 0] >= middle[:, 2] - 8).all(), "blue lies outside of what is seen"
    left, top, right, bottom = told["box"]
    assert (right - left) * 300 == pytest.approx((bottom - top) * 100, abs=0.1)


def test_the_box_of_a_map_that_lies_beside_is_moved_back(release: Release) -> None:
    plain = release.backbones["colours"]
    aside = Backbone(plain.description.model_copy(update={"map_beside": 0.5}), plain._engine)
    moved = Release(release.digest, release.tasks, release.heads, {"colours": aside})
    told, other = (asked(each, picture("green", 7), Wish())["map"] for each in (release, moved))
    left, top, right, bottom = told["box"]
    assert other["values"] == told["values"]
    assert other["box"] == pytest.approx([side - 0.5 / 2 * (right - left) for side in (left, top, right, bottom)], abs=1e-3)


@pytest.mark.parametrize(("orientation", "expected"), [(1, (0.25, 0, 0.75, 1)), (6, (0, 0.25, 1, 0.75))])
def test_the_box_is_that_of_the_upright_picture(release: Release, orientation: int, expected: tuple[float, ...]) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", (400, 200)).save(buffer, "JPEG", exif=exif)
    assert seen_of(buffer.getvalue(), release.backbones["colours"]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (({}, {}), Wish()),
        (({"neighbours": "0"}, {"neighbours": 7, "class": "red"}), Wish(0, "red")),
        (({"overlay": "jpeg", "class": ""}, {"class": "blue"}), Wish(overlay=True)),
        (({"neighbours": 50},), Wish(50)),
    ],
)
def test_options_come_from_the_query_then_the_body(told: tuple[dict[str, Any], ...], expected: Wish) -> None:
    assert Wish.of(*told) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"neighbours": "51"},
        {"neighbours": -1},
        {"neighbours": "five"},
        {"neighbours": True},
        {"neighbours": 2.5},
        {"neighbours": "²"},
        {"neighbours": [3]},
        {"class": 3},
        {"overlay": "png"},
        {"overlay": {"a": 1}},
    ],
)
def test_options_of_another_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WrongRequest, match=f"'{next(iter(wrong))}'"):
        Wish.of(wrong)
