"""Unknown labels: a run sets them aside, a table settles them, the next run learns them."""

import csv
from pathlib import Path

import pytest

from tests.e2e.bench import Bench, draw


@pytest.mark.timeout(600)
def test_unknown_labels_are_settled_by_a_table_and_learnt(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "walls", material, range(100))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    draw(tmp_path / "walls", "stone", range(40))
    (tmp_path / "walls" / "stone").rename(tmp_path / "walls" / "Backstein")
    (tmp_path / "walls" / "brick" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture")
    bench.promotes("walls")
    assert bench.json("run", "walls")["outcome"] == "nothing new"

    waits = bench.json("review", "list", "walls")
    assert [(one["value"], one["images"]) for one in waits["unknown"]] == [("Backstein", 40)]
    assert list(waits["quarantine"].values()) == [1]
    assert len(bench.json("review", "unknown", "walls")) == 40
    (refused,) = bench.json("review", "quarantine")
    assert "damaged or cut off" in refused["reason"]
    bench("review", "drop", refused["digest"][:12])
    assert bench.json("review", "quarantine") == []

    bench("review", "export", "walls", "waits.csv", "--values")
    with (tmp_path / "waits.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "settled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"class": "brick"} for row in rows)
    for _ in range(2):
        bench("review", "import", "walls", "settled.csv")
    assert bench.json("review", "list", "walls") == {"batches": [], "unknown": [], "silent": 0, "quarantine": {}}
    bench.promotes("walls")
    assert bench.json("run", "walls")["outcome"] == "nothing new"
    counted = bench.json("catalog", "sql", "select cls, origin, count(*) as n from labels group by cls, origin order by n")
    assert [(row["cls"], row["origin"], row["n"]) for row in counted] == [
        ("brick", "review", 40),
        ("brick", "source", 100),
        ("glass", "source", 100),
    ]
    assert [version["aliases"] for version in bench.json("models", "walls")] == [[], ["champion"]]
