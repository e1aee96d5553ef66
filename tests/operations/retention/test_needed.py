"""What waits, is open, or can't be read keeps what it needs, or everything."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest

from perennial.catalog.folding import picture_key
from perennial.catalog.images import pixels_key
from perennial.catalog.leases import lease
from perennial.catalog.predictions import PredictionRecord, add
from perennial.catalog.segments import Segment, encode, line
from perennial.deployment.reconcile import reconcile
from perennial.errors import LeaseLost, PerennialError, RegistryError
from perennial.operations import retention
from perennial.operations.facts import RunFolder
from perennial.operations.retention import models, tidy
from perennial.operations.runs import begin
from perennial.serving.record import Hold, read_record
from tests.deployment.acts import assert_settled, go
from tests.operations.retention.acts import YEAR, counts, tidied
from tests.small_world import World, picture

UNUSED = "ab" * 32


def lies(world: World) -> set[str]:
    """Return what lies in the store, but leases."""
    return {key for key in world.objects.sizes() if not key.startswith("leases/")}


def another_backbone(world: World) -> None:
    """Have a backbone that no model names."""
    own = world.registry.versions("colours")[0].backbone
    for key in list(world.objects.keys(f"backbones/{own}")):
        world.objects.copy(key, key.replace(own, UNUSED))


def backbone_is_there(world: World) -> bool:
    return world.objects.exists(f"backbones/{UNUSED}/backbone.json")


def test_a_promotion_that_waits_for_the_end_of_an_ab_is_made_however_long_that_takes(world: World) -> None:
    canary = world.release(2)
    hold = Hold(task="colours", champion=1, challenger=2, share=50, began=dt.datetime.now(dt.UTC))
    record = read_record(world.objects, "colours").model_dump()
    world.write_record(**{**record, "canary": canary, "state": "shifting", "share": 50, "hold": hold})
    assert go(world, 3, 1).outcome == "queued"
    world.registry.unpoint("colours", "challenger")  # as a later deployment leaves it that was taken back
    waiting = read_record(world.objects, "colours").queue
    world.write_record(**{**record, "queue": waiting})
    went = tidied(world, keep_versions=1)
    assert went["models"].stays["waits for the end of an A/B"] == 1
    assert world.objects.exists(f"archive/models/colours/{world.models[1]}/model.json")
    done = reconcile("colours", world.catalog, world.registry, world.settings, lambda _: world.task)
    assert "serves" in " ".join(done.sentences)
    assert_settled(world, world.models[2])
    assert read_record(world.objects, "colours").queue == ()


def test_what_a_run_that_isnt_concluded_goes_by_stays_however_late_it_is_tried_again(world: World) -> None:
    another_backbone(world)
    run = RunFolder(world.objects, "colours", "run-0")
    begin(run)
    run.write("embed", {"backbone": UNUSED})
    run.write("train", {"challenger": world.models[1], "champion": world.models[0]})
    for other in ("run-2", "run-3"):
        RunFolder(world.objects, "colours", other).write("scrape", {})
    went = tidied(world)
    assert went["models"].stays["of a run that isn't concluded"] == 1
    assert (counts(went)["models"], counts(went)["runs"]) == (1, 1)
    assert went["runs"].stays["it isn't concluded"] == 1
    assert backbone_is_there(world)
    assert run.find("train") is not None
    assert go(world, 2, 1).outcome == "promoted"


def test_the_backbone_of_the_last_run_stays_where_its_tasks_file_lies_elsewhere(world: World) -> None:
    another_backbone(world)
    run = RunFolder(world.objects, "colours", "run-9")
    run.write("embed", {"backbone": UNUSED})
    went = tidied(world)
    assert went["backbones"].stays["the task's last run used it"] == 1
    assert backbone_is_there(world)


def test_a_run_that_begins_after_everything_was_looked_at_keeps_backbones_and_embeddings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_backbone(world)
    ids = world.catalog.image_ids()[:4]
    own = world.registry.versions("colours")[0].backbone
    world.catalog.add_embeddings(UNUSED, ids, world.catalog.embeddings(own, ids))
    real = models.needed

    def then_begins(*given: Any) -> Any:
        found = real(*given)
        begin(RunFolder(world.objects, "colours", "run-9"))
        return found

    monkeypatch.setattr(models, "needed", then_begins)
    went = tidied(world, 5, keep_models_days=1)
    assert "models" not in counts(went)
    assert went["backbones"].stays["a run is under way"] == went["embeddings"].stays["a run is under way"] == 1
    assert world.catalog.without_embedding(UNUSED, ids) == []


def test_another_registry_than_the_stores_is_refused(world: World) -> None:
    before = lies(world)
    elsewhere = f"sqlite:///{world.settings.home}/another.db"
    with pytest.raises(RegistryError, match=r"has no version of the model .* Set PERENNIAL_MLFLOW"):
        tidied(world, mlflow=elsewhere)
    assert lies(world) == before


def _release(world: World) -> str:
    return f"releases/colours/{read_record(world.objects, 'colours').stable}/release.json"


def _model(world: World) -> str:
    return f"models/colours/{world.models[0]}/model.json"


def _tuned(world: World) -> str:
    return f"backbones/tuned/{world.registry.versions('colours')[0].backbone}.json"


DAMAGED: list[tuple[Callable[[World], str], bytes]] = [
    (_model, b"{}"),
    (_model, b"{"),
    (_model, b"[]"),
    (_release, b"{}"),
    (_tuned, b"{}"),
    (_tuned, b"{"),
    (lambda _: "runs/colours/state.json", b"{}"),
    (lambda _: "runs/colours/state.json", b"[]"),
    (lambda _: "runs/colours/state.json", b'{"open": 1}'),
    (lambda _: "runs/colours/run-9/embed.json", b"[]"),
    (lambda _: "endpoints/colours.json", b"{"),
]


def test_where_something_is_damaged_that_says_what_is_needed_nothing_goes(world: World) -> None:
    old = time.time() - 100 * 86_400
    add(world.objects, [PredictionRecord(prediction_id="old", at=old, endpoint="e", task="t", cls="red")])
    world.objects.put(picture_key(UNUSED), b"")
    for place, data in DAMAGED:
        key = place(world)
        whole = world.objects.get(key) if world.objects.exists(key) else None
        world.objects.put(key, data)
        before = lies(world)
        with pytest.raises(PerennialError, match=r"damaged|readable|changed") as told:
            tidied(world, keep_versions=1)
        assert key.rpartition("/")[0] in str(told.value)
        assert lies(world) == before
        if whole is None:
            world.objects.delete(key)
        else:
            world.objects.put(key, whole)
    assert {"predictions", "pictures", "models"} <= counts(tidied(world, keep_versions=1)).keys()


def test_a_damaged_note_of_what_was_fetched_is_told(world: World) -> None:
    orphan = world.catalog.store_pixels(picture("red", 6000))
    world.objects.put("sources/site/taken/ab.json", b"[]")
    with pytest.raises(PerennialError, match=r"sources/site/taken/ab\.json .* is damaged"):
        tidied(world, 2)
    assert world.objects.exists(pixels_key(orphan))


def test_a_version_that_something_else_registered_doesnt_matter(world: World) -> None:
    world.registry._client.create_model_version("colours", "file:///elsewhere")
    assert counts(tidied(world))["models"] == 2


def test_by_a_clock_that_is_ahead_of_the_stores_nothing_is_older(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = world.catalog.store_pixels(picture("red", 6000))

    class Ahead(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Ahead":
            return super().now(tz) + dt.timedelta(days=YEAR)

    monkeypatch.setattr(retention, "datetime", Ahead)
    assert counts({kind.name: kind for kind in tidy(world.settings)}) == {}
    assert world.objects.exists(pixels_key(orphan))


def test_one_that_slept_while_another_began_stops(world: World) -> None:
    at_work = tidy(world.settings, at=dt.datetime.now(dt.UTC) + dt.timedelta(days=YEAR))
    next(at_work)
    world.objects.delete("leases/retention.json")
    with lease(world.objects, "retention"), pytest.raises(LeaseLost, match="retention"):
        list(at_work)
    assert not list(world.objects.keys("archive"))


def test_while_servers_of_a_newer_version_note_things_all_predictions_stay(world: World) -> None:
    old = time.time() - 100 * 86_400
    add(world.objects, [PredictionRecord(prediction_id="old", at=old, endpoint="e", task="t", cls="red")])
    segment = Segment("colours", "writer", 0, 0)
    data = encode(segment, [line({"kind": "feedback"})])
    world.objects.put(segment.key, data.replace(b'"format":1', b'"format":2', 1))
    went = tidied(world, 1)["predictions"]
    assert (went.count, went.stays) == (0, {"servers of a newer version noted something": 1})
    world.objects.delete(segment.key)
    assert tidied(world, 1)["predictions"].count == 1
