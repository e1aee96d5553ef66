"""``perennial tidy``: what it prints, and what it leaves where it only says."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.catalog.predictions import PredictionRecord, add, table
from perennial.cli import app
from perennial.errors import LeaseHeld, PerennialError, SettingsError, StoreUnavailable
from perennial.settings import Settings

OLD = 100 * 86_400
KINDS = ["predictions", "pictures", "models", "releases", "backbones", "embeddings", "runs", "quarantine", "images"]
KINDS += ["pixels without a row", "old versions of tables"]


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """A store with one prediction that is old."""
    monkeypatch.chdir(tmp_path)
    objects = Objects.open(Settings.load().store_url)
    add(objects, [PredictionRecord(prediction_id="old", at=time.time() - OLD, endpoint="e", task="t", cls="red")])
    objects.put("runs/t/state.json", b'{"open": [], "task": ""}')
    return objects


def test_what_would_go_is_said_and_then_goes(objects: Objects) -> None:
    would = CliRunner().invoke(app, ["tidy", "--dry-run", "--json"])
    told = json.loads(would.stdout)
    assert [kind["kind"] for kind in told] == KINDS
    assert (told[0]["count"], told[0]["does"], told[0]["oldest"] is not None) == (1, "deleted", True)
    assert len(table(objects).view()) == 1
    said = CliRunner().invoke(app, ["tidy", "--dry-run"])
    assert "would be deleted" in said.stdout
    assert "Nothing was changed" in said.stderr
    went = CliRunner().invoke(app, ["tidy", "--json"])
    assert (went.exit_code, json.loads(went.stdout)[0]["count"]) == (0, 1)
    assert len(table(objects).view()) == 0
    assert json.loads(CliRunner().invoke(app, ["tidy", "--json"]).stdout)[0]["count"] == 0


def test_two_at_once_are_refused(objects: Objects) -> None:
    with lease(objects, "retention"):
        ended = CliRunner().invoke(app, ["tidy"])
        assert isinstance(ended.exception, LeaseHeld)
        assert CliRunner().invoke(app, ["tidy", "--dry-run"]).exit_code == 0


def test_where_there_is_nothing_old_it_says_so(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_KEEP_PREDICTIONS_DAYS", "0")
    assert "Nothing is old enough to go." in CliRunner().invoke(app, ["tidy", "--dry-run"]).stderr


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [("PERENNIAL_KEEP_RUNS_DAYS", "9999999", SettingsError), ("PERENNIAL_STORE", "file:///nonexistent/store", StoreUnavailable)],
)
def test_wrong_settings_are_sentences(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, error: type[PerennialError]
) -> None:
    monkeypatch.setenv(variable, value)
    ended = CliRunner().invoke(app, ["tidy", "--dry-run"])
    assert isinstance(ended.exception, error)
    assert ended.stdout == ""
