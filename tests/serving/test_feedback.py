"""The feedback route, with its abuse: strangers, made-up ids, repetitions, floods."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.segments import decode, is_segment
from perennial.errors import SettingsError
from perennial.serving import feedback as under_test
from perennial.serving.feedback import MOST_BODY, MOST_COMMENT, routes
from perennial.serving.journal import Journal
from perennial.serving.prediction_ids import PredictionIds
from perennial.serving.tokens import Tokens, make_token
from tests.small_world import CLASSES, picture

DAILY = 50


@dataclass
class Client:
    """Posts to an application without a network between."""

    app: FastAPI
    runner: asyncio.Runner

    def post(self, path: str, **request: Any) -> httpx.Response:
        async def posted() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://here") as client:
                return await client.post(path, **request)

        return self.runner.run(posted())


@dataclass
class Place:
    """A feedback route with its journal, and a client of it."""

    client: "Client"
    journal: Journal
    ids: PredictionIds
    objects: Objects
    users: Path

    def give(self, token: str | None, task: str = "colours", **body: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.post(f"/v1/models/{task}/feedback", json=body, headers=headers)

    def noted(self) -> list[dict[str, Any]]:
        """End the journal and return what it wrote."""
        self.journal.close()
        found = [decode(key, self.objects.get(key)) for key in self.objects.keys("segments") if is_segment(key)]
        return [record for segment in found if segment for record in segment.records]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    objects = Objects.open((tmp_path / "store").as_uri())
    journal, ids, users = Journal(objects, "colours", tmp_path), PredictionIds.open(objects, "colours"), tmp_path / "users.yaml"
    app = FastAPI()
    known = {"colours": CLASSES, "others": ("a", "b")}
    app.include_router(routes("colours", Tokens(users, DAILY), journal, ids, known.get))
    with asyncio.Runner() as runner:
        yield Place(Client(app, runner), journal, ids, objects, users)
    journal.close()


@pytest.fixture
def ana(place: Place) -> str:
    return make_token(place.users, "ana")


def test_a_correction_of_an_answer_waits_for_approval(place: Place, ana: str) -> None:
    id = place.ids.new("colours", kept=True)
    response = place.give(ana, prediction_id=id, **{"class": "red"}, comment="It's red.")
    assert response.status_code == 202
    assert response.json() | {"feedback": ""} == {
        "feedback": "", "state": "pending", "task": "colours", "class": "red", "learnable": True,
        "note": "It is learnt once somebody has approved it.",
    }  # fmt: skip
    (record,) = place.noted()
    assert record["feedback"] == response.json()["feedback"]
    assert (record["who"], record["cls"], record["comment"], record["prediction_id"]) == ("ana", "red", "It's red.", id)


def test_a_picture_goes_with_it_in_the_catalogs_form(place: Place, ana: str) -> None:
    sent = picture("red", 1, size=96)
    response = place.give(ana, image={"b64": base64.b64encode(sent).decode()}, **{"class": "red"})
    assert response.status_code == 202
    (record,) = place.noted()
    assert record["picture"] == digest_of_bytes(sent)


def test_it_is_said_that_a_picture_which_is_not_kept_cannot_be_learnt(place: Place, ana: str) -> None:
    response = place.give(ana, prediction_id=place.ids.new("colours"), **{"class": "red"})
    assert response.status_code == 202
    assert response.json()["learnable"] is False
    assert "send the image as well" in response.json()["note"]


def test_without_a_file_of_users_nobody_may_say_anything_and_the_answer_says_how(place: Place) -> None:
    response = place.give("guess", prediction_id=place.ids.new("colours"), **{"class": "red"})
    assert response.status_code == 403
    assert "perennial feedback token USER" in response.json()["error"]
    token = make_token(place.users, "ana")
    assert place.give(token, prediction_id=place.ids.new("colours"), **{"class": "red"}).status_code == 202


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic YW5hOmFuYQ==", "Bearer \xff\xfe"])
def test_a_stranger_is_refused(place: Place, ana: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    response = place.client.post("/v1/models/colours/feedback", content=b"not even read", headers=headers)  # type: ignore[arg-type]
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert place.noted() == []


def test_a_new_token_replaces_the_old_one_without_a_restart(place: Place, ana: str) -> None:
    assert place.give(ana, prediction_id=place.ids.new("colours"), **{"class": "red"}).status_code == 202
    newer = make_token(place.users, "ana")
    assert place.give(ana, prediction_id=place.ids.new("colours"), **{"class": "red"}).status_code == 401
    assert place.give(newer, prediction_id=place.ids.new("colours"), **{"class": "red"}).status_code == 202


def test_the_file_of_users_is_closed_to_others_and_holds_no_token(place: Place, ana: str) -> None:
    make_token(place.users, "ben")
    assert place.users.stat().st_mode & 0o777 == 0o600
    assert ana not in place.users.read_text()
    assert Tokens(place.users, 1).user_of(ana) == "ana"


@pytest.mark.parametrize("text", ["- a list", "users: {ana: plain}", "users: {ana: 3}", "\x00", "users: ["])
def test_a_wrong_file_of_users_is_told(place: Place, text: str) -> None:
    place.users.write_text(text)
    response = place.give("any", prediction_id=place.ids.new("colours"), **{"class": "red"})
    assert response.status_code == 503
    assert "is wrong" in response.json()["error"]
    with pytest.raises(SettingsError, match="is wrong"):
        make_token(place.users, "ana")


def test_made_up_ids_and_tasks_are_unknown(place: Place, ana: str) -> None:
    for id in ("colours.x", "colours." + "A" * 44, "", "ü", place.ids.new("colours")[:-4] + "AAAA"):
        assert place.give(ana, prediction_id=id, **{"class": "red"}).status_code == 404, id
    wrong = place.give(ana, prediction_id=place.ids.new("others"), **{"class": "red"})
    assert (wrong.status_code, "'others'" in wrong.json()["error"]) == (404, True)
    assert place.give(ana, task="nothing", prediction_id=place.ids.new("nothing"), **{"class": "red"}).status_code == 404
    assert place.noted() == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"class": "mauve"}, "Its classes: red, green, blue"),
        ({"class": "red", "comment": "x" * (MOST_COMMENT + 1)}, "at most 2000 are kept"),
        ({"class": "red", "image": {"b64": "***"}}, "isn't base64"),
        ({"class": "red", "image": {"b64": base64.b64encode(b"GIF89a").decode()}}, "a GIF, not a JPEG"),
        ({"class": "red", "image": {"b64": base64.b64encode(picture("red", 1)[:-40]).decode()}}, "damaged"),
        ({"class": "red", "image": "text"}, "image"),
        ({"class": 7}, "class"),
        ({}, "class"),
        ({"class": "red", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said(place: Place, ana: str, body: dict[str, Any], sentence: str) -> None:
    response = place.give(ana, prediction_id=place.ids.new("colours"), **body)
    assert response.status_code == 400
    assert sentence in response.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"class": "\\ud800"}', b"\xff", b'{"class": "red"}', b"[" * 100_000])
def test_a_body_of_another_shape_is_told(place: Place, ana: str, body: bytes) -> None:
    response = place.client.post("/v1/models/colours/feedback", content=body, headers={"authorization": f"Bearer {ana}"})
    assert response.status_code == 400, response.text
    assert response.json()["error"].endswith((".", "both."))


def test_a_body_that_is_too_large_is_refused(place: Place, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BODY < 2**25
    monkeypatch.setattr(under_test, "MOST_BODY", 1000)
    response = place.give(ana, prediction_id=place.ids.new("colours"), **{"class": "red", "comment": "x" * 1500})
    assert response.status_code == 413


def test_the_same_statement_twice_is_one_and_another_class_is_another(place: Place, ana: str) -> None:
    id = place.ids.new("colours")
    first = place.give(ana, prediction_id=id, **{"class": "red"}).json()["feedback"]
    assert place.give(ana, prediction_id=id, **{"class": "red"}, comment="again").json()["feedback"] == first
    assert place.give(ana, prediction_id=id, **{"class": "blue"}).json()["feedback"] != first
    ben = make_token(place.users, "ben")
    assert place.give(ben, prediction_id=id, **{"class": "red"}).json()["feedback"] != first
    assert len(place.noted()) == 3


def test_ten_thousand_statements_stop_at_the_days_limit_and_others_go_on(place: Place, ana: str) -> None:
    id = place.ids.new("colours")
    answers = [place.give(ana, prediction_id=id, **{"class": "red"}) for _ in range(DAILY)]
    assert {answer.status_code for answer in answers} == {202}
    refused = [place.client.post("/v1/models/colours/feedback", headers={"authorization": f"Bearer {ana}"}) for _ in range(1000)]
    assert {answer.status_code for answer in refused} == {429}
    assert 0 < int(refused[0].headers["retry-after"]) <= 86_400
    ben = make_token(place.users, "ben")
    assert place.give(ben, prediction_id=id, **{"class": "red"}).status_code == 202
    assert len(place.noted()) == 2


def test_what_is_remembered_is_bounded(place: Place, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_REMEMBERED", 5)
    box = under_test.Box("colours", Tokens(place.users, DAILY), place.journal, place.ids, lambda _: CLASSES)
    for number in range(20):
        box._note({"kind": "feedback", "feedback": str(number)}, None)
    assert len(box._noted) == 5


def test_while_the_store_takes_nothing_feedback_is_put_off_before_any_is_lost(
    place: Place, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(place.journal), "full", property(lambda _: True))
    response = place.give(ana, prediction_id=place.ids.new("colours"), **{"class": "red"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
