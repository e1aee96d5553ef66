import numpy as np
import pytest

from perennial.evaluation import metrics
from perennial.evaluation.bootstrap import Answers, clustered_mean, paired

TRUE = np.array([0, 0, 0, 1, 1, 2])
ANSWER = np.array([0, 0, 1, 1, 1, 0])


def test_figures_of_a_confusion_matrix() -> None:
    matrix = metrics.confusion(TRUE, ANSWER, 4)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert metrics.recalls(matrix)[:3] == pytest.approx([2 / 3, 1, 0])
    assert np.isnan(metrics.recalls(matrix)[3])
    assert metrics.balanced_accuracy(matrix) == pytest.approx(5 / 9)
    assert metrics.macro_f1(matrix) == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_figures_without_images_are_zero() -> None:
    nothing = np.empty(0, np.int64)
    assert metrics.balanced_accuracy(metrics.confusion(nothing, nothing, 3)) == 0
    assert metrics.macro_f1(metrics.confusion(nothing, nothing, 3)) == 0
    assert metrics.top(np.empty((0, 3)), nothing) == 0
    assert metrics.calibration_error(np.empty((0, 3)), nothing) == 0


def test_the_likeliest_three() -> None:
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1]] * 4)
    assert metrics.top(probabilities, np.arange(4)) == 0.75


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    probabilities = np.tile([0.8, 0.2], (10, 1))
    assert metrics.calibration_error(probabilities, np.array([0] * 8 + [1] * 2)) == pytest.approx(0)
    assert metrics.calibration_error(probabilities, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3)


def test_accuracy_by_month() -> None:
    days = np.array(["2026-10-30", "2026-10-31", "2026-11-01"], "datetime64[D]")
    assert metrics.by_month(days, np.array([True, False, True])) == {"2026-10": 0.5, "2026-11": 1.0}


def test_images_of_one_post_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    first, second = np.repeat(rng.random((2, 60)) < 0.5, 4, axis=1)
    classes = np.zeros(240, np.int64)
    apart = paired(Answers([str(n) for n in range(240)], classes, first, second), balanced=False)
    together = paired(Answers([str(n // 4) for n in range(240)], classes, first, second), balanced=False)
    assert apart is not None
    assert together is not None
    assert together.value == apart.value
    assert together.high - together.low > 1.6 * (apart.high - apart.low)
    assert (
        clustered_mean(first, [str(n // 4) for n in range(240)])[1] > 1.6 * clustered_mean(first, [str(n) for n in range(240)])[1]
    )


def test_the_interval_is_the_same_each_time_and_covers_a_true_gain() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random(400) < 0.6, rng.random(400) < 0.8
    answers = Answers([str(n // 2) for n in range(400)], rng.integers(0, 3, 400), first, second)
    found = paired(answers, balanced=True)
    assert found == paired(answers, balanced=True)
    assert found is not None
    assert 0 < found.low < 0.2 < found.high


def test_no_images_no_interval() -> None:
    nothing = np.empty(0, np.bool_)
    assert paired(Answers([], np.empty(0, np.int64), nothing, nothing), balanced=True) is None


def test_a_sample_without_a_mistake_still_has_an_error() -> None:
    mean, error = clustered_mean(np.ones(20, np.bool_), [str(n) for n in range(20)])
    assert mean == 1
    assert error > 0.03
