"""A run on this machine: what its steps say is heard, and a step that breaks is no success."""

import io
from pathlib import Path

import pytest
from PIL import Image

from perennial.errors import StepFailed
from perennial.settings import Settings
from perennial.task import Task, save_task
from pipelines.here import _Lines, run_here


def test_lines_of_steps_are_heard_and_all_are_kept() -> None:
    heard: list[tuple[str, str, str]] = []
    log = io.StringIO()
    lines = _Lines(log, lambda *line: heard.append(line))
    lines.write("    [perennial] scrape progress: 3 of ")
    lines.write("9\nsomething else\n    [perennial] scrape error: no such site\n")
    assert heard == [("scrape", "progress", "3 of 9"), ("scrape", "error", "no such site")]
    assert lines.error == "no such site"
    assert "something else" in log.getvalue()


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
