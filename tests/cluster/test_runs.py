"""Recurring runs by themselves, and what catalog, MLflow, KFP and the endpoint say of them afterwards."""

import json
import threading

import httpx
import pytest

from pipelines.records import Run
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation, set_day


@pytest.fixture(scope="module")
def runs(installed: Installation) -> list[Run]:
    """Let the recurring run start three runs, the site having a new day after the first one."""
    installed.perennial("schedule", "demo", "--remove")
    known = [run.id for run in installed.runs("demo")]
    set_day(0)
    task = installed.task("demo", schedule="0 * * * * *")
    package = ("--package", str(installed.package), "--json")
    assert json.loads(installed.perennial("schedule", str(task), *package))["state"] == "created"
    assert json.loads(installed.perennial("schedule", str(task), *package))["state"] == "unchanged"
    try:
        installed.ended("demo", 1, but=known)
        set_day(1)
        return installed.ended("demo", 3, but=known)
    finally:
        installed.perennial("schedule", str(task), "--pause")


def test_three_runs_by_themselves(installed: Installation, runs: list[Run]) -> None:
    assert {run.state for run in runs} == {"SUCCEEDED"}
    outcomes = [(installed.facts("demo", run.id, "outcome") or {})["outcome"] for run in runs]
    assert outcomes == ["promoted", "promoted", "nothing new"]
    assert installed.facts("demo", runs[-1].id, "train") is None


def test_catalog_registry_and_endpoint_agree(installed: Installation, runs: list[Run]) -> None:
    versions = installed.registry.versions("demo")
    assert [(version.run, version.aliases) for version in versions] == [(runs[0].id, ()), (runs[1].id, ("champion",))]
    labelled = installed.catalog.labelled("demo")
    images = labelled["image"].to_pylist()
    assert len(images) == len(set(images)) > 2000
    assert not installed.catalog.without_embedding(versions[-1].backbone, images)
    picture = installed.catalog.pixels(images[0])
    with k.forwarded(k.NAMESPACE, "demo", 80) as url:

        def ask() -> str:
            answer = httpx.post(f"{url}/v1/models/demo:predict", content=picture, headers={"content-type": "image/jpeg"})
            return str(answer.raise_for_status().json()["predictions"][0]["model_version"])

        assert k.until(ask, lambda version: version == str(versions[-1].number), 20)


def test_two_tasks_at_the_same_minute(installed: Installation, runs: list[Run]) -> None:
    """Two tasks share store, sources and backbone, and neither hinders the other."""
    names = ("one", "two")
    ended: dict[str, str] = {}

    def run(name: str) -> None:
        ended[name] = installed.run(installed.task(name))["outcome"]

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == {"one": "promoted", "two": "promoted"}
    rows = [installed.catalog.labelled(name)["image"].to_pylist() for name in names]
    assert sorted(rows[0]) == sorted(rows[1])
    assert [installed.registry.versions(name)[-1].aliases for name in names] == [("champion",), ("champion",)]


def test_a_schedule_changed_while_its_run_is_under_way(installed: Installation, runs: list[Run]) -> None:
    known = [run.id for run in installed.runs("demo")]
    task, package = installed.task("demo", schedule="0 * * * * *"), ("--package", str(installed.package), "--json")
    installed.perennial("schedule", str(task), *package)
    started = k.until(lambda: [run for run in installed.runs("demo") if run.id not in known], bool, 120)[0]
    changed = json.loads(installed.perennial("schedule", str(installed.task("demo", schedule="0 0 4 * * *")), *package))
    assert changed["state"] == "updated"
    assert changed["left"] == [started.id]
    assert installed.end(started.id).state == "SUCCEEDED"
    assert (installed.facts("demo", started.id, "outcome") or {})["outcome"] == "nothing new"
    again = json.loads(installed.perennial("schedule", str(task.parent / "demo.yaml"), *package))
    assert again["left"] == []
    found = installed.api.recurring("perennial-demo")
    assert [(one.cron, one.enabled) for one in found] == [("0 0 4 * * *", True)]
    installed.perennial("schedule", str(task), "--remove")
    assert installed.api.recurring("perennial-demo") == []
