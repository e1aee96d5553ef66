import numpy as np
import pytest

from perennial.learning.linear_algebra import inverse_of_lower, oas


@pytest.mark.parametrize("size", [1, 5, 64, 65, 200])
def test_the_inverse_of_a_triangle_is_its_inverse(size: int) -> None:
    rng = np.random.default_rng(size)
    lower = np.tril(rng.normal(size=(size, size))) + 20 * np.eye(size)
    inverse = inverse_of_lower(lower)
    assert np.allclose(inverse @ lower, np.eye(size), atol=1e-10)
    assert not np.triu(inverse, 1).any()


def test_shrinkage_is_the_published_formula() -> None:
    covariance, samples = np.diag([1.0, 4.0, 9.0]), 40
    assert oas(covariance, samples) == pytest.approx((98 / 9 + 14**2 / 9) / (41 * (98 / 9 - 14**2 / 27)))
    assert oas(covariance, 10**6) < 1e-4
    assert oas(covariance, 1) == 1.0


def test_a_multiple_of_the_identity_is_shrunk_as_a_whole() -> None:
    assert oas(3 * np.eye(5), 100) == 1.0
