import numpy as np
import pytest

from perennial.catalog.catalog import Catalog
from perennial.errors import CatalogError


def drawn(rows: int, dims: int = 8) -> np.ndarray:
    return np.random.default_rng(rows).integers(-4095, 4096, (rows, dims), dtype=np.int16)


def test_vectors_come_back_in_the_order_asked_for(catalog: Catalog) -> None:
    vectors, ids = drawn(5), list("edcba")
    assert catalog.add_embeddings("bb", ids, vectors) == 5
    found = catalog.embeddings("bb", ["a", "e", "c", "a"])
    assert found.dtype == np.int16
    assert (found == vectors[[4, 0, 2, 4]]).all()
    assert len(catalog.embeddings("bb", [])) == 0


def test_a_vector_is_stored_once(catalog: Catalog) -> None:
    first, second = drawn(2), drawn(3)
    catalog.add_embeddings("bb", ["a", "b"], first)
    assert catalog.add_embeddings("bb", ["b", "c", "c"], second) == 1
    assert (catalog.embeddings("bb", ["a", "b", "c"]) == [*first, second[1]]).all()
    assert catalog.without_embedding("bb", ["d", "a", "e"]) == ["d", "e"]


def test_backbones_are_kept_apart(catalog: Catalog) -> None:
    catalog.add_embeddings("one", ["a"], drawn(1, 4))
    catalog.add_embeddings("two", ["a"], drawn(1, 6))
    assert catalog.embeddings("one", ["a"]).shape == (1, 4)
    assert catalog.embeddings("two", ["a"]).shape == (1, 6)
    assert catalog.without_embedding("three", ["a"]) == ["a"]
    assert catalog.sql("SELECT backbone, image FROM embeddings ORDER BY 1").to_pylist() == [
        {"backbone": "one", "image": "a"},
        {"backbone": "two", "image": "a"},
    ]


def test_a_missing_vector_is_named_with_what_to_do(catalog: Catalog) -> None:
    catalog.add_embeddings("bb", ["a"], drawn(1))
    with pytest.raises(
        CatalogError, match=r"2 of 3 images have no embedding under the backbone bb, x among them\. Run the embed step"
    ):
        catalog.embeddings("bb", ["a", "x", "y"])


@pytest.mark.parametrize("vectors", [drawn(2), drawn(1).astype(np.float32), drawn(1)[0]])
def test_vectors_of_another_shape_or_type_are_refused(catalog: Catalog, vectors: np.ndarray) -> None:
    with pytest.raises(CatalogError, match=r"give int16 \[1, d\]"):
        catalog.add_embeddings("bb", ["a"], vectors)


def test_many_are_found_by_a_scan_and_few_by_the_index(catalog: Catalog) -> None:
    vectors, ids = drawn(9_000, 2), [f"{number:05}" for number in range(9_000)]
    catalog.add_embeddings("bb", ids, vectors)
    assert (catalog.embeddings("bb", ids[::-1]) == vectors[::-1]).all()
    assert (catalog.embeddings("bb", ids[7:9]) == vectors[7:9]).all()
