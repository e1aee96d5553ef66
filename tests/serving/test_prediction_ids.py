"""Which ids an endpoint knows as its own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.objects import Objects
from perennial.serving import prediction_ids
from perennial.serving.prediction_ids import PredictionIds
from tests.small_world import waited


def test_another_replica_knows_an_id_and_what_it_says(tmp_path: Path) -> None:
    objects = Objects.open(tmp_path.as_uri())
    id = PredictionIds.open(objects, "regions").new("regions", kept=True)
    known = PredictionIds.open(Objects.open(tmp_path.as_uri()), "regions").check(id)
    assert known is not None
    assert (known.task, known.kept) == ("regions", True)
    assert PredictionIds.open(objects, "others").check(id) is None


def test_ids_differ() -> None:
    ids = PredictionIds(b"key")
    assert len({ids.new("regions") for _ in range(1000)}) == 1000


@given(st.integers(0, 200), st.characters())
def test_an_id_with_a_changed_letter_is_unknown(place: int, letter: str) -> None:
    ids = PredictionIds(b"key")
    id = ids.new("regions")
    changed = id[: place % len(id)] + letter + id[place % len(id) + 1 :]
    assert (ids.check(changed) is not None) == (changed == id)


@given(st.text())
def test_any_text_is_told_apart(text: str) -> None:
    assert PredictionIds(b"key").check(text) is None


def test_while_the_store_refuses_ids_hold_for_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_ids, "RETRY_S", 0.05)
    (tmp_path / "segments").write_text("in the way")
    ids = PredictionIds.open(Objects.open(tmp_path.as_uri()), "regions")
    alone = ids.new("regions")
    assert ids.check(alone) is not None
    assert "this process alone" in ids.trouble
    other = PredictionIds.open(Objects.open((tmp_path / "other").as_uri()), "regions")
    assert other.check(alone) is None
    (tmp_path / "segments").unlink()
    waited(lambda: ids.trouble, lambda trouble: not trouble)
    replica = PredictionIds.open(Objects.open(tmp_path.as_uri()), "regions")
    assert replica.check(ids.new("regions")) is not None
    assert ids.check(alone) is not None
