"""When a run fine-tunes, and which backbone it goes on with."""

from pathlib import Path

import pytest

from perennial.backbones.export import _ref_of
from perennial.backbones.weights import identity
from perennial.catalog.objects import Objects
from perennial.learning.tuned import backbone_of, remember, request_for, request_key, root_of, settle, wanted
from perennial.task import BackboneSpec, FinetuneSpec, Task
from tests.learning.drawn import task

SPEC = BackboneSpec(network="resnet18", weights="random:0")
OWN, TUNED, TWICE, OTHER = (letter * 64 for letter in "abcd")


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(tmp_path.as_uri())


def exported(objects: Objects, digest: str) -> None:
    objects.put(f"backbones/{digest}/backbone.json", b"{}")
    objects.put_json(_ref_of(SPEC, identity(SPEC.weights)), {"digest": digest})


def champion_on(objects: Objects, backbone: str) -> str:
    objects.put_json("models/drawn/1/model.json", {"backbone": backbone})
    return "1"


def asked(objects: Objects, request: str = "first") -> None:
    objects.put_json(request_key("drawn"), {"id": request, "why": "a test"})


@pytest.mark.parametrize(
    ("when", "request_is_there", "expected"),
    [
        ("never", False, False),
        ("never", True, False),
        ("asked", False, False),
        ("asked", True, True),
        ("always", False, True),
        ("always", True, True),
    ],
)
def test_wanted(objects: Objects, when: str, request_is_there: bool, expected: bool) -> None:
    if request_is_there:
        asked(objects)
    assert wanted(task(finetune=FinetuneSpec.model_validate({"when": when})), objects) is expected


def test_a_fulfilled_request_goes_and_a_later_one_stays(objects: Objects) -> None:
    settle(objects, "drawn", "first")
    asked(objects)
    settle(objects, "drawn", "another")
    assert request_for("drawn", objects) is not None
    settle(objects, "drawn", "first")
    assert request_for("drawn", objects) is None


@pytest.fixture
def own(objects: Objects) -> Task:
    """A task whose backbone is in the store, was tuned, and tuned again."""
    exported(objects, OWN)
    remember(objects, TUNED, OWN)
    remember(objects, TWICE, TUNED)
    return task(backbone=SPEC)


def test_before_the_first_export_there_is_none(objects: Objects) -> None:
    assert backbone_of(task(backbone=SPEC), objects, None) is None
    assert backbone_of(task(backbone=SPEC), objects, champion_on(objects, OTHER)) is None


def test_without_a_champion_it_is_the_one_that_the_file_names(objects: Objects, own: Task) -> None:
    assert backbone_of(own, objects, None) == OWN


@pytest.mark.parametrize(("theirs", "expected"), [(OWN, OWN), (TUNED, TUNED), (TWICE, TWICE), (OTHER, OWN)])
def test_with_a_champion_it_is_the_champions_if_tuned_from_that(objects: Objects, own: Task, theirs: str, expected: str) -> None:
    assert backbone_of(own, objects, champion_on(objects, theirs)) == expected


def test_an_edited_file_takes_effect_on_a_tuned_champion(objects: Objects, own: Task) -> None:
    exported(objects, OTHER)
    assert backbone_of(own, objects, champion_on(objects, TUNED)) == OTHER


def test_the_root_is_the_first_of_all(objects: Objects, own: Task) -> None:
    assert [root_of(objects, one) for one in (OWN, TUNED, TWICE, OTHER)] == [OWN, OWN, OWN, OTHER]
