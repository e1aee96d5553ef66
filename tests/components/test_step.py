"""How a step ends: its facts, its error, and what a second attempt makes of those of the first."""

import pytest

from components.step import Step
from perennial.errors import SourceError
from perennial.operations.facts import RunFolder
from perennial.operations.outcomes import outcome_of
from tests.small_world import World


def attempt(error: Exception | None = None, *, part: int | None = None) -> None:
    with Step("scrape" if part is None else "embed", "colours", "run-two", part=part) as step:
        if error:
            raise error
        step.done("3 new images", go=False)


@pytest.fixture
def folder(world: World) -> RunFolder:
    return RunFolder(world.objects, "colours", "run-two")


def test_a_mistake_is_one_line_and_exit_code_2(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        attempt(SourceError("The site\nis away."))
    assert ended.value.code == 2
    assert capsys.readouterr().out.splitlines()[-1] == "[perennial] scrape error: The site is away."
    assert outcome_of(folder).sentence == "scrape: The site\nis away."


def test_what_was_not_foreseen_is_said_too(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError):
        attempt(ZeroDivisionError("division by zero"))
    assert "unforeseen ZeroDivisionError: division by zero" in outcome_of(folder).sentence


def test_an_error_is_forgotten_once_a_later_attempt_is_done(folder: RunFolder) -> None:
    with pytest.raises(SystemExit):
        attempt(SourceError("The site is away."))
    attempt()
    assert outcome_of(folder).name == "nothing new"


def test_parts_of_a_step_keep_errors_of_their_own(folder: RunFolder) -> None:
    with pytest.raises(SystemExit):
        attempt(SourceError("No room."), part=1)
    attempt(part=2)
    assert folder.errors() == [("embed", "No room.")]
    attempt(part=1)
    assert folder.errors() == []


def test_an_error_of_the_exit_handler_is_none_of_the_run(folder: RunFolder) -> None:
    attempt()
    folder.fail("record", "MLflow is away.")
    assert outcome_of(folder).name == "nothing new"


def test_a_later_attempt_finds_what_an_earlier_one_did(folder: RunFolder) -> None:
    attempt()
    with Step("scrape", "colours", "run-two") as step:
        assert step.over() == {"sentence": "3 new images", "go": False}
