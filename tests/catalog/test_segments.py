"""What was written into a segment comes out of it, or nothing does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.segments import Segment, decode, encode, is_segment, line
from perennial.errors import CatalogError

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
RECORDS = st.lists(st.dictionaries(st.text(), VALUES | st.lists(VALUES, max_size=3), max_size=4), max_size=5)
SEGMENT = Segment("regions", "w-1", 7, 300, lost=2, last=True)


@given(RECORDS)
def test_a_segment_comes_back_as_it_was(records: list[dict[str, object]]) -> None:
    found = decode(SEGMENT.key, encode(SEGMENT, [line(record) for record in records]))
    assert found == Segment("regions", "w-1", 7, 300, tuple(records), lost=2, last=True)


@given(RECORDS, st.integers(0, 10_000), st.binary(max_size=3))
def test_a_cut_or_changed_segment_is_never_read_as_another(records: list[dict[str, object]], cut: int, more: bytes) -> None:
    data = encode(SEGMENT, [line(record) for record in records])
    changed = data[: cut % len(data)] + more
    if changed != data:
        with pytest.raises(CatalogError):
            decode(SEGMENT.key, changed)


def test_a_segment_under_another_key_is_told() -> None:
    with pytest.raises(CatalogError, match="moved or copied"):
        decode("segments/regions/w-2/00000007.jsonl", encode(SEGMENT))


def test_a_newer_format_is_left_for_a_newer_version() -> None:
    assert decode(SEGMENT.key, b'{"format": 2, "surprise": true}\n') is None


def test_segments_are_told_from_what_lies_beside_them() -> None:
    assert is_segment(SEGMENT.key)
    assert not is_segment("segments/regions/key")
    assert not is_segment("segments/regions/w-1/pictures/ab.jsonl")
