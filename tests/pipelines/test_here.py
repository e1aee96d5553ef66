"""A run on this machine: what its steps say is heard, and a step that breaks is no success."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from perennial.errors import StepFailed
from perennial.rules import FolderRule
from perennial.settings import Settings
from perennial.task import BackboneSpec, FolderSource, Task, save_task
from pipelines.here import _environment, _Lines, run_here
from tests.small_world import CLASSES, picture


def test_lines_of_steps_are_heard_and_all_are_kept() -> None:
    heard: list[tuple[str, str, str]] = []
    log = io.StringIO()
    lines = _Lines(log, lambda *line: heard.append(line))
    lines.write("    [perennial] scrape progress: 3 of ")
    lines.write("9\nsomething else\n    [perennial] scrape error: no such site\n")
    assert heard == [("scrape", "progress", "3 of 9"), ("scrape", "error", "no such site")]
    assert lines.error == "no such site"
    assert "something else" in log.getvalue()


def test_steps_get_the_settings_of_their_run_and_not_those_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_ENDPOINT_URL", "http://elsewhere")
    with _environment("run", Settings(home=tmp_path, endpoint_url="", contact="ops@example.org")):
        seen = Settings.load()
    assert (seen.endpoint_url, seen.contact, seen.home) == ("", "ops@example.org", tmp_path)
    assert Settings.load().endpoint_url == "http://elsewhere"


@pytest.mark.timeout(120)
def test_a_step_that_breaks_unforeseen_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in ("a", "b"):
        (tmp_path / "pictures" / cls).mkdir(parents=True)
        Image.new("RGB", (32, 32), "red" if cls == "a" else "blue").save(tmp_path / "pictures" / cls / "one.png")
    task = Task.model_validate(
        {
            "name": "walls",
            "classes": ["a", "b"],
            "label": {"rule": "folder"},
            "sources": [{"type": "folder", "path": tmp_path / "pictures"}],
            "backbone": {"network": "resnet18", "weights": "random:0"},
        }
    )
    save_task(task, tmp_path / "tasks" / "walls.yaml")
    settings = Settings.load(home=tmp_path / "state", tasks=tmp_path / "tasks")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "openvino.py").write_text("raise RuntimeError('unforeseen')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    with pytest.raises(StepFailed, match="export: unforeseen RuntimeError: unforeseen") as failed:
        run_here(task, settings, lambda *_: None)
    log = next(word for word in str(failed.value).split() if word.endswith(".log."))
    assert "unforeseen" in Path(log[:-1]).read_text()


TWICE = """
import sys
from pathlib import Path
from perennial.settings import Settings
from perennial.task import load_task
from pipelines.here import run_here

settings = Settings.load()
task = load_task("shades", settings.tasks)
for _ in range(2):
    print(run_here(task, settings, lambda *_: None).outcome, file=sys.stderr)
"""


def test_runs_follow_each_other_in_one_process(tmp_path: Path) -> None:
    """As ``perennial run --every`` has them: each run's scratch folder is gone when the next one begins."""
    for cls in CLASSES[:2]:
        (tmp_path / "pictures" / cls).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "pictures" / cls / f"{number}.jpg").write_bytes(picture(cls, number))
    task = Task(
        name="shades",
        classes=CLASSES[:2],
        label=FolderRule(rule="folder"),
        sources=(FolderSource(type="folder", path=tmp_path / "pictures"),),
        backbone=BackboneSpec(network="resnet18", weights="random:0", resize=64, crop=64),
    )
    save_task(task, tmp_path / "shades.yaml")
    environment = {**os.environ, "PERENNIAL_HOME": str(tmp_path / "home"), "PERENNIAL_TASKS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", TWICE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split()[-2:] == ["nothing", "new"], done.stderr
