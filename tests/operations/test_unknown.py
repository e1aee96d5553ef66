"""People settle unknown labels: one by one, by value, or by a table."""

import csv
import datetime
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image
from perennial.errors import ReviewError
from perennial.operations.review_table import export_table, import_table
from perennial.operations.runs import RunFolder, begin, goes_on, task_digest
from perennial.operations.unknown import Group, grouped, label_image, label_value, waiting
from perennial.sources.label import apply_rule
from perennial.task import Task

DAY = datetime.date(2026, 3, 2)
TASK = Task.model_validate(
    {
        "name": "places",
        "classes": ["europe", "asia"],
        "label": {"rule": "country"},
        "sources": [{"type": "demo"}],
    }
)
PLACES = ("Tbilisi, Georgia", "Atlanta, GEORGIA", "Nowhere, Atlantis", "=cmd|' /C calc'!A0", "Porto, Portugal", "")


def filled(catalog: Catalog) -> Catalog:
    images = []
    for number, place in enumerate(PLACES):
        pixels = f"{number} {place}".encode()
        image = Image(digest_of_bytes(pixels), "demo", f"demo/{number}", f"http://demo/{number}", DAY, f"House {number}",
                      place, "photo", {"place": place}, 8, 8)  # fmt: skip
        images.append((image, pixels))
    catalog.add_images(images)
    apply_rule(TASK, catalog)
    catalog.objects.put_json("runs/places/state.json", {"open": [], "task": task_digest(TASK)})
    return catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return filled(Catalog.open(Objects.open((tmp_path / "store").as_uri())))


def labels(catalog: Catalog) -> dict[str, str]:
    rows = catalog.labelled("places")
    posts = (int(post.partition("/")[2]) for post in rows["post"].to_pylist())
    return dict(zip((PLACES[post] for post in posts), rows["cls"].to_pylist(), strict=True))


def next_run_goes_on(catalog: Catalog) -> bool:
    run = RunFolder(catalog.objects, "places", "next")
    return goes_on(run, TASK, new_posts=0, unfinished=begin(run))


def fill(path: Path, **classes: str) -> None:
    """Write classes into an exported table, by what stands in a cell of the row."""
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    for row in rows[1:]:
        row[-1] = next((cls for cell, cls in classes.items() if cell in row), "")
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows(rows)


def test_what_waits_is_grouped_by_value_and_silence_is_left_out(catalog: Catalog) -> None:
    rows = waiting(catalog, "places")
    assert [row["value"] for row in rows] == ["=cmd|' /C calc'!A0", "Atlantis", *sorted(["GEORGIA", "Georgia"], key=_id_of(rows))]
    assert len(waiting(catalog, "places", silent=True)) == len(rows) + 1
    groups = grouped(rows)
    assert (groups[0].value.casefold(), groups[0].images) == ("georgia", 2)
    atlantis = next(group for group in groups if group.value == "Atlantis")
    assert atlantis == Group("Atlantis", 1, atlantis.image, "House 2", "http://demo/2")


def _id_of(rows: list[dict[str, str]]):  # type: ignore[no-untyped-def]
    ids = {row["value"]: row["id"] for row in rows}
    return ids.__getitem__


def test_a_value_settles_all_its_images_once_and_the_next_run_learns_them(catalog: Catalog) -> None:
    assert not next_run_goes_on(catalog)
    assert label_value(catalog, TASK, " georgia", "europe") == 2
    assert labels(catalog) == {"Porto, Portugal": "europe", "Tbilisi, Georgia": "europe", "Atlanta, GEORGIA": "europe"}
    assert label_value(catalog, TASK, "Georgia", "asia") == 0, "none waits any more"
    assert [row["value"] for row in waiting(catalog, "places")] == ["=cmd|' /C calc'!A0", "Atlantis"]
    assert catalog.batches("places")[-1].origin == "feedback", "people said it: no minimum, no suspicion"
    assert next_run_goes_on(catalog)


def test_one_image_is_settled_by_the_beginning_of_its_id_and_may_be_corrected(catalog: Catalog) -> None:
    (row,) = [row for row in waiting(catalog, "places") if row["value"] == "Atlantis"]
    assert label_image(catalog, TASK, row["id"][:12], "asia") == 1
    assert label_image(catalog, TASK, row["id"], "asia") == 0
    assert label_image(catalog, TASK, row["id"], "europe") == 1
    assert labels(catalog)["Nowhere, Atlantis"] == "europe"
    known = digest_of_bytes(b"4 Porto, Portugal")
    assert label_image(catalog, TASK, known, "asia") == 1
    assert labels(catalog)["Porto, Portugal"] == "asia"


@pytest.mark.parametrize(
    ("image", "cls", "said"),
    [
        ("", "asia", "0 images of places begin with ''"),
        ("nothing", "asia", "0 images of places begin with 'nothing'"),
        ("", "africa", "'africa' is no class of places. Its classes: europe, asia"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_said(catalog: Catalog, image: str, cls: str, said: str) -> None:
    with pytest.raises(ReviewError, match=said):
        label_image(catalog, TASK, image, cls)
    with pytest.raises(ReviewError, match=r"waits with the value 'Mu'. Values that wait: Georgia|GEORGIA"):
        label_value(catalog, TASK, "Mu", "asia")
    assert not next_run_goes_on(catalog)


def test_a_table_is_exported_filled_in_and_imported_twice(catalog: Catalog, tmp_path: Path) -> None:
    table = tmp_path / "places.csv"
    assert export_table(catalog, TASK, table) == 4
    assert "'=cmd" in table.read_text(encoding="utf-8-sig"), "a spreadsheet must not run it"
    with pytest.raises(ReviewError, match="is there already"):
        export_table(catalog, TASK, table)
    fill(table, Georgia="europe", Atlantis="asia")
    assert import_table(catalog, TASK, table) == 2
    before, settled = catalog.batches("places"), labels(catalog)
    assert settled == {"Porto, Portugal": "europe", "Tbilisi, Georgia": "europe", "Nowhere, Atlantis": "asia"}
    assert next_run_goes_on(catalog)
    assert import_table(catalog, TASK, table) == 0
    assert (catalog.batches("places"), labels(catalog)) == (before, settled)


def test_a_table_of_values_settles_all_their_images(catalog: Catalog, tmp_path: Path) -> None:
    table = tmp_path / "values.csv"
    assert export_table(catalog, TASK, table, values=True, silent=True) == 3
    fill(table, **{"Georgia": "europe", "GEORGIA": "europe", "'=cmd|' /C calc'!A0": "asia"})
    assert import_table(catalog, TASK, table) == 3
    assert import_table(catalog, TASK, table) == 0


def test_a_table_with_bad_rows_changes_nothing_and_names_each(catalog: Catalog, tmp_path: Path) -> None:
    (good,) = [row["id"] for row in waiting(catalog, "places") if row["value"] == "Atlantis"]
    table = tmp_path / "bad.csv"
    lines = (f"{good},x,asia", f"{good},x,europe", "0000,x,asia", ",Mu,asia", f"{good},x,africa", ",,asia", ",Georgia,", "short")
    table.write_text("image,value,class\n" + "\n".join(lines) + "\n")
    with pytest.raises(ReviewError) as raised:
        import_table(catalog, TASK, table)
    said = str(raised.value)
    for line, reason in {
        3: "says 'europe' where line 2 said 'asia'",
        4: "there is no image '0000'",
        5: "no image waited with the value 'Mu'",
        6: "'africa' is no class of places (europe, asia)",
        7: "names no image and no value",
    }.items():
        assert f"line {line}: {reason}" in said
    assert "line 8" not in said
    assert "line 9" not in said
    assert labels(catalog) == {"Porto, Portugal": "europe"}
    assert not next_run_goes_on(catalog)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "can't be read"),
        (b"\xff\xfe\x00", "isn't UTF-8"),
        (b"", "no columns"),
        (b"image,value\nx,y\n", "no columns"),
        (b'class,image\n"' + b"x" * 200_000 + b'",y\n', "is no CSV table"),
    ],
)
def test_a_file_that_is_no_table_is_said(catalog: Catalog, tmp_path: Path, data: bytes | None, said: str) -> None:
    table = tmp_path / "table.csv"
    if data is not None:
        table.write_bytes(data)
    with pytest.raises(ReviewError, match=said):
        import_table(catalog, TASK, table)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["europe", "asia", ""])), max_size=6))
def test_importing_twice_is_importing_once(tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[int, str]]) -> None:
    folder = tmp_path_factory.mktemp("review")
    catalog = filled(Catalog.open(Objects.open((folder / "store").as_uri())))
    ids = [row["id"] for row in waiting(catalog, "places")]
    given = {ids[number]: cls for number, cls in answers}
    table = folder / "table.csv"
    table.write_text("class,image\n" + "".join(f"{cls},{image}\n" for image, cls in given.items()))
    assert import_table(catalog, TASK, table) == sum(bool(cls) for cls in given.values())
    once = catalog.batches("places"), labels(catalog)
    assert import_table(catalog, TASK, table) == 0
    assert (catalog.batches("places"), labels(catalog)) == once
