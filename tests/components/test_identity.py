"""Which run a step belongs to, on this machine, on clusters, and on older ones."""

import subprocess
import sys

import pytest

from components.identity import run_id
from perennial.errors import StepFailed

PLACEHOLDER = "{{$.pipeline_job_uuid}}"
STEP = f"from components.identity import run_id; print(run_id({PLACEHOLDER!r}))"
LAUNCHER = f"import subprocess, sys; subprocess.run(['sh', '-c', '\"$0\" -c \"$1\"; true', sys.executable, {STEP!r}])"


def test_a_run_is_what_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_RUN", raising=False)
    assert run_id("4fa1") == "4fa1"


def test_a_local_run_says_it_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_RUN", "here-1")
    assert run_id("what kfp.local made") == "here-1"


def test_where_the_placeholder_is_handed_on_the_launcher_knows() -> None:
    command = [sys.executable, "-c", LAUNCHER, "--pipeline_name", "x", "--run_id", "4fa1", "--", "sh"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "4fa1\n"


def test_steps_of_unknown_runs_never_share_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_RUN", raising=False)
    with pytest.raises(StepFailed, match="doesn't say which run"):
        run_id(PLACEHOLDER)
