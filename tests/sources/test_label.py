"""What a task's rule makes of images, and what a changed rule does to labels that were given before."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.sources.label import Labelled, apply_rule, rule_digest
from perennial.task import Task

DAY = datetime.date(2026, 3, 2)
MAP = {"brick": "red", "slate": "grey"}


def task(rule: Mapping[str, Any] | None = None, *classes: str) -> Task:
    label = rule or {"rule": "field", "field": "wall", "map": MAP, "silent": ["wall"]}
    found = {"name": "walls", "classes": classes or ("red", "grey"), "label": label, "sources": [{"type": "demo"}]}
    return Task.model_validate(found)


def with_map(**also: str) -> Task:
    """Return the task with another map; each class is given for something, whatever ``also`` says."""
    known = {"tile": "red", "lead": "grey", "lime": "white", **MAP, **also}
    return task({"rule": "field", "field": "wall", "map": known}, "red", "grey", "white")


def add(catalog: Catalog, *walls: str, kind: str = "photo") -> list[str]:
    """Add an image for each wall, in posts of their own; return the ids."""
    images = []
    for wall in walls:
        pixels = f"{wall} {len(catalog.image_ids()) + len(images)}".encode()
        id, post = digest_of_bytes(pixels), f"demo/{len(images)}-{wall}"
        metadata = {"wall": wall, "place": "Porto, Portugal"}
        images.append((Image(id, "demo", post, "u", DAY, "", "Porto, Portugal", kind, metadata, 8, 8), pixels))
    catalog.add_images(images)
    return [image.id for image, _ in images]


def labels(catalog: Catalog) -> dict[str, str]:
    rows = catalog.labelled("walls")
    return dict(zip(rows["image"].to_pylist(), rows["cls"].to_pylist(), strict=True))


def values(catalog: Catalog) -> dict[str, str]:
    rows = catalog.to_review("walls")
    return dict(zip(rows["id"].to_pylist(), rows["value"].to_pylist(), strict=True))


def test_known_values_are_labels_unknown_ones_wait_and_silence_is_no_question(catalog: Catalog) -> None:
    brick, plaster, silent = add(catalog, "Brick", "plaster", "wall")
    found = apply_rule(task(), catalog)
    assert (found.batch and found.batch.images, found.corrected, found.unknown, found.silent) == (1, None, 1, 1)
    assert found.sentence == "1 images labelled, 1 unknown, see 'perennial review'"
    assert labels(catalog) == {brick: "red"}
    assert values(catalog) == {plaster: "plaster", silent: ""}
    assert apply_rule(task(), catalog) == Labelled(None)


def test_images_set_aside_are_not_looked_at_again_before_the_rule_changes(catalog: Catalog) -> None:
    plaster, glass = add(catalog, "plaster", "glass")
    apply_rule(task(), catalog)
    files = set(catalog.objects.keys("catalog/review.lance"))
    assert files
    for _ in range(2):
        assert apply_rule(task(), catalog) == Labelled(None)
    assert set(catalog.objects.keys("catalog/review.lance")) == files
    found = apply_rule(with_map(plaster="white"), catalog)
    assert (found.batch and found.batch.images, found.corrected, found.unknown) == (1, None, 1)
    assert labels(catalog) == {plaster: "white"}
    assert values(catalog) == {glass: "glass"}
    assert catalog.set_aside_otherwise("walls", rule_digest(with_map(plaster="white"))) == [plaster]


def test_a_changed_rule_corrects_labels_in_a_batch_of_their_own(catalog: Catalog) -> None:
    brick, slate = add(catalog, "brick", "slate")
    first = apply_rule(task(), catalog)
    (new,) = add(catalog, "chalk")
    found = apply_rule(with_map(chalk="white", slate="white"), catalog)
    assert first.batch
    assert found.batch
    assert found.corrected
    assert (found.batch.images, found.corrected.images, found.corrected.origin) == (1, 1, "source")
    assert found.sentence == "1 images labelled, 1 labels corrected, since the rule changed"
    assert labels(catalog) == {brick: "red", slate: "white", new: "white"}
    rows = catalog.events("walls", [first.batch.id, found.corrected.id]).to_pylist()
    assert [(row["cls"], row["who"], row["at"]) for row in rows if row["image"] == slate] == [
        ("grey", "demo", DAY),
        ("white", "demo, rule 2", DAY),
    ]


def test_rules_may_change_to_and_fro(catalog: Catalog) -> None:
    (slate,) = add(catalog, "slate")
    for _ in range(3):
        for rule, cls in ((with_map(), "grey"), (with_map(slate="white"), "white")):
            apply_rule(rule, catalog)
            assert labels(catalog) == {slate: cls}
            assert apply_rule(rule, catalog) == Labelled(None)


def test_a_label_that_the_rule_does_not_know_any_more_is_taken_away_and_asked_about(catalog: Catalog) -> None:
    brick, slate = add(catalog, "brick", "slate")
    apply_rule(task(), catalog)
    found = apply_rule(task({"rule": "field", "field": "wall", "map": {"brick": "red", "tile": "grey"}}), catalog)
    assert found.corrected
    assert labels(catalog) == {brick: "red"}
    assert values(catalog) == {slate: "slate"}
    apply_rule(task(), catalog)
    assert labels(catalog) == {brick: "red", slate: "grey"}
    assert values(catalog) == {}


def test_what_a_person_said_stays_whatever_the_rule_says(catalog: Catalog) -> None:
    brick, slate, plaster, glass = add(catalog, "brick", "slate", "plaster", "glass")
    apply_rule(task(), catalog)
    said = [(brick, "grey", "review"), (slate, None, "feedback"), (plaster, "red", "review")]
    catalog.append_labels("walls", [LabelEvent(id, "walls", cls, origin, "ana", DAY) for id, cls, origin in said])  # type: ignore[arg-type]
    found = apply_rule(with_map(brick="white", slate="white", plaster="white", glass="white"), catalog)
    assert found.corrected is None
    assert labels(catalog) == {brick: "grey", plaster: "red", glass: "white"}


def test_a_rule_counts_as_changed_by_what_it_says_not_by_how_it_is_written(catalog: Catalog) -> None:
    same = task({"rule": "field", "field": ["wall"], "map": {"SLATE": "grey", "brick": "red"}, "silent": ["wall"]}, "grey", "red")
    assert rule_digest(same) == rule_digest(task())
    assert rule_digest(with_map()) != rule_digest(task())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["red", "grey", "white"])), max_size=4))
def test_labels_are_what_the_last_rule_alone_would_give(
    tmp_path_factory: pytest.TempPathFactory, maps: list[dict[str, str]]
) -> None:
    """Whatever rules came before, and with each applied twice, as by a run that was killed after it had labelled."""
    lived, fresh = (Catalog.open(Objects.open(tmp_path_factory.mktemp("store").as_uri())) for _ in range(2))
    for catalog in (lived, fresh):
        add(catalog, "a", "b", "c", "brick")
    noted = {"rule": "", "number": 0}
    for also in maps:
        apply_rule(with_map(**also), lived)
        lived.objects.put_json("labels/walls/rule.json", noted)
        apply_rule(with_map(**also), lived)
        noted = lived.objects.get_json("labels/walls/rule.json")
    apply_rule(with_map(**(maps[-1] if maps else {})), lived)
    apply_rule(with_map(**(maps[-1] if maps else {})), fresh)
    assert labels(lived) == labels(fresh)
    assert values(lived) == values(fresh)


def test_the_kind_of_an_image_is_a_field_too(catalog: Catalog) -> None:
    rule = {"rule": "field", "field": "kind", "map": {"exterior": "red", "drawing": "grey"}, "silent": ["photo"]}
    (outside,), (plan,), (silent,) = (add(catalog, "brick", kind=kind) for kind in ("exterior", "drawing", "photo"))
    found = apply_rule(task(rule), catalog)
    assert labels(catalog) == {outside: "red", plan: "grey"}
    assert (found.unknown, found.silent) == (0, 1)
    assert values(catalog) == {silent: ""}
