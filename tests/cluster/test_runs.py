"""Recurring runs by themselves, and what catalog, MLflow and KFP say of them afterwards."""

import json

import httpx

from tests.cluster import kubectl as k
from tests.cluster.installation import Installation, set_day


def test_three_runs_by_themselves(installed: Installation) -> None:
    set_day(0)
    task = installed.task("demo", schedule="0 * * * * *")
    first = json.loads(installed.perennial("schedule", str(task), "--package", str(installed.package), "--json"))
    assert first["state"] in ("created", "updated", "resumed")
    try:
        installed.ended("demo", 1)
        set_day(1)
        installed.ended("demo", 3)
    finally:
        installed.perennial("schedule", str(task), "--package", str(installed.package), "--pause")
    runs = [run for run in installed.ended("demo", 3) if run.state == "SUCCEEDED"]
    outcomes = [(installed.facts("demo", run.run_id, "outcome") or {})["outcome"] for run in runs]
    promoted = [number for number, outcome in enumerate(outcomes) if outcome == "promoted"]
    assert outcomes[0] == "promoted"
    assert len(promoted) == 2
    assert outcomes[-1] == "nothing new"
    assert installed.facts("demo", runs[-1].run_id, "train") is None

    versions = installed.registry.versions("demo")
    assert [(version.number, version.aliases) for version in versions] == [(1, ()), (2, ("champion",))]
    assert [version.run for version in versions] == [runs[number].run_id for number in promoted]
    labelled = installed.catalog.labelled("demo")
    assert labelled.num_rows == len(set(labelled["image"].to_pylist())) > 2000
    assert not installed.catalog.without_embedding(versions[-1].backbone, labelled["image"].to_pylist())


def test_the_endpoint_answers_with_the_champion(installed: Installation) -> None:
    champion = installed.registry.champion("demo")
    assert champion is not None
    picture = installed.catalog.pixels(installed.catalog.labelled("demo")["image"][0].as_py())
    with k.forwarded(k.NAMESPACE, "demo-predictor", 80) as url:

        def ask() -> int:
            answer = httpx.post(f"{url}/v1/models/demo:predict", content=picture, headers={"content-type": "image/jpeg"})
            return int(answer.raise_for_status().json()["predictions"][0]["model_version"])

        assert k.until(ask, lambda version: version == champion.number, 20) == champion.number
