"""What a run costs beyond its work: one with nothing new against an empty pipeline, and a step against its imports."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.benchmarks.rows import Row

EMPTY = """
from kfp import dsl, local
@dsl.component(base_image="python:3.11", install_kfp_package=False)
def look() -> bool:
    return False
@dsl.component(base_image="python:3.11", install_kfp_package=False)
def act():
    pass
@dsl.pipeline(name="empty")
def empty():
    with dsl.If(look().output == True):
        act()
local.init(local.SubprocessRunner(use_venv=False), pipeline_root=".")
empty()
"""

STEP = """
import sys
from components.step import Step
if "work" in sys.argv:
    with Step("nothing", "benchmark", "one") as step:
        step.done("nothing", settings=str(step.settings.home), task=step.task.name)
else:
    import perennial.task, perennial.settings, perennial.catalog.objects, perennial.operations.runs
"""


def run(quick: bool = False) -> list[Row]:
    """Measure in turn, so that a machine whose speed drifts slows both alike; medians of the rounds."""
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _task(home)
        environment = {**os.environ, "PERENNIAL_HOME": str(home / "state"), "PERENNIAL_TASKS": str(home)}
        nothing_new = [sys.executable, "-m", "perennial", "run", "benchmark"]
        _seconds(nothing_new, home, environment)
        turns = [
            (_seconds(nothing_new, home, environment), _seconds([sys.executable, "-W", "ignore", "empty.py"], home, environment))
            for _ in range(rounds)
        ]
        steps = [
            _seconds([sys.executable, "step.py", "work"], home, environment)
            - _seconds([sys.executable, "step.py"], home, environment)
            for _ in range(rounds)
        ]
    ours, floor = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
    ratio = statistics.median(ours / floor for ours, floor in turns)
    return [
        Row("run with nothing new / empty one-step pipeline", ratio, "≤ 1.5", "x", f"{ours:.2f} s / {floor:.2f} s"),
        Row("step beyond its own imports", statistics.median(steps), "≤ 0.1", "s", "a step's settings, task, store and facts"),
    ]


def _task(home: Path) -> None:
    """Write a task over a folder of three pictures a class: too few for a model, enough for a run."""
    for cls, colour in (("red", "red"), ("blue", "blue")):
        (home / "pictures" / cls).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (64, 64 + number), colour).save(home / "pictures" / cls / f"{number}.png")
    (home / "benchmark.yaml").write_text(
        f"name: benchmark\nclasses: [red, blue]\nlabel: {{rule: folder}}\n"
        f"sources: [{{type: folder, path: {home / 'pictures'}}}]\n"
        "backbone: {network: resnet18, weights: 'random:0', resize: 64, crop: 64}\n"
    )
    (home / "empty.py").write_text(EMPTY)
    (home / "step.py").write_text(STEP)


def _seconds(command: list[str], home: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    ended = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {ended.stderr}")
    return time.perf_counter() - began
