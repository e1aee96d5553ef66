"""One's own pictures: from a folder to a model, then more pictures, then a class more."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.bench import Bench, draw


@pytest.mark.timeout(600)
def test_more_pictures_and_a_class_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    walls = tmp_path / "walls"
    for material in ("brick", "glass"):
        draw(walls, material, range(120))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    bench.promotes("walls")

    (walls / "brick" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture")
    for material in ("brick", "glass"):
        draw(walls, material, range(120, 180))
    bench.promotes("walls")

    draw(walls, "stone", range(120))
    bench("init", "walls", "--from-folder", "walls")
    bench.promotes("walls")
    assert bench.json("run", "walls")["outcome"] == "nothing new"

    assert bench.json("report", "walls")["rejected_files"] == 1
    assert [version["aliases"] for version in bench.json("models", "walls")] == [[], [], ["champion"]]
    counted = bench.json("catalog", "sql", "select cls, count(*) as n from labels group by cls order by cls")
    assert counted == [{"cls": "brick", "n": 180}, {"cls": "glass", "n": 180}, {"cls": "stone", "n": 120}]


@pytest.mark.timeout(600)
def test_a_class_found_before_it_is_named_is_learnt_once_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "walls", material, range(100))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    draw(tmp_path / "walls", "stone", range(100))
    bench.promotes("walls")
    bench("init", "walls", "--from-folder", "walls")
    bench.promotes("walls")
    counted = bench.json("catalog", "sql", "select count(*) as n from labels where cls = 'stone'")
    assert counted == [{"n": 100}]


@pytest.mark.timeout(600)
def test_what_was_gathered_goes_along_to_another_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "walls", material, range(100))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    bench.promotes("walls")
    (before,) = bench.json("models", "walls")

    store, moved = tmp_path / ".perennial" / "store", tmp_path / "moved"
    bench("copy", f"file://{store}", f"file://{moved}/store", "--gathered")
    shutil.rmtree(tmp_path / "walls" / "brick")  # its pictures are in the catalog
    bench.environment["PERENNIAL_HOME"] = str(moved)
    bench.promotes("walls")
    (after,) = bench.json("models", "walls")
    assert after["digest"] == before["digest"]
