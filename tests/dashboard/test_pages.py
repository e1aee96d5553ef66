"""The pages as a person meets them, without a browser."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    st.cache_data.clear()


def _open(page: str = "") -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    return app.switch_page(f"views/{page}.py").run() if page else app


def _text(app: AppTest) -> str:
    parts = [*app.title, *app.caption, *app.markdown, *app.subheader, *app.warning, *app.info, *app.error]
    return "\n".join(str(part.value) for part in parts)


def test_an_empty_catalog_says_which_command_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    app = _open()
    assert not app.exception
    assert "perennial demo" in _text(app)
    assert "perennial init NAME --from-folder DIR" in _text(app)


def test_classes_shows_the_gain_the_held_batch_and_the_runs(environment: Any) -> None:
    app = _open()
    assert not app.exception
    assert app.selectbox[0].value == "shapes"
    assert [metric.value for metric in app.metric][:2] == ["180", "Version 2"]
    assert "20 images of 10 May 2026 are held." in app.warning[0].value
    assert f"perennial review approve shapes {environment.held[:12]}" in app.warning[0].value
    assert "Neither has learnt" in _text(app)
    assert len(app.table) == 1
    assert "held" in app.table[0].value["Outcome"].iloc[0]


def test_the_charts_over_time_follow_the_chosen_period(environment: Any) -> None:
    app = _open()
    app.segmented_control[0].set_value("month").run()
    assert not app.exception
    assert "Images by month" in _text(app)


def test_predict_says_how_to_start_an_endpoint_that_is_down(environment: Any) -> None:
    app = _open("predict")
    assert not app.exception
    app.button(key="predict_example").click().run()
    assert not app.exception
    assert "`perennial serve shapes`" in app.warning[0].value


def test_predict_refuses_a_file_that_is_no_picture(environment: Any) -> None:
    app = _open("predict")
    app.file_uploader(key="predict_file").set_value(("notes.jpg", b"no picture", "image/jpeg")).run()
    assert not app.exception
    assert "not a JPEG, PNG or WebP" in app.error[0].value


def test_a_store_that_is_away_is_a_sentence(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_STORE", "ftp://nowhere")
    app = _open()
    assert not app.exception
    assert "names no store" in app.error[0].value
