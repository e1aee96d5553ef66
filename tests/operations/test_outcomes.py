"""How a run ended, by what its steps left."""

from pathlib import Path
from typing import Any

import pytest

from perennial.catalog.objects import Objects
from perennial.operations.facts import RunFolder
from perennial.operations.outcomes import outcome_of


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(Objects.open(tmp_path.as_uri()), "walls", "one")


def left(run: RunFolder, **steps: dict[str, Any]) -> None:
    for step, facts in steps.items():
        run.write(step, {"sentence": f"{step} is done", **facts})


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        ({}, "scrape"),
        ({"scrape": {"go": True}}, "label"),
        ({"scrape": {"go": True}, "label": {"route": "learn"}}, "embed"),
        ({"scrape": {"go": True}, "label": {"route": "export"}}, "export"),
        ({"scrape": {"go": True}, "label": {"route": "finetune"}}, "finetune"),
        ({"scrape": {"go": True}, "label": {"route": "export"}, "export": {}}, "embed"),
        ({"scrape": {"go": True}, "label": {"route": "learn"}, "embed": {}, "train": {"challenger": "ab"}}, "evaluate"),
    ],
)
def test_a_step_that_died_is_named(run: RunFolder, steps: dict[str, dict[str, Any]], missing: str) -> None:
    left(run, **steps)
    outcome = outcome_of(run)
    assert (outcome.name, outcome.sentence) == ("failed", f"{missing}: the step ended without a result")


def test_whoever_knows_is_asked_for_the_reason_only_where_a_step_died(run: RunFolder) -> None:
    left(run, scrape={"go": True})
    assert outcome_of(run, lambda: "The image isn't there.").sentence == "The image isn't there."
    left(run, scrape={"go": False})
    assert outcome_of(run, lambda: pytest.fail("was asked")).name == "nothing new"


def test_what_a_step_said_goes_before_what_others_know(run: RunFolder) -> None:
    run.fail("finetune", "The GPU's memory is too small.")
    assert outcome_of(run, lambda: "exit code 2").sentence == "finetune: The GPU's memory is too small."
