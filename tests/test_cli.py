"""What the command line says to mistakes: one sentence, exit code 2, no traceback."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


def perennial(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perennial", *arguments]
    return subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)


def refused(*arguments: str, folder: Path, **variables: str) -> str:
    ended = perennial(*arguments, folder=folder, **variables)
    assert ended.returncode == 2, (ended.returncode, ended.stderr)
    assert "Traceback" not in ended.stderr + ended.stdout
    assert ended.stdout == ""
    return " ".join(ended.stderr.split())


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for cls in ("a", "b"):
        (tmp_path / "pictures" / cls).mkdir(parents=True)
        Image.new("RGB", (32, 32), "red" if cls == "a" else "blue").save(tmp_path / "pictures" / cls / "one.png")
    return tmp_path


def test_unknown_task(tmp_path: Path) -> None:
    assert "There is no task 'regoins'" in refused("run", "regoins", folder=tmp_path)


def test_task_file_with_a_typo(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text("name: mine\nclases: [a, b]\n")
    said = refused("run", "mine", folder=tmp_path)
    assert "tasks/mine.yaml" in said
    assert "did you mean 'classes'?" in said


def test_unknown_setting(tmp_path: Path) -> None:
    (tmp_path / "perennial.yaml").write_text("stroe: file:///tmp\n")
    assert "'stroe'" in refused("models", "demo", folder=tmp_path)


def test_the_demo_on_a_cluster_is_looked_for_in_its_bucket(tmp_path: Path) -> None:
    bucket = {"PERENNIAL_STORE": "s3://perennial/store", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    assert "s3://perennial/store" in refused("releases", "demo", folder=tmp_path, **bucket, **keys)
    assert not (tmp_path / ".perennial" / "demo").exists()


def test_folder_of_one_class(tmp_path: Path) -> None:
    (tmp_path / "one" / "only").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "only" / "x.png")
    assert "one class alone" in refused("init", "mine", "--from-folder", "one", folder=tmp_path)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no folder" in refused("init", "mine", "--from-folder", "nowhere", folder=tmp_path)


def test_name_that_is_not_allowed(pictures: Path) -> None:
    assert "small letters" in refused("init", "My Task", "--from-folder", "pictures", folder=pictures)


def test_source_without_permission(tmp_path: Path) -> None:
    assert "permission" in refused("run", "regions", folder=tmp_path)


def test_weights_that_are_not_there(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", "--weights", "nowhere.safetensors", folder=pictures)
    assert "nowhere.safetensors" in refused("run", "mine", folder=pictures)


def test_nothing_to_serve_yet(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", folder=pictures)
    assert "perennial run" in refused("serve", "mine", folder=pictures)


def test_port_in_use(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", folder=pictures)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in refused("serve", "mine", folder=pictures, PERENNIAL_HTTP_PORT=port)


def test_store_that_is_away(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", folder=pictures)
    variables = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    assert "s3://bucket" in refused("run", "mine", folder=pictures, PERENNIAL_STORE="s3://bucket/state", **variables)


def test_query_that_is_wrong(tmp_path: Path) -> None:
    assert "nowhere" in refused("catalog", "sql", "select * from nowhere", folder=tmp_path)


def test_query_cannot_read_files(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    refused("catalog", "sql", "select * from read_csv('secret.csv')", folder=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", folder=pictures)
    (pictures / ".perennial").mkdir()
    (pictures / ".perennial").chmod(stat.S_IRUSR | stat.S_IXUSR)
    refused("run", "mine", folder=pictures)


def test_report_without_any_run(tmp_path: Path) -> None:
    assert "perennial run" in refused("report", folder=tmp_path)


def test_length_of_time_that_is_none(pictures: Path) -> None:
    perennial("init", "mine", "--from-folder", "pictures", folder=pictures)
    assert "'often'" in refused("run", "mine", "--every", "often", folder=pictures)
