"""Which licences are free, and who is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.errors import ImageRejected
from perennial.sources.commons.licences import terms
from perennial.sources.markup import LIMIT, text_of

FREE = [
    ("CC0", "cc0"),
    ("CC0 1.0", ""),
    ("Public domain", "pd"),
    ("PD-US", "pd-us"),
    ("CC PDM 1.0", ""),
    ("CC BY 4.0", "cc-by-4.0"),
    ("CC BY 2.0", "cc-by-2.0"),
    ("CC BY-SA 1.0", "cc-by-sa-1.0"),
    ("CC BY-SA 3.0", "cc-by-sa-3.0,2.5,2.0,1.0"),
    ("CC BY-SA 3.0 de", "cc-by-sa-3.0-de"),
    ("CC BY-SA 3.0 IGO", ""),
    ("CC BY-SA 2.5 ca", ""),
    ("", "cc-by-sa-4.0"),
]
OTHER = [
    ("CC BY-NC 4.0", "cc-by-nc-4.0"),
    ("CC BY-ND 4.0", ""),
    ("CC BY-NC-SA 3.0 de", ""),
    ("CC BY-SA 3.0 nc", ""),
    ("", "cc-by-nc-nd-2.0"),
    ("GFDL", "gfdl"),
    ("GFDL 1.2", ""),
    ("FAL", "fal"),
    ("Fair use", ""),
    ("No restrictions", ""),
    ("Attribution", ""),
    ("CC BY", ""),
    ("CC BY 4.0", "cc-by-nc-4.0"),
    ("Copyrighted free use", ""),
    ("All rights reserved", ""),
    ("pdf", ""),
]


@pytest.mark.parametrize(("name", "code"), FREE)
def test_free(name: str, code: str) -> None:
    assert terms({"LicenseShortName": name, "License": code, "Artist": "Ann"}) == (name or code.upper(), "Ann")


@pytest.mark.parametrize(("name", "code"), OTHER)
def test_not_free(name: str, code: str) -> None:
    with pytest.raises(ImageRejected, match="isn't among those taken"):
        terms({"LicenseShortName": name, "License": code, "Artist": "Ann"})


def test_who_is_credited() -> None:
    by = {"LicenseShortName": "CC BY 4.0"}
    assert terms(by | {"Artist": "Ann", "Attribution": "Ann / Agency", "Credit": "Own work"})[1] == "Ann / Agency"
    assert terms(by | {"Artist": "<p></p>", "Credit": "Own work"})[1] == "Own work"
    with pytest.raises(ImageRejected, match="names no author"):
        terms(by)
    assert terms({"LicenseShortName": "CC0"}) == ("CC0", "")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann</a>', "Ann"),
        ('<bdi><a href="x">Ann</a></bdi><span style="display: none;">Unknown author</span>', "Ann"),
        ("<div class='fn'>\n  Ann\u202eB\x00 &amp; <i>Co</i>\n</div>", "AnnB & Co"),
        ("<script>alert(1)</script><style>p{}</style>Ann", "Ann"),
        ("&lt;b&gt;Ann&lt;/b&gt;", "<b>Ann</b>"),
        ("a < b", "a < b"),
        ("", ""),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert text_of(html) == text


@given(st.text(max_size=400))
def test_text_is_one_bounded_printable_line(text: str) -> None:
    found = text_of(f"<p>{text}</p>")
    assert len(found) <= LIMIT
    assert found == " ".join(found.split())
