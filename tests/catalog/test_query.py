from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.errors import CatalogError
from tests.catalog.drawn import TASK, picture, said


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    catalog.add_images([picture(number) for number in range(3)])
    catalog.append_labels(TASK, [said(0), said(1), said(2, "Asia")])
    return catalog


def test_images_and_labels_can_be_joined(filled: Catalog) -> None:
    found = filled.sql(
        "SELECT cls, count(*) AS images, min(title) AS first FROM labels JOIN images ON image = id GROUP BY cls ORDER BY cls"
    )
    assert found.to_pylist() == [
        {"cls": "Asia", "images": 1, "first": "House 2"},
        {"cls": "Europe", "images": 2, "first": "House 0"},
    ]


def test_an_empty_catalog_can_be_asked(catalog: Catalog) -> None:
    assert catalog.sql("SELECT count(*) AS n FROM images, labels, embeddings").to_pylist() == [{"n": 0}]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nope FROM images", "nope"),
        ("SELECT * FROM image", "There are these views: images"),
        ("SELEC 1", "syntax error"),
        ("", "answers nothing"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled"),
        ("COPY (SELECT 1) TO '/tmp/perennial-copied'", "disabled"),
        ("ATTACH '/tmp/perennial-attached.db'", "disabled"),
        ("SET enable_external_access = true", "configuration"),
        ("INSTALL httpfs", "disabled"),
    ],
)
def test_a_query_that_is_wrong_or_reaches_outside_is_refused(filled: Catalog, query: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        filled.sql(query)
    assert not Path("/tmp/perennial-copied").exists()  # noqa: S108
