"""What pages say becomes one harmless line."""

import datetime
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.sources.archdaily.text import MAX_TEXT, date, names, place, plain, post_address, year


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Casa do Miradouro", "Casa do Miradouro"),
        ("  two \n\t lines ", "two lines"),
        ("<script>alert(1)</script>A <b>bold</b> house", "A bold house"),
        ('<img src=x onerror="alert(1)">', ""),
        ("Rock &amp; Roll", "Rock & Roll"),
        ("a < b", "a < b"),
        ("bell\x07 and \x1b[31mred\x00", "bell and [31mred"),
        ("right \u202eto left\u202c", "right to left"),
        ("half \ud83c", "half"),
        ("Cafe\u0301", "Café"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a letter of Persian's own kind of hyphenation stays
        (2024, "2024"),
        (None, ""),
        (True, ""),
        (["x"], ""),
        ({"a": 1}, ""),
    ],
)
def test_text_is_kept_and_nothing_else(said: object, kept: str) -> None:
    assert plain(said) == kept


def test_a_caption_of_a_megabyte_is_cut() -> None:
    assert plain("x" * 1_000_000) == "x" * (MAX_TEXT - 1) + "…"
    assert len(plain("<b>" * 300_000 + "end")) <= MAX_TEXT


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="<>&;\"'/ab\x00\u202e\n"), st.integers(), st.none(), st.binary()))
def test_whatever_is_said_can_be_written_down(said: object) -> None:
    text = plain(said)
    assert len(text) <= MAX_TEXT
    assert json.loads(json.dumps(text).encode()) == text
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
    assert text == " ".join(text.split())


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("Porto, Portugal", "Porto, Portugal"),
        ("Porto,Norte,Portugal", "Porto, Portugal"),
        ("Seoul,Seoul,Korea, Republic of", "Seoul, Korea, Republic of"),
        ("Seoul, Korea, Republic of", "Seoul, Korea, Republic of"),
        ("Washington, D.C., United States", "Washington, D.C., United States"),
        ("Paris,Paris,France", "Paris, France"),
        ("Mexico City,,Mexico", "Mexico City, Mexico"),
        ("0,0,Spain", "Spain"),
        ("0, Spain", "Spain"),
        ("Spain", "Spain"),
        (" , Peru", "Peru"),
        ("Quito , ", "Quito"),
        ("東京, 日本", "東京, 日本"),
        ("", ""),
        ("0", ""),
        (0, ""),
        ("-", ""),
        ("12.5,7.2", ""),
        ("unknown", ""),
        (",,,", ""),
        (None, ""),
        (["Porto"], ""),
        ("<b>Porto</b>, Portugal", "Porto, Portugal"),
    ],
)
def test_places(said: object, where: str) -> None:
    assert place(said) == where


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-02-20T07:00:00Z", datetime.date(2026, 2, 20)),
        ("2026-02-20", datetime.date(2026, 2, 20)),
        ("2099-01-01T00:00:00Z", datetime.date(2099, 1, 1)),
        ("2026-W08-5", None),
        ("2026-02-31", None),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (1771570800, None),
        ("", None),
        (None, None),
    ],
)
def test_dates(said: object, day: datetime.date | None) -> None:
    assert date(said) == day


@pytest.mark.parametrize(
    ("said", "kept"), [("2024", "2024"), (2024, "2024"), ("0", ""), ("c. 1900", ""), ("20244", ""), (None, "")]
)
def test_years(said: object, kept: str) -> None:
    assert year(said) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([{"name": "Atelier Sul"}, {"name": "Karo"}], "Atelier Sul, Karo"),
        (["Concrete", "Concrete", "", None, 3], "Concrete, 3"),
        ([{"title": "Houses"}], "Houses"),
        ([{"id": 5}], ""),
        ("Atelier Sul", "Atelier Sul"),
        ({"name": "Atelier Sul"}, "Atelier Sul"),
        (None, ""),
        (7.5, "7.5"),
    ],
)
def test_names(said: object, kept: str) -> None:
    assert names(said) == kept


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("/1040705/casa", ("1040705", "https://www.archdaily.com/1040705/casa")),
        ("https://archdaily.com/5/a", ("5", "https://archdaily.com/5/a")),
        ("https://www.archdaily.com/5/casa-são-joão", ("5", "https://www.archdaily.com/5/casa-são-joão")),
        ("/5/a?ad=1", ("5", "https://www.archdaily.com/5/a?ad=1")),
        ("/5", None),
        ("/5/a/b", None),
        ("/us/5/a", None),
        ("/search/projects", None),
        ("https://other.example/5/a", None),
        ("https://www.archdaily.com:8080/5/a", None),
        ("https://www.archdaily.com.evil.example/5/a", None),
        ("http://[/5/a", None),
        ("javascript:alert(1)", None),
        ("/" + "9" * 16 + "/a", None),
        ("/5/" + "a" * 3000, None),
        (None, None),
        (5, None),
    ],
)
def test_only_posts_of_the_same_site_have_an_address(said: object, found: tuple[str, str] | None) -> None:
    assert post_address(said, "https://www.archdaily.com") == found
