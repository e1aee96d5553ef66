"""Whatever a site calls a text, what the catalog keeps of it is one short printable line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.sources.text import MOST_CHARACTERS, MOST_FIELDS, plain, plain_fields, plain_id

ANY = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY)
def test_no_control_character_or_half_surrogate_is_left(text: str) -> None:
    kept = plain(text)
    assert not {unicodedata.category(sign) for sign in kept} & {"Cc", "Cs", "Zl", "Zp"}
    assert plain(kept) == kept
    kept.encode()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Casa\tda\r\nMúsica ", "Casa da Música"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("left \u202egnp.exe", "left gnp.exe"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("half \ud800 surrogate", "half surrogate"),
    ],
)
def test_each_kind_of_sign(text: str, kept: str) -> None:
    assert " ".join(plain(text).split()) == kept


def test_a_megabyte_is_cut() -> None:
    assert len(plain("x" * (1 << 20))) == MOST_CHARACTERS
    assert plain("x" * (1 << 20))[-1] == "…"
    assert len(plain_fields({f"field {number}": "x" for number in range(5_000)})) == MOST_FIELDS


@given(ANY, ANY)
def test_other_ids_stay_other_ids(one: str, other: str) -> None:
    assert (plain_id(one) == plain_id(other)) == (one == other)
    plain_id(one).encode()


def test_plain_ids_stay_as_they_are() -> None:
    assert [plain_id(id) for id in ("1040705", "rose/a b.png", "建築", "a#b")] == ["1040705", "rose/a b.png", "建築", "a#b"]
