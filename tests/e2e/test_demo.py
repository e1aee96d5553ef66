"""The demo, as `make demo ARGS="--no-serve --json"` runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects

ROOT = Path(__file__).parents[2]


def perennial(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perennial", *arguments]
    return subprocess.run(command, env={**os.environ, "PERENNIAL_HOME": str(home)}, cwd=home, capture_output=True, text=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def facts(home: Path) -> dict[str, Any]:
    ended = perennial("demo", "--no-serve", "--json", home=home)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.timeout(900)
def test_the_story_holds(facts: dict[str, Any]) -> None:
    assert facts["runs"] >= 4
    assert facts["promotions"] >= 2
    assert facts["refusals"] + facts["quarantined_images"] > 0
    assert facts["honest_days_held"] == 0
    assert facts["champion_accuracy"] > facts["frozen_accuracy"]
    assert facts["margin_interval"][0] > 0
    assert facts["endpoint_answer"]["class"] in {"africa", "asia", "europe"} | {
        entry["class"] for entry in facts["endpoint_answer"]["top"]
    }


@pytest.mark.timeout(900)
def test_four_tasks_learn_from_one_pass_over_the_pictures(facts: dict[str, Any], home: Path) -> None:
    tasks = {"demo", "demo-kind", "demo-type", "demo-style"}
    assert facts["tasks"] == len(tasks)
    assert set(facts["endpoint_answer"]["tasks"]) == tasks
    assert 0 < facts["embeddings"] <= facts["pictures"] - facts["copies"]
    assert 0 < facts["copies"] < 0.03 * facts["pictures"]
    catalog = Catalog.open(Objects.open((home / "demo" / "store").as_uri()))
    query = "SELECT count(*) AS n, count(DISTINCT image) AS images, count(DISTINCT backbone) AS backbones FROM embeddings"
    assert catalog.sql(query).to_pylist() == [{"n": facts["embeddings"], "images": facts["embeddings"], "backbones": 1}]
    assert set(catalog.labelled("demo")["kind"].to_pylist()) == {"exterior", "photo"}


@pytest.mark.timeout(900)
def test_the_report_says_the_same(facts: dict[str, Any], home: Path) -> None:
    ended = perennial("report", "--json", home=home)
    assert ended.returncode == 0, ended.stderr
    again = json.loads(ended.stdout)
    assert again == {key: value for key, value in facts.items() if key in again}


@pytest.mark.timeout(900)
def test_nothing_is_left_running(facts: dict[str, Any], home: Path) -> None:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(home) not in listed


@pytest.mark.skipif(shutil.which("make") is None, reason="make isn't installed")
def test_make_demo_runs_this_very_command() -> None:
    command = ["make", "--no-print-directory", "-n", "demo", "ARGS=--no-serve --json"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == ".venv/bin/perennial demo --no-serve --json"
