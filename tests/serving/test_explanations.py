"""Explanations over HTTP, by the client and on the command line."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from perennial import cli_predict
from perennial.errors import EndpointError, ImageRejected
from perennial.serving import client
from tests.serving.conftest import Served
from tests.small_world import picture

GREEN = picture("green", 7)
PATH = "/v1/models/colours:explain"


def test_an_explanation_is_the_answer_with_its_reasons(served: Served) -> None:
    told = client.explain(served.url, "colours", GREEN, neighbours=4)
    plain = client.predict(served.url, "colours", GREEN)
    assert {**told, "prediction_id": ""}.items() >= {**plain, "prediction_id": ""}.items()
    assert [set(entry) for entry in told["neighbours"]] == [
        {"image", "class", "similarity", "post", "url", "title", "credit", "licence"}
    ] * 4
    assert told["map"]["class"] == told["class"]
    assert told["map"]["bias"] + np.mean(told["map"]["contributions"]) == pytest.approx(told["map"]["lead"], abs=0.05)
    assert "overlay" not in told["map"]


def test_options_may_stand_in_the_query_or_in_the_body(served: Served) -> None:
    body = {
        "instances": [{"image": {"b64": base64.b64encode(GREEN).decode()}}],
        "neighbours": 2,
        "class": "blue",
        "overlay": "jpeg",
    }
    (told,) = httpx.post(f"{served.url}{PATH}", json=body, timeout=30).raise_for_status().json()["predictions"]
    (other,) = httpx.post(f"{served.url}{PATH}?neighbours=1", json=body, timeout=30).raise_for_status().json()["predictions"]
    assert (len(told["neighbours"]), len(other["neighbours"])) == (2, 1)
    assert told["map"]["class"] == "blue" != told["class"]
    with Image.open(io.BytesIO(base64.b64decode(told["map"]["overlay"]))) as drawn:
        assert drawn.format == "JPEG"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"class": "violet"}, "has no class 'violet'. Name one of: red, green, blue."),
        ({"neighbours": "51"}, "whole number from 0 to 50"),
        ({"overlay": "png"}, "ask for 'jpeg'"),
    ],
)
def test_wrong_options_are_a_400_with_a_sentence(served: Served, query: dict[str, str], sentence: str) -> None:
    before = served.facts()["releases"][served.stable]["errors"]
    response = httpx.post(f"{served.url}{PATH}", params=query, content=GREEN, timeout=30)
    assert response.status_code == 400, response.text
    assert sentence in response.json()["error"]
    assert served.facts()["releases"][served.stable]["errors"] == before


def test_the_client_says_what_is_wrong(served: Served) -> None:
    with pytest.raises(ImageRejected, match="has no class 'violet'"):
        client.explain(served.url, "colours", GREEN, cls="violet")
    with pytest.raises(ImageRejected, match="not a JPEG"):
        client.explain(served.url, "colours", b"no picture")
    with pytest.raises(EndpointError, match="no model 'shapes'"):
        client.explain(served.url, "shapes", GREEN)


def asked(served: Served, files: list[Path], **options: Any) -> dict[str, dict[str, Any]]:
    settings = served.world.settings.model_copy(update={"endpoint_url": served.url})
    return cli_predict.ask(served.world.task, settings, files, **options)


def test_the_command_line_names_the_nearest_images_and_saves_the_overlay(served: Served, tmp_path: Path) -> None:
    file, overlay = tmp_path / "green.jpg", tmp_path / "why.jpg"
    file.write_bytes(GREEN)
    answers = asked(served, [file], explain=True, overlay=overlay)
    with Image.open(overlay) as drawn:
        assert drawn.size == (448, 448)
    assert "overlay" not in answers[str(file)]["map"]
    first, *nearest = cli_predict.lines(answers)
    assert first.startswith(f"{file}: ")
    assert len(nearest) == 5
    assert all("pictures/" in line for line in nearest), "where no address is known, the post is named"


def test_plain_answers_stay_plain_and_an_overlay_is_of_one_picture(served: Served, tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(GREEN)
    assert len(list(cli_predict.lines(asked(served, files)))) == 2
    with pytest.raises(EndpointError, match="saves one picture, and 2"):
        asked(served, files, overlay=tmp_path / "why.jpg")
