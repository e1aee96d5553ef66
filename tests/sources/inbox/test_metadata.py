"""What is read from sidecars and tags, whatever they hold."""

import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.catalog.digests import canonical
from perennial.errors import ImageRejected
from perennial.sources.inbox.metadata import MAX_FIELDS, MAX_NAME, MAX_VALUE, about, fields_of, read_sidecar

DROPPED = datetime.datetime(2026, 3, 5, 23, 30, tzinfo=datetime.UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "more than 65,536 bytes"),
        (b"", "isn't JSON"),
        (b"\xff\xfe", "isn't JSON"),
        (b"[" * 50_000, "isn't JSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "isn't JSON"),
        (b"[1]", "is no JSON object"),
        (b'"a"', "is no JSON object"),
        (b'{"a": {"b": 1}}', "field 'a' holds more than"),
        (b'{"a": [["b"]]}', "field 'a' holds more than"),
        (json.dumps({str(n): "x" for n in range(MAX_FIELDS + 1)}).encode(), "51 fields"),
    ],
)
def test_bad_sidecars(data: bytes | None, words: str) -> None:
    with pytest.raises(ImageRejected, match=words):
        read_sidecar(data)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_a_sidecar_holds_comes_out_clean_or_is_refused(document: dict[str, object]) -> None:
    try:
        fields = read_sidecar(json.dumps(document).encode())
    except ImageRejected:
        return
    for name, value in fields.items():
        assert 0 < len(name) <= MAX_NAME
        assert 0 < len(value) <= MAX_VALUE
        assert not any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in name + value)
    canonical(fields)
    canonical(dict(about("a/b.png", fields, DROPPED).metadata))


def test_hostile_text_stays_text() -> None:
    fields = fields_of({"title": "<script>alert(1)</script>\x1b[31m\u202e", "place\n": "x" * 10**6, "\x00": "gone", "empty": " "})
    assert fields == {"title": "<script>alert(1)</script>[31m", "place": "x" * (MAX_VALUE - 1) + "…"}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", "2024-02-29"),
        ("2024-02-30", "2026-03-05"),
        ("2030-01-01", "2026-03-05"),
        ("soon", "2026-03-05"),
        ("", "2026-03-05"),
    ],
)
def test_days(text: str, day: str) -> None:
    assert about("a.png", {"published": text}, DROPPED).published.isoformat() == day


def test_the_folder_is_the_one_that_it_lies_in() -> None:
    assert about("walls/brick/a.b.png", {}, DROPPED).metadata == {"folder": "brick"}
    assert about("walls/brick/a.b.png", {}, DROPPED).title == "a.b"
    assert about("a", {"kind": "spaceship"}, DROPPED).kind == "photo"
    assert about("a", {}, DROPPED).metadata == {}
