"""Ctrl-C, or a polite end of the run alone: nothing is left running, and the next run goes on."""

import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.bench import Bench, draw, until


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_is_finished_by_the_next(tmp_path: Path, number: signal.Signals) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "walls", material, range(120))
    bench("init", "walls", "--from-folder", "walls")
    bench.small_backbone("walls")
    run = bench.start("perennial", "run", "walls")
    until(lambda: _reached(tmp_path, "embed"), 60)
    family = [run, *psutil.Process(run.pid).children(recursive=True)]
    assert len(family) > 1

    run.send_signal(number)
    assert run.wait(20) != 0
    until(lambda: not any(psutil.pid_exists(process.pid) for process in family), 10)
    assert "Traceback" not in (tmp_path / "background.log").read_text()

    ended = bench.json("run", "walls")
    assert ended["outcome"] == "promoted"
    assert bench.json("catalog", "sql", "select count(*) as n from labels") == [{"n": 240}]


def _reached(folder: Path, step: str) -> bool:
    logs = list((folder / ".perennial" / "logs").glob("*.log"))
    return any(re.search(rf"\[perennial\] {step} ", log.read_text(errors="replace")) for log in logs)
