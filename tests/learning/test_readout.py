"""The read-out's whitening: half of a triangle is read, the result is that of the whole product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.learning.readout import whiten


@given(dims=st.sampled_from([1, 7, 255, 256, 257, 700]), rows=st.integers(0, 5), seed=st.integers(0, 2**16))
def test_whitening_is_the_product_with_the_upper_triangle(dims: int, rows: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    vectors, triangle = draw.standard_normal((rows, dims)), np.triu(draw.standard_normal((dims, dims)))
    assert whiten(vectors, triangle) == pytest.approx(vectors @ triangle, abs=1e-9)


def test_whitening_by_a_scale_is_a_multiplication() -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(whiten(vectors, np.array([2.0], np.float32)), 2 * vectors)


def test_single_precision_stays_single() -> None:
    assert whiten(np.ones((1, 300), np.float32), np.eye(300, dtype=np.float32)).dtype == np.float32
