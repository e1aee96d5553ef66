"""A folder of pictures becomes a task."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from perennial.errors import SourceError, TaskError
from perennial.operations.own_pictures import task_from_folder
from perennial.task import add_classes, load_task


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    for name in ("rose/a.png", "tulip/b.png"):
        path = tmp_path / "flowers" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(path)
    return tmp_path / "flowers"


def make(folder: Path, tmp_path: Path, name: str = "own") -> dict[str, int]:
    return task_from_folder(name, folder, network="mobilenet_v2", weights="random:3", tasks=tmp_path / "tasks")[1]


def test_classes_are_the_subfolders_with_pictures(flowers: Path, tmp_path: Path) -> None:
    (flowers / "lily").mkdir()
    assert make(flowers, tmp_path) == {"rose": 1, "tulip": 1}
    task = load_task("own", tmp_path / "tasks")
    assert task.classes == ("rose", "tulip")
    assert (task.backbone.network, task.backbone.weights) == ("mobilenet_v2", "random:3")


def test_a_new_subfolder_is_added_and_the_rest_is_kept(flowers: Path, tmp_path: Path) -> None:
    make(flowers, tmp_path)
    file = tmp_path / "tasks" / "own.yaml"
    file.write_text(file.read_text() + "gate: {min_new_images: 7}\n")
    (flowers / "rose").rename(flowers / "aster")
    make(flowers, tmp_path)
    task = load_task("own", tmp_path / "tasks")
    assert task.classes == ("rose", "tulip", "aster")
    assert task.gate.min_new_images == 7


@pytest.mark.parametrize(
    ("listed", "after"),
    [
        (
            "classes:  # ours\n- rose  # red\n- tulip  # all colours\n",
            "classes:  # ours\n- rose  # red\n- tulip  # all colours\n- aster\n",
        ),
        ("classes:\n    - rose\n    - 'tulip'\n\n", "classes:\n    - rose\n    - 'tulip'\n    - aster\n\n"),
        ("classes: [rose, tulip]  # ours\n", "classes: [rose, tulip, aster]  # ours\n"),
        ("classes: [\n  rose,\n  tulip,  # late\n]\n", "classes: [\n  rose,\n  tulip, aster,  # late\n]\n"),
    ],
)
def test_a_new_subfolder_leaves_what_somebody_wrote(listed: str, after: str, flowers: Path, tmp_path: Path) -> None:
    make(flowers, tmp_path)
    file = tmp_path / "tasks" / "own.yaml"
    written = file.read_text()
    assert "classes:\n- rose\n- tulip\n" in written
    before = "# mine\n" + written.replace("classes:\n- rose\n- tulip\n", listed)
    file.write_text(before)
    (flowers / "rose").rename(flowers / "aster")
    make(flowers, tmp_path)
    assert file.read_text() == before.replace(listed, after)
    assert load_task("own", tmp_path / "tasks").classes == ("rose", "tulip", "aster")


@given(
    names=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=3, max_size=6, unique=True),
    width=st.integers(1, 80),
    flow=st.booleans(),
)
def test_classes_of_any_name_can_be_added(
    names: list[str], width: int, flow: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    task = {"name": "any", "classes": names[:2], "label": {"rule": "folder"}, "sources": [{"type": "folder", "path": "/p"}]}
    file.write_text(yaml.safe_dump(task, default_flow_style=flow, allow_unicode=True, width=width, sort_keys=False))
    add_classes(file, names[2:])
    assert load_task(str(file)).classes == tuple(names)


def test_where_nothing_is_new_the_file_is_not_touched_and_another_backbone_is_refused(flowers: Path, tmp_path: Path) -> None:
    make(flowers, tmp_path)
    file = tmp_path / "tasks" / "own.yaml"
    file.write_text("# ours\n" + file.read_text())
    before = file.read_text()
    for network, weights in (("", ""), ("mobilenet_v2", "")):
        task_from_folder("own", flowers, network=network, weights=weights, tasks=tmp_path / "tasks")
    with pytest.raises(TaskError, match="has the backbone mobilenet_v2 with the weights random:3"):
        task_from_folder("own", flowers, network="", weights="random:0", tasks=tmp_path / "tasks")
    assert file.read_text() == before


def test_another_task_of_that_name_is_left_alone(flowers: Path, tmp_path: Path) -> None:
    make(flowers, tmp_path)
    before = (tmp_path / "tasks" / "own.yaml").read_text()
    flowers.rename(tmp_path / "elsewhere")
    with pytest.raises(TaskError, match="Choose another name"):
        make(tmp_path / "elsewhere", tmp_path)
    assert (tmp_path / "tasks" / "own.yaml").read_text() == before


def test_a_name_that_is_not_allowed_is_said(flowers: Path, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="small letters"):
        make(flowers, tmp_path, name="My Flowers!")


def test_too_few_classes_are_said(flowers: Path, tmp_path: Path) -> None:
    (flowers / "rose" / "a.png").unlink()
    with pytest.raises(SourceError, match="one class alone"):
        make(flowers, tmp_path)
    assert not (tmp_path / "tasks").exists()
