from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.digests import canonical, digest_of
from perennial.catalog.splits import split_of


def test_splits_are_70_10_20_and_stay_what_they_were() -> None:
    counts = Counter(split_of(f"demo/{number}") for number in range(10_000))
    assert abs(counts["train"] - 7_000) < 200
    assert abs(counts["calibrate"] - 1_000) < 120
    assert abs(counts["hold_out"] - 2_000) < 160
    assert [split_of(f"demo/{number}") for number in range(6)] == ["hold_out", "train", "hold_out", "train", "calibrate", "train"]


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=5))
def test_a_documents_digest_does_not_depend_on_the_order_of_its_keys(document: dict[str, object]) -> None:
    assert digest_of(document) == digest_of(dict(reversed(document.items())))


def test_the_canonical_spelling_is_compact_utf8() -> None:
    assert canonical({"b": "é", "a": [1, None]}) == '{"a":[1,null],"b":"é"}'.encode()
