"""Old predictions go with their pictures; what people spoke about, what an A/B counts and what is young stays."""

import datetime as dt

import pytest

from perennial.catalog import feedback, predictions
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.feedback import Decision, FeedbackRecord
from perennial.catalog.folding import fold, picture_key
from perennial.catalog.predictions import PredictionRecord
from perennial.catalog.segments import Segment, encode, line
from perennial.serving.record import Hold
from tests.operations.retention.acts import counts, tidied
from tests.small_world import World, picture

NOW = dt.datetime.now(dt.UTC)


def predict(world: World, name: str, days: float = 0, seed: int = 0) -> str:
    """Have a prediction of so many days ago with its picture, and return the picture's id."""
    jpeg = picture("red", 5000 + seed)
    id = digest_of_bytes(jpeg)
    world.objects.create(picture_key(id), jpeg)
    at = (NOW - dt.timedelta(days=days)).timestamp()
    record = PredictionRecord(prediction_id=name, at=at, endpoint="colours", task="colours", cls="red", picture=id)
    predictions.add(world.objects, [record])
    return id


def say(name: str, prediction: str) -> FeedbackRecord:
    return FeedbackRecord(
        feedback=digest_of_bytes(name.encode()),
        at=NOW.timestamp(),
        endpoint="colours",
        task="colours",
        who="ada",
        cls="red",
        prediction_id=prediction,
    )


def left(world: World) -> set[str]:
    return set(predictions.table(world.objects).view().read(("prediction_id",))["prediction_id"].to_pylist())


def test_old_ones_go_and_their_pictures_unless_another_one_names_them(world: World) -> None:
    alone, shared = predict(world, "old", 100, seed=1), predict(world, "older", 200, seed=2)
    assert predict(world, "young", 10, seed=2) == shared
    would = tidied(world, 2, dry_run=True)
    assert left(world) == {"old", "older", "young"}
    went = tidied(world, 2)
    assert counts(would) == counts(went) == {"predictions": 2, "pictures": 1}
    assert went["predictions"].stays == {"younger than 90 days": 1}
    assert (went["predictions"].oldest, went["predictions"].newest) == tuple(NOW - dt.timedelta(days=age) for age in (200, 100))
    assert left(world) == {"young"}
    assert not world.objects.exists(picture_key(alone))
    assert world.objects.exists(picture_key(shared))
    assert counts(tidied(world, 2)) == {}


def test_with_feedback_they_stay_unless_it_was_rejected(world: World) -> None:
    for seed, name in enumerate(("waits", "learnt", "rejected", "in a segment")):
        predict(world, name, 100, seed)
    said = [say(name, name) for name in ("waits", "learnt", "rejected")]
    feedback.add(world.objects, said)
    states = (Decision(said[1].feedback, "approved", "bob", NOW), Decision(said[2].feedback, "rejected", "bob", NOW))
    feedback.decide(world.objects, states)
    segment = Segment("colours", "writer", 0, 0)
    record = {"kind": "feedback"} | say("late", "in a segment").model_dump()
    world.objects.put(segment.key, encode(segment, [line(record)]))
    would = tidied(world, 2, dry_run=True)
    assert world.objects.exists(segment.key)
    went = tidied(world, 2)
    assert counts(would) == counts(went) == {"predictions": 1, "pictures": 1}
    assert went["predictions"].stays["feedback about it waits or was learnt"] == 3
    assert left(world) == {"waits", "learnt", "in a segment"}
    assert fold(world.objects, "colours", bytes).feedback == 0  # what servers noted was taken in before


def test_what_an_ab_counts_stays(world: World) -> None:
    for days in (100, 120):
        predict(world, f"{days} days", days)
    began = NOW - dt.timedelta(days=110)
    hold = Hold(task="colours", champion=1, challenger=2, share=50, began=began)
    world.write_record(hold=hold)
    assert counts(tidied(world, 0))["predictions"] == 1
    assert left(world) == {"100 days"}


@pytest.mark.parametrize("days", [0, 400])
def test_none_goes_where_that_is_off_or_all_are_young(world: World, days: int) -> None:
    predict(world, "old", 100)
    assert counts(tidied(world, 2, keep_predictions_days=days)) == {}
    assert left(world) == {"old"}
