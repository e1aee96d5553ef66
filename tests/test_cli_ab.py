"""What ``perennial ab show`` prints of an A/B test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.cli_ab import ab
from perennial.errors import EndpointError
from perennial.rules import FolderRule
from perennial.serving.record import EndpointRecord, Hold, record_key
from perennial.settings import Settings
from perennial.task import FolderSource, Task, save_task
from tests.deployment.answer_log import BEGAN, ENDED, Log

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of the group where there is one task, colours; mistakes are raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    source = FolderSource(type="folder", path=Path("pictures"))
    task = Task(name="colours", classes=("red", "blue"), label=FolderRule(rule="folder"), sources=(source,))
    save_task(task, tmp_path / "tasks" / "colours.yaml")
    return lambda *arguments: CliRunner().invoke(ab, arguments)


@pytest.fixture
def log(run: Run) -> Log:
    return Log(Catalog.open(Objects.open(Settings.load().store_url)))


def try_two(log: Log) -> None:
    """Note twenty answers of each version: of version 2 all are right, of version 1 every second."""
    for number in range(20):
        log.say("red", log.answer(1, "red" if number % 2 else "blue"))
        log.say("red", log.answer(2, "red"))


def hold(log: Log, **changed: object) -> None:
    facts = {"task": "colours", "champion": 1, "challenger": 2, "share": 30, "began": BEGAN, "until": ENDED, **changed}
    record = EndpointRecord(endpoint="colours", hold=Hold.model_validate(facts))
    log.catalog.objects.put(record_key("colours"), record.model_dump_json().encode())


def test_the_table_and_who_would_go_on(run: Run, log: Log) -> None:
    try_two(log)
    hold(log, answers=500)
    ended = run("show", "colours")
    assert ended.exit_code == 0, ended.output
    first, second = ended.stdout.splitlines()[1:]
    assert first.split()[:3] == ["1", "champion", "20"]
    assert second.split()[:3] == ["2", "challenger", "20"]
    assert "100 ms" in second
    assert "100.0 % (" in second
    said = " ".join(ended.stderr.split())
    assert "version 2 gets 30 % of the traffic beside version 1 since 2026-10-01 12:00 UTC" in said
    assert "it ends at 2026-10-01 14:00 UTC or once each gave 500 answers." in said
    assert "If it ended now: Version 2 goes on: it is right more often" in said


def test_json_alone_on_standard_output(run: Run, log: Log) -> None:
    try_two(log)
    hold(log)
    facts = json.loads(run("show", "colours", "--json").stdout)
    assert (facts["task"], facts["share"], facts["winner"], facts["answers"]) == ("colours", 30, 2, None)
    assert [(one["version"], one["hits"], one["judged"]) for one in facts["figures"]] == [(1, 10, 20), (2, 20, 20)]
    assert set(facts["figures"][0]["right"]) == {"value", "low", "high"}


def test_nothing_was_answered_yet(run: Run, log: Log) -> None:
    hold(log, began=ENDED, until=None)
    ended = run("show", "colours")
    assert ended.exit_code == 0, ended.output
    assert "it ends when it is stopped." in ended.stderr
    assert "too little approved feedback" in ended.stderr
    assert json.loads(run("show", "colours", "--json").stdout)["figures"][0]["share"] is None


@pytest.mark.parametrize("task", [None, "shapes"])
def test_without_one_it_says_so(run: Run, log: Log, task: str | None) -> None:
    if task:
        hold(log, task=task)
    with pytest.raises(EndpointError, match="There is no A/B test with colours on the endpoint 'colours'") as told:
        raise run("show", "colours").exception or AssertionError
    assert ("but one with shapes" in str(told.value)) == bool(task)


@pytest.mark.parametrize("option", [["--share", "0"], ["--share", "100"], ["--answers", "0"]])
def test_a_split_has_two_parts(run: Run, option: list[str]) -> None:
    assert run("start", "colours", "2", *option).exit_code == 2
