"""The bundled tasks: those about buildings go over the same images, with one backbone and at one endpoint."""

import pytest

from perennial.rules.tables import values
from perennial.task import load_task

REGIONS = load_task("regions")
OTHERS = ("building-type", "style", "image-kind")


@pytest.mark.parametrize("name", OTHERS)
def test_a_task_over_the_same_images_costs_no_scraping_no_embedding_and_no_endpoint_of_its_own(name: str) -> None:
    task = load_task(name)
    assert (task.sources, task.backbone, task.endpoint_name) == (REGIONS.sources, REGIONS.backbone, REGIONS.endpoint_name)


def test_runs_do_not_begin_at_the_same_minute() -> None:
    assert len({load_task(name).schedule for name in ("regions", *OTHERS)}) == 4


@pytest.mark.parametrize("name", ["building-type", "style"])
def test_a_task_has_all_classes_of_its_table(name: str) -> None:
    assert set(load_task(name).classes) == set(values(name).classes.values())


@pytest.mark.parametrize(
    ("name", "said", "cls"),
    [
        ("building-type", {"category": "Religious Architecture"}, "religious"),
        ("building-type", {"type": "church", "instance_of": "church building, tourist attraction"}, "religious"),
        ("building-type", {"category": "Refurbishment", "instance_of": "skyscraper, office building"}, "commercial"),
        ("building-type", {"category": "Refurbishment"}, None),
        ("style", {"style": "Gothic architecture, Renaissance architecture"}, "gothic"),
        ("style", {"style": "brutalist Architecture"}, "brutalist"),
        ("image-kind", {"kind": "drawing"}, "drawing"),
        ("image-kind", {"kind": "photo"}, None),
    ],
)
def test_what_sources_say_is_known_and_what_says_nothing_is_no_question(name: str, said: dict[str, str], cls: str | None) -> None:
    reading = load_task(name).label.read(said)
    assert (reading.cls, reading.value) == (cls, "")
