"""Engines and precisions measured with a task's own pictures and the head that serves."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perennial.backbones.abilities import check_precision
from perennial.cli import app
from perennial.errors import BackboneError
from perennial.operations.engines import measure
from tests.small_world import template

PAIRS = {(engine, precision) for engine in ("openvino", "onnxruntime") for precision in ("fp32", "int8")}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def able(engine: str, precision: str) -> bool:
    try:
        check_precision(engine, precision)
    except BackboneError:
        return False
    return True


def test_a_task_is_measured_until_it_is_interrupted_and_the_store_stays_as_it_is(base: Path, tmp_path: Path) -> None:
    world = template(base).copy(tmp_path / "home")
    world.write_record(stable=world.release(1))
    before = sorted(world.objects.keys(""))

    def interrupt(word: str, done: int, _: int) -> None:
        if word == "measure" and done == 2:
            raise KeyboardInterrupt

    found = measure(world.task.backbone, world.settings, 5, interrupt, world.task)

    rows = {(row.figures.engine, row.figures.precision): row for row in found.rows}
    assert {pair for pair in PAIRS if able(*pair)} <= set(rows)
    assert {" ".join(pair) for pair in rows}.isdisjoint(found.left_out)
    assert found.rounds == 2
    assert not found.drawn
    assert [pair for pair, row in rows.items() if row.figures.baseline] == [("openvino", "fp32")]
    assert rows["openvino", "fp32"].figures.faster == {1: 1.0, 8: 1.0}
    assert rows["openvino", "fp32"].same == 1.0
    assert all(row.figures.cosine > 0.99 and row.same is not None and row.same > 0.9 for row in rows.values())
    assert sorted(world.objects.keys("")) == before


def test_the_command_measures_a_network_without_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ["backbones", "bench", "--network", "squeezenet1_1", "--crop", "40", "--rounds", "1", "--json"]

    ended = CliRunner().invoke(app, asked, catch_exceptions=False)

    facts = json.loads(ended.stdout)
    assert {(row["engine"], row["precision"]) for row in facts["rows"]} >= {("openvino", "fp32"), ("onnxruntime", "fp32")}
    assert facts["drawn"]
    assert all(row["ms"]["1"] > 0 and row["same_answers"] is None for row in facts["rows"])
