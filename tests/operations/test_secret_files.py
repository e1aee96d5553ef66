"""Secrets of an installation on one host, as files."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perennial.cli import app
from perennial.errors import SettingsError
from perennial.operations.secret_files import SecretFiles, file_names, make
from perennial.operations.set_up import set_up
from perennial.settings import SECRETS, Settings, read_secret_files
from tests.minio_server import ROOT, needs_minio, running_minio
from tests.operations.fake_cluster import fake_mlflow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all files."""
    make(tmp_path / "secrets")
    return tmp_path / "secrets"


def content(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_files_are_made_once_in_a_folder_that_is_its_owners_alone(folder: Path) -> None:
    before = content(folder)
    assert set(before) == set(file_names())
    assert len(set(before.values())) == len(before)
    assert all(len(value.strip()) == 32 for value in before.values())
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert {oct(file.stat().st_mode)[-3:] for file in folder.iterdir()} == {"444"}
    (folder / "postgres.POSTGRES_PASSWORD").unlink()
    make(folder)
    after = content(folder)
    assert {name for name in after if after[name] != before[name]} == {"postgres.POSTGRES_PASSWORD"}


def test_they_are_made_with_nothing_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "perennial.operations.secret_files"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ".secrets/postgres: made" in done.stdout
    assert set(content(tmp_path / ".secrets")) == set(file_names())


def test_what_is_missing_where_none_can_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("no folder")
    with pytest.raises(SettingsError, match=r"secrets/minio-root.MINIO_ROOT_PASSWORD is missing .* Run 'make secrets'"):
        make(tmp_path / "secrets")


def test_without_a_place_a_sentence_says_which(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("PERENNIAL_STORE", "s3://b/store")
    monkeypatch.setenv("PERENNIAL_MLFLOW", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match=r"^Set AWS_ENDPOINT_URL, which say"):
        set_up(Settings.load(), print, wait_s=0, cluster=SecretFiles(folder))


def test_a_bucket_of_ones_own_is_for_clusters(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["set-up", "--own-bucket", "--secrets", str(tmp_path)])
    assert isinstance(done.exception, SettingsError)
    assert "--own-bucket is for clusters" in str(done.exception)


@needs_minio
def test_the_bucket_and_all_users_are_as_the_files_say(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {name: value.strip() for name, value in content(folder).items()}
    people = {"admin": secret["mlflow-admin.MLFLOW_ADMIN_PASSWORD"]}
    password = secret["minio-root.MINIO_ROOT_PASSWORD"]
    lines: list[str] = []
    with fake_mlflow(people) as mlflow, running_minio(tmp_path / "data", MINIO_ROOT_PASSWORD=password) as minio:
        monkeypatch.setenv("AWS_ENDPOINT_URL", minio)
        monkeypatch.setenv("PERENNIAL_STORE", "s3://perennial/store")
        monkeypatch.setenv("PERENNIAL_MLFLOW", mlflow)
        set_up(Settings.load(), lines.append, wait_s=30, cluster=SecretFiles(folder))
    assert ROOT.access == "root"
    assert people["pipeline"] == secret["perennial-mlflow.MLFLOW_TRACKING_PASSWORD"]
    assert people["dashboard"] == secret["mlflow-dashboard.MLFLOW_TRACKING_PASSWORD"]
    users = ("pipeline", "server", "dashboard", "inbox", "mlflow")
    assert {f"S3 user {user}: policy perennial-{user}" for user in users} <= set(lines)


def test_a_variable_is_read_from_the_file_that_another_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "")
    (tmp_path / "token").write_text("from-the-file\n")
    monkeypatch.setenv("PERENNIAL_INBOX_TOKEN_FILE", str(tmp_path / "token"))
    read_secret_files()
    assert Settings.load().inbox_token == "from-the-file"  # noqa: S105
    monkeypatch.setenv("PERENNIAL_INBOX_TOKEN", "from-the-variable")
    read_secret_files()
    assert Settings.load().inbox_token == "from-the-variable"  # noqa: S105


def test_a_secrets_file_that_is_missing_or_empty_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match=r"key, which gives no AWS_SECRET_ACCESS_KEY: No such file"):
        read_secret_files()
    (tmp_path / "key").touch()
    with pytest.raises(SettingsError, match=r"it is empty"):
        read_secret_files()
