import datetime
import itertools
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, LabelEvent
from perennial.catalog.snapshots import snapshot
from perennial.catalog.splits import split_of
from perennial.errors import CatalogError
from tests.catalog.drawn import DAY, TASK, picture, said


def labels(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["image"].to_pylist(), table["cls"].to_pylist(), strict=True))


def ids(*numbers: int) -> list[str]:
    return [picture(number)[0].id for number in numbers]


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    catalog.add_images([picture(number) for number in range(6)])
    return catalog


def append(catalog: Catalog, *events: LabelEvent) -> Batch:
    batch = catalog.append_labels(TASK, events)
    assert batch is not None
    return batch


def test_what_one_step_appends_is_one_batch(filled: Catalog) -> None:
    batch = append(filled, said(2), said(0), said(1, "Asia"))
    last = DAY + datetime.timedelta(days=2)
    assert (batch.images, batch.events, batch.first, batch.last, batch.status) == (3, 3, DAY, last, "open")
    assert filled.batches(TASK) == [batch]
    assert filled.batches("another") == []
    assert filled.append_labels(TASK, []) is None


def test_an_event_is_appended_once(filled: Catalog) -> None:
    first = append(filled, said(0), said(1))
    assert filled.append_labels(TASK, [said(1), said(0)]) is None
    second = append(filled, said(0), said(2), said(2))
    assert second.events == 1
    assert filled.events(TASK, [first.id, second.id]).num_rows == 3


def test_a_batchs_id_is_that_of_its_events_whatever_their_order(filled: Catalog, tmp_path: Path) -> None:
    events = [said(number) for number in range(6)]
    mine = append(filled, *events)
    random.Random(0).shuffle(events)
    other = Catalog.open(Objects.open(f"file://{tmp_path}/other"))
    assert other.append_labels(TASK, events) == mine
    assert snapshot(other, TASK, [mine.id]) == snapshot(filled, TASK, [mine.id])


def test_current_labels_carry_what_learning_needs(filled: Catalog) -> None:
    batch = append(filled, said(3))
    image = picture(3)[0]
    expected = {"image": image.id, "post": image.post, "published": image.published, "cls": "Europe"}
    assert filled.labelled(TASK).to_pylist() == [expected | {"split": split_of(image.post), "kind": "photo", "batch": batch.id}]


def test_the_last_event_decides(filled: Catalog) -> None:
    append(filled, said(0), said(1))
    correction = append(filled, said(0, "Asia", origin="review"), said(1, None, origin="feedback"))
    assert labels(filled.labelled(TASK)) == {ids(0)[0]: "Asia"}
    assert filled.labelled(TASK)["batch"].to_pylist() == [correction.id]


def test_a_person_may_change_their_mind_twice_on_one_day(filled: Catalog) -> None:
    for cls in ("Asia", "Africa", "Asia"):
        append(filled, said(0, cls, origin="review"))
        assert labels(filled.labelled(TASK)) == {ids(0)[0]: cls}
    assert filled.append_labels(TASK, [said(0, "Asia", origin="review")]) is None
    assert len({batch.id for batch in filled.batches(TASK)}) == 3


def test_labels_can_be_folded_over_some_batches_or_images(filled: Catalog) -> None:
    first, second = append(filled, said(0), said(1)), append(filled, said(0, "Asia", origin="review"), said(2))
    assert labels(filled.labelled(TASK, [first.id])) == dict.fromkeys(ids(0, 1), "Europe")
    assert labels(filled.labelled(TASK, [first.id], ids(0, 2))) == {ids(0)[0]: "Europe"}
    assert labels(filled.labelled(TASK, images=ids(0, 2))) == {ids(0)[0]: "Asia", ids(2)[0]: "Europe"}
    assert labels(filled.labelled(TASK, [first.id, second.id])) == labels(filled.labelled(TASK))
    assert filled.labelled(TASK, []).num_rows == filled.labelled(TASK, images=[]).num_rows == 0


def test_tasks_do_not_see_each_others_labels(filled: Catalog) -> None:
    append(filled, said(0))
    other = filled.append_labels("styles", [said(0, "baroque", task="styles"), said(1, "gothic", task="styles")])
    assert other is not None
    assert labels(filled.labelled(TASK)) == {ids(0)[0]: "Europe"}
    assert labels(filled.labelled("styles")) == {ids(0)[0]: "baroque", ids(1)[0]: "gothic"}
    assert filled.events(TASK, [other.id]).num_rows == 0


def test_held_and_rejected_batches_do_not_count_until_opened(filled: Catalog) -> None:
    first, second = append(filled, said(0)), append(filled, said(1))
    filled.hold(TASK, first.id, "its labels contradict the pictures")
    assert [(batch.status, batch.reason) for batch in filled.batches(TASK)] == [
        ("held", "its labels contradict the pictures"),
        ("open", ""),
    ]
    assert list(labels(filled.labelled(TASK))) == ids(1)
    assert list(labels(filled.labelled(TASK, [first.id]))) == ids(0)
    filled.settle(TASK, first.id, "open")
    filled.hold(TASK, first.id, "again")
    assert filled.labelled(TASK).num_rows == 2
    filled.settle(TASK, second.id, "rejected")
    assert list(labels(filled.labelled(TASK))) == ids(0)
    assert [batch.reason for batch in filled.batches(TASK)] == ["its labels contradict the pictures", ""]


def test_batches_are_ordered_by_their_newest_day(filled: Catalog) -> None:
    late, early = append(filled, said(5), said(0)), append(filled, said(4))
    assert [batch.id for batch in filled.batches(TASK)] == [early.id, late.id]


def test_events_come_in_fold_order(filled: Catalog) -> None:
    first = append(filled, said(0), said(1))
    second = append(filled, said(0, "Asia", origin="review"))
    rows = filled.events(TASK, [second.id, first.id]).to_pylist()
    assert [row["image"] for row in rows] == sorted(ids(0, 0, 1))
    assert [row["cls"] for row in rows if row["image"] == ids(0)[0]] == ["Europe", "Asia"]


def test_a_snapshot_is_that_of_its_batches(filled: Catalog) -> None:
    first, second = append(filled, said(0), said(1)), append(filled, said(2))
    both = snapshot(filled, TASK, [second.id, first.id])
    assert (both.images, both.events, both.batches) == (3, 3, tuple(sorted([first.id, second.id])))
    assert both.digest == snapshot(filled, TASK, [first.id, second.id]).digest != snapshot(filled, TASK, [first.id]).digest
    with pytest.raises(CatalogError, match="has no batch nope"):
        snapshot(filled, TASK, ["nope"])


@st.composite
def statements(draw: st.DrawFn) -> list[LabelEvent]:
    origin = st.sampled_from(["source", "review", "feedback"])
    event = st.builds(
        lambda number, cls, origin: said(number, cls, origin=origin), st.integers(0, 3), st.sampled_from(["A", "B", None]), origin
    )
    return draw(st.lists(event, max_size=12))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=statements(), cuts=st.sets(st.integers(0, 12), max_size=3))
def test_labels_do_not_depend_on_how_events_are_cut_into_batches(
    tmp_path_factory: pytest.TempPathFactory, events: list[LabelEvent], cuts: set[int]
) -> None:
    whole, cut = (Catalog.open(Objects.open(tmp_path_factory.mktemp("store").as_uri())) for _ in range(2))
    for catalog in (whole, cut):
        catalog.add_images([picture(number) for number in range(4)])
    whole.append_labels(TASK, events)
    bounds = [0, *sorted(min(place, len(events)) for place in cuts), len(events)]
    for start, end in itertools.pairwise(bounds):
        cut.append_labels(TASK, events[start:end])
        cut.append_labels(TASK, [event for event in events[start:end] if event.origin == "source"])
    assert labels(whole.labelled(TASK)) == labels(cut.labelled(TASK))
