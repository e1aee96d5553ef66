"""Integers of 13 bits stand for features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from perennial.backbones.quantise import LIMIT, quantise, scale_for
from perennial.errors import BackboneError

features = arrays.arrays(np.float32, (4, 5), elements=st.floats(-1e6, 1e6, width=32))


@given(features, st.integers(-12, 12))
def test_values_within_the_range_come_back_within_half_a_step(values: np.ndarray, power: int) -> None:
    scale = 2.0**power

    steps, clipped = quantise(values, scale)

    inside = np.abs(np.rint(values / scale)) <= LIMIT
    assert steps.dtype == np.int16
    assert np.abs(steps).max() <= LIMIT
    assert clipped == np.count_nonzero(~inside)
    assert np.all(np.abs(steps * scale - values)[inside] <= scale / 2)


@given(features.filter(lambda values: np.abs(values).max() > 1e-20))
def test_the_scale_leaves_head_room_and_is_a_power_of_two(values: np.ndarray) -> None:
    scale = scale_for(values)

    assert np.frexp(scale)[0] == 0.5
    assert quantise(3.9 * values, scale)[1] == 0
    assert np.abs(quantise(values, scale)[0]).max() >= LIMIT // 9


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_features_that_say_nothing_are_refused(value: float) -> None:
    with pytest.raises(BackboneError, match="tell nothing apart"):
        scale_for(np.full((2, 3), value, np.float32))


def test_features_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(BackboneError, match="export it anew"):
        quantise(np.array([[1, np.nan]], np.float32), 1.0)
