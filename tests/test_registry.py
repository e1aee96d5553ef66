"""The registry on a real MLflow over SQLite."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.errors import RegistryError, RegistryUnavailable
from perennial.registry import Registry, Run


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    Objects.open(tmp_path.as_uri()).put("model/model.json", b"{}")
    return (tmp_path / "model").as_uri()


def test_a_version_is_registered_once_for_each_digest(registry: Registry, folder: str) -> None:
    first = registry.register("once", "aa", folder, run_id="run-1", backbone="bb", tags={"note": "first"})
    again = registry.register("once", "aa", folder, run_id="run-2", backbone="bb")
    second = registry.register("once", "ab", folder, run_id="run-2", backbone="bb")
    assert first == again
    assert (first.number, first.digest, first.backbone, first.run, first.tags["note"]) == (1, "aa", "bb", "run-1", "first")
    assert [version.number for version in registry.versions("once")] == [1, 2]
    assert registry.version("once", 2) == second
    assert second.source == folder


def test_aliases_move_and_go_away(registry: Registry, folder: str) -> None:
    assert registry.champion("aliases") is None
    registry.register("aliases", "aa", folder, run_id="run-1")
    registry.register("aliases", "ab", folder, run_id="run-1")
    registry.point("aliases", "champion", 1)
    registry.point("aliases", "challenger", 2)
    registry.point("aliases", "champion", 2)
    registry.unpoint("aliases", "challenger")
    registry.unpoint("aliases", "challenger")
    champion = registry.champion("aliases")
    assert champion is not None
    assert (champion.number, champion.aliases) == (2, ("champion",))
    assert registry.aliased("aliases", "challenger") is None


def test_an_unknown_version_is_told_with_those_that_are_known(registry: Registry, folder: str) -> None:
    registry.register("known", "aa", folder, run_id="run-1")
    with pytest.raises(RegistryError, match=r"no version 7\. Known versions: 1\."):
        registry.version("known", 7)


def test_a_run_recorded_twice_is_one_run(registry: Registry) -> None:
    batches = [f"{number:064x}" for number in range(250)]
    run = Run(
        task="runs",
        id="run-1",
        outcome="promoted",
        params={"learner.name": "slda"},
        metrics={"challenger.macro_f1": 0.75, "challenger.ece": float("nan")},
        tags={"batches": " ".join(batches), "snapshot": "ff"},
        artifacts={"verdict.json": json.dumps({"outcome": "promote"}), "verdict.html": "<p>promote</p>"},
    )
    assert registry.record(run) == registry.record(run)
    registry.record(Run(task="runs", id="run-2", outcome="refused"))
    recorded = registry.runs("runs")
    assert [(r.id, r.outcome) for r in recorded] == [("run-1", "promoted"), ("run-2", "refused")]
    first = recorded[0]
    assert first.tags == {"batches": " ".join(batches), "snapshot": "ff"}
    assert (first.params, first.metrics) == ({"learner.name": "slda"}, {"challenger.macro_f1": 0.75})
    assert json.loads(registry.artifact(first, "verdict.json")) == {"outcome": "promote"}
    assert registry.artifact(first, "verdict.html") == "<p>promote</p>"
    with pytest.raises(RegistryError, match=r"nowhere\.json"):
        registry.artifact(first, "nowhere.json")


def test_a_task_without_runs_has_none(registry: Registry) -> None:
    assert registry.runs("never-run") == []


def test_a_version_is_linked_to_its_pipeline_run(registry: Registry, folder: str) -> None:
    registry.register("linked", "aa", folder, run_id="run-1")
    registry.record(Run(task="linked", id="run-1", outcome="promoted"))
    assert [run.id for run in registry.runs("linked")] == ["run-1"]


@pytest.mark.parametrize("damage", ["read-only", "no database", "a folder", "locked", "no server"])
def test_a_database_that_can_not_be_used_is_a_sentence(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial._mlflow._PROBE_TIMEOUT_S", 0.2)
    path = tmp_path / "mlflow.db"
    uri = f"sqlite:///{path}"
    if damage == "read-only":
        sqlite3.connect(path).execute("CREATE TABLE t (i)").connection.close()
        uri = f"sqlite:///file:{path}?mode=ro&uri=true"
    elif damage == "no database":
        path.write_bytes(b"no database" * 100)
    elif damage == "a folder":
        path.mkdir()
    elif damage == "no server":
        uri = "http://127.0.0.1:9"
    holder = sqlite3.connect(path if damage == "locked" else ":memory:", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(RegistryUnavailable, match=r"The model registry .*PERENNIAL_MLFLOW"):
            Registry(uri).champion("regions")
    finally:
        holder.close()


def test_nothing_is_printed_and_nothing_is_imported_early(tmp_path: Path) -> None:
    source = (
        "import sys; from perennial.registry import Registry; assert 'mlflow' not in sys.modules; "
        f"Registry('sqlite:///{tmp_path}/mlflow.db').champion('regions')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
