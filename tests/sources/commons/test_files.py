"""What the API may answer."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from perennial.errors import SourceError
from perennial.sources.commons.files import read_files
from perennial.sources.posts import Paused
from tests.sources.commons.services import Services

API = "https://commons.example/w/api.php"
LAGGED = {"error": {"code": "maxlag", "info": "Waiting for db1: 6.5 seconds lagged", "host": "db1", "lag": 6.5}}
INFO = {
    "timestamp": "2020-03-04T05:06:07Z",
    "thumburl": "https://upload.example/thumb/a.jpg",
    "sha1": "0" * 40,
    "mime": "image/jpeg",
    "extmetadata": {"LicenseShortName": {"value": "CC0"}},
}
PAGE = {"title": "File:A.jpg", "imageinfo": [INFO]}


def answering(*documents: Any) -> tuple[Callable[[str], bytes], list[dict[str, list[str]]]]:
    """Return a getter that gives these documents in turn, and what it was asked."""
    asked: list[dict[str, list[str]]] = []
    left = list(documents)

    def get(url: str) -> bytes:
        asked.append(parse_qs(urlsplit(url).query))
        document = left.pop(0) if len(left) > 1 else left[0]
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    return get, asked


def test_lag_is_waited_out() -> None:
    get, asked = answering(LAGGED, {"query": {"pages": [PAGE]}})
    waits: list[float] = []
    found = read_files(get, API, ["File:A.jpg"], 960, wait=waits.append)
    assert found["File:A.jpg"].licence == "CC0"
    assert waits == [6.5]
    assert asked[0]["maxlag"] == ["5"]


def test_lag_that_stays_is_a_pause() -> None:
    get, asked = answering(LAGGED)
    with pytest.raises(Paused, match=r"6\.5 seconds lagged"):
        read_files(get, API, ["File:A.jpg"], 960, wait=lambda _: None)
    assert len(asked) == 3


def test_an_error_is_said() -> None:
    get, _ = answering({"error": {"code": "badvalue", "info": "Unrecognized value for parameter <b>prop</b>"}})
    with pytest.raises(SourceError, match="badvalue: Unrecognized value for parameter prop"):
        read_files(get, API, ["File:A.jpg"], 960)


def test_answers_in_parts_are_put_together() -> None:
    first = {"continue": {"iistart": "2019", "continue": "||"}, "query": {"pages": [{"title": "File:A.jpg"}]}}
    get, asked = answering(first, {"query": {"pages": [PAGE]}})
    assert not read_files(get, API, ["File:A.jpg"], 960)["File:A.jpg"].refused
    assert asked[1]["iistart"] == ["2019"]


def test_an_answer_without_end_is_said() -> None:
    get, _ = answering({"continue": {"continue": "||"}, "query": {"pages": [PAGE]}})
    with pytest.raises(SourceError, match="has no end"):
        read_files(get, API, ["File:A.jpg"], 960)


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"\xff", {}, {"query": []}, {"query": {"pages": {"1": PAGE}}}, {"query": {"pages": [{}, 7]}}],
)
def test_another_shape_is_said(document: Any) -> None:
    get, _ = answering(document)
    with pytest.raises(SourceError, match="Commons' answer"):
        read_files(get, API, ["File:A.jpg"], 960)


@pytest.mark.parametrize("key", INFO)
@pytest.mark.parametrize("value", [None, 7, [], {"value": []}, "x" * 1_000_000])
def test_any_field_may_be_missing_or_wrong(key: str, value: Any) -> None:
    info = {name: old for name, old in INFO.items() if name != key} | ({key: value} if value is not None else {})
    get, _ = answering({"query": {"pages": [{"title": "File:A.jpg", "imageinfo": [info]}]}})
    file = read_files(get, API, ["File:A.jpg"], 960)["File:A.jpg"]
    assert bool(file.refused) != bool(file.location and file.uploaded and file.licence)
    assert len(file.refused) < 1000


def test_many_and_long_titles_go_in_several_requests() -> None:
    get, asked = answering({"query": {"pages": [PAGE]}})
    titles = [f"File:{'寺' * 70} {number}.jpg" for number in range(60)]
    assert set(read_files(get, API, titles, 960)) == set(titles)
    sizes = [len(request["titles"][0].split("|")) for request in asked]
    assert sum(sizes) == 60
    assert max(sizes) < 12
    assert len(asked) < 9


def test_the_stand_in_takes_batches_of_fifty(services: Services) -> None:
    get, asked = answering({"query": {"pages": [PAGE]}})
    read_files(get, API, [f"File:{number}.jpg" for number in range(120)], 960)
    assert [len(request["titles"][0].split("|")) for request in asked] == [50, 50, 20]
