"""Tables of paths and URLs as a source."""

import csv
import datetime
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.processes import free_port
from perennial.sources.label import label
from perennial.sources.scrape import Scraped, scrape
from perennial.sources.table import table_name
from perennial.sources.table_rows import read_rows
from perennial.sources.web import fetcher
from perennial.sources.web.limits import USUAL
from perennial.task import TableSource, Task
from tests.sources.conftest import Web
from tests.sources.test_folder import put
from tests.sources.test_images import encoded, picture

Cells = dict[str, Any]


def write(path: Path, rows: Sequence[Cells]) -> Path:
    """Write rows as the suffix says."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    return path


def table_task(path: Path, *hosts: str) -> Task:
    source = TableSource(type="table", path=path, allow_hosts=hosts)
    rule = {"rule": "field", "field": "label", "map": {"rose": "rose", "tulip": "tulip"}}
    return Task(name="own", classes=("rose", "tulip"), label=rule, sources=(source,))  # type: ignore[arg-type]


def rows_of(catalog: Catalog, path: Path) -> dict[str, Cells]:
    return {row["post"].removeprefix(f"{table_name(path)}/"): row for row in catalog.images().to_pylist()}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_become_images_with_what_is_known_of_them(tmp_path: Path, catalog: Catalog, suffix: str) -> None:
    put(tmp_path / "in/a.png", 10)
    put(tmp_path / "in/b.png", 60)
    full = {
        "image": "in/a.png",
        "id": "first",
        "post": "bed 7",
        "published": datetime.date(2024, 5, 6),
        "title": "A rose, red",
        "place": "Porto, Portugal",
        "kind": "exterior",
        "licence": "CC BY 4.0",
        "credit": "Ann",
        "caption": "At\nnoon",
        "label": "rose",
        "size": 3,
    }
    path = write(tmp_path / f"flowers{suffix}", [full, {"image": "in/b.png", "label": "tulip"}])
    task = table_task(path)
    assert scrape(task, catalog) == Scraped(posts=2, images=2)
    found = rows_of(catalog, path)
    first = found["bed 7"]
    said = {key: first[key] for key in ("published", "title", "place", "kind", "licence", "credit", "url")}
    assert said == {key: full[key] for key in said if key != "url"} | {"url": "in/a.png"}
    assert json.loads(first["metadata"]) == {"place": "Porto, Portugal", "label": "rose", "size": "3", "caption": "At noon"}
    assert (found["in/b.png"]["title"], found["in/b.png"]["kind"]) == ("b", "photo")
    batch = label(task, catalog)
    assert batch
    assert sorted(catalog.labelled("own")["cls"].to_pylist()) == ["rose", "tulip"]


def test_only_what_changed_is_read_again(tmp_path: Path, catalog: Catalog) -> None:
    for number in range(4):
        put(tmp_path / f"{number}.png", number * 50)
    rows = [{"image": f"{number}.png", "label": "rose"} for number in range(4)]
    path = write(tmp_path / "t.csv", rows)
    assert scrape(table_task(path), catalog).posts == 4
    os.utime(path, (0, 0))
    assert scrape(table_task(path), catalog) == Scraped(known=4)
    put(tmp_path / "1.png", 220)
    rows[2]["label"] = "tulip"
    write(path, [rows[3], rows[2], rows[1], rows[0]])
    assert scrape(table_task(path), catalog).posts == 2


def test_rows_of_one_post_stay_together(tmp_path: Path, catalog: Catalog) -> None:
    rows = [{"image": f"{number}.png", "post": f"p{number % 2}"} for number in range(6)]
    for number in range(6):
        put(tmp_path / f"{number}.png", number * 40)
    path = write(tmp_path / "t.jsonl", rows)
    assert scrape(table_task(path), catalog).images == 6
    assert sorted(set(catalog.images()["post"].to_pylist())) == [f"{table_name(path)}/p0", f"{table_name(path)}/p1"]
    assert scrape(table_task(path), catalog) == Scraped(known=6)


def test_wrong_rows_are_refused_by_number_and_the_others_taken(tmp_path: Path, catalog: Catalog) -> None:
    put(tmp_path / "a.png", 10)
    put(tmp_path / "b.png", 60)
    (tmp_path.parent / "outside.png").write_bytes(encoded(picture()))
    path = tmp_path / "t.csv"
    later = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=30)
    lines = [
        b"image,published,kind,note",
        b"a.png,2024-05-06,photo,",
        b",,,",
        b"gone.png,,,",
        b"../outside.png,,,",
        b"/etc/hostname,,,",
        b"b.png,yesterday,,",
        f"b.png,{later},,".encode(),
        b"b.png,,portrait,",
        b"b.png,,,x,y,z",
        b"b.png,,,\xff\xfe",
        b"b.png,,," + b"x" * 20_000,
        b"b.png,,," + b"x" * 200_000,
        b"b\x00.png,,,",
        b"b.png,2024-05-07T10:00:00Z,,fine",
    ]
    path.write_bytes(b"\r\n".join(lines))
    found = scrape(table_task(path), catalog)
    assert (found.images, found.quarantined) == (2, 12)
    reasons = {record.name: record.reason for record in quarantined(catalog.objects)}
    wanted = [
        "'image' is empty",
        "There is no file gone.png",
        "leads out of the table's folder",
        "leads out of the table's folder",
        "'yesterday' in 'published'",
        "yet to come",
        "'portrait' is none of",
        "6 cells under 4 columns",
        "isn't UTF-8",
        "20,000 characters",
        "field larger than field limit",
        "isn't UTF-8",
    ]
    for number, words in enumerate(wanted, 3):
        assert words in reasons[f"t.csv, row {number}"], number
        assert f"Row {number} of t.csv" in reasons[f"t.csv, row {number}"]
    assert scrape(table_task(path), catalog).quarantined == 0


def test_wrong_lines_of_json_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(
        b'{"image": "a.png"}\n\n[1]\n{"image"\n' + b"[" * 5000 + b'\n{"image": null, "n": [1, {"a": 2}], "ok": true}\n'
    )
    rows = list(read_rows(path))
    assert [row.number for row in rows] == [1, 3, 4, 5, 6]
    assert [bool(row.wrong) for row in rows] == [False, True, True, True, False]
    assert rows[-1].cells == {"n": '[1, {"a": 2}]', "ok": "true"}


def test_pictures_on_the_web(web: Web, tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["/a.png"] = (200, {"Content-Type": "image/png"}, encoded(picture()))
    host = web.url.removeprefix("http://")
    rows = [{"image": f"{web.url}/a.png", "label": "rose"}, {"image": f"{web.url}/gone.png", "label": "rose"}]
    path = write(tmp_path / "t.csv", rows)
    with pytest.raises(SourceError, match="PERENNIAL_CONTACT"):
        scrape(table_task(path, host), catalog)
    monkeypatch.setenv("PERENNIAL_CONTACT", "ops@example.org")
    assert scrape(table_task(path, host), catalog) == Scraped(posts=2, images=1, quarantined=1)
    assert scrape(table_task(path, host), catalog) == Scraped(known=2)
    assert web.asked["/a.png"] == 1


def test_a_host_that_is_away_leaves_the_others_pictures(
    web: Web, tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_CONTACT", "ops@example.org")
    monkeypatch.setattr(fetcher, "USUAL", replace(USUAL, retry_s=0.01))
    web.pages["/a.png"] = (200, {"Content-Type": "image/png"}, encoded(picture()))
    away = f"127.0.0.1:{free_port()}"
    rows = [{"image": f"http://{away}/{number}.png", "label": "rose"} for number in range(8)]
    path = write(tmp_path / "t.csv", [*rows, {"image": f"{web.url}/a.png", "label": "rose"}])
    task = table_task(path, away, web.url.removeprefix("http://"))
    found = scrape(task, catalog)
    assert (found.posts, found.images, found.quarantined) == (1, 1, 0)
    assert [(run.status, run.failed) for run in found.sources] == [("done", 8)]
    assert away in found.sources[0].sentence


def test_hosts_inside_the_network_have_to_be_named(
    web: Web, tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_CONTACT", "ops@example.org")
    path = write(tmp_path / "t.csv", [{"image": f"{web.url}/a.png"}])
    assert scrape(table_task(path), catalog).quarantined == 1
    assert not web.asked


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", None, "There is no table"),
        ("t.csv", b"", "has no column 'image' .*its columns: none"),
        ("t.csv", b"path,label\na.png,rose\n", "has no column 'image' .*path, label"),
        ("t.csv", b"image,label\n", "has no rows"),
        ("t.jsonl", b"", "has no rows"),
        ("t.parquet", b"PAR1 and no more", "can't be read as Parquet"),
    ],
)
def test_a_table_that_is_none_is_said(tmp_path: Path, catalog: Catalog, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=reason):
        scrape(table_task(tmp_path / name), catalog)


def test_other_suffixes_are_an_error_of_the_task() -> None:
    with pytest.raises(ValueError, match=r"ends in \.csv, \.jsonl, \.parquet, and t\.xlsx doesn't"):
        TableSource(type="table", path=Path("t.xlsx"))
