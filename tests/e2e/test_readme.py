"""The README's commands, as they stand there and in their order.

The pretrained backbone of the README can't be downloaded in a test, so that one line of the task file is exchanged.
"""

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.bench import Bench, draw

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
GOES_ON = {"perennial run walls --serve": "http_port", "perennial dashboard walls": "dashboard_port"}
HEALTH = {"http_port": "/v2/models/walls/ready", "dashboard_port": "/_stcore/health"}


def test_make_targets_stand_in_the_makefile() -> None:
    targets = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)


@pytest.mark.timeout(900)
def test_every_other_command_does_what_it_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for material in ("brick", "glass"):
        draw(tmp_path / "pictures", material, range(150))
    running = []
    said = {}
    try:
        for command in (command for command in COMMANDS if not command.startswith("make ")):
            if command == "perennial rollback walls":
                _learn_more(bench)
            if port := GOES_ON.get(command):
                running.append(bench.start(*shlex.split(command)))
                bench.ready(f"http://127.0.0.1:{bench.ports[port]}{HEALTH[port]}")
            else:
                said[command] = _run(bench, command)
            if command.startswith("perennial init"):
                bench.small_backbone("walls")
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        codes = [process.wait(30) for process in running]
    assert codes == [0] * len(GOES_ON)
    predicted = next(text for command, text in said.items() if command.startswith("perennial predict"))
    assert "brick" in predicted
    posted = next(text for command, text in said.items() if command.startswith("curl"))
    assert json.loads(posted)["predictions"][0]["class"] == "brick"
    assert (tmp_path / "continual.yaml").stat().st_size > 1000


def _learn_more(bench: Bench) -> None:
    """Give the champion a predecessor to go back to."""
    for material in ("brick", "glass"):
        draw(bench.folder / "pictures", material, range(150, 210))
    bench.promotes("walls")


def _run(bench: Bench, command: str) -> str:
    """Run a command in the bench's folder; its port stands in for the README's."""
    words = shlex.split(command.replace(":8080", f":{bench.ports['http_port']}"))
    ended = subprocess.run(words, cwd=bench.folder, env=bench.environment, capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}: {ended.stderr[-2000:]}"
    assert "Traceback" not in ended.stderr
    return ended.stdout
