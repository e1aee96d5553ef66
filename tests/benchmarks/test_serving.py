"""The serving benchmark's own arithmetic, and the soak's judge: each wrong answer is one that it must find."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.serving.figures import compared, quantile, ratio, summary
from tests.benchmarks.serving.load.answers import judged
from tests.benchmarks.serving.results import OtherRun, Results
from tests.benchmarks.serving.rows import rows_of
from tests.benchmarks.serving.soak import failures

EXPECTED = {
    "releases": {
        "first": {"class": "red", "probability": 0.9, "version": 1},
        "second": {"class": "green", "probability": 0.8, "version": 2},
    }
}
ANSWER = {"class": "red", "probability": 0.9, "model_version": 1, "release": "first"}


def v1(**changed: Any) -> str:
    return json.dumps({"predictions": [{**ANSWER, **changed}]})


def v2(**changed: Any) -> str:
    return json.dumps({"outputs": [{"name": "answer", "data": [json.dumps({**ANSWER, **changed})]}]})


@pytest.mark.parametrize("body", [v1, v2])
def test_an_answer_of_either_release_is_right(body: Any) -> None:
    assert judged(EXPECTED, 200, body()) == ("right", "first")
    other = body(**{"class": "green", "probability": 0.8, "model_version": 2, "release": "second"})
    assert judged(EXPECTED, 200, other) == ("right", "second")


@pytest.mark.parametrize("body", [v1, v2])
@pytest.mark.parametrize(
    "changed",
    [
        {"class": "green"},
        {"release": "second"},
        {"model_version": 2},
        {"probability": 0.8},
        {"release": "third"},
        {"release": None},
        {"probability": "much"},
    ],
    ids=str,
)
def test_a_wrong_answer_is_found(body: Any, changed: dict[str, Any]) -> None:
    assert judged(EXPECTED, 200, body(**changed))[0] == "wrong"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"predictions": []}', '{"predictions": [5]}'])
def test_an_answer_of_another_shape_is_wrong(body: str) -> None:
    assert judged(EXPECTED, 200, body)[0] == "wrong"


@pytest.mark.parametrize("status", [0, 400, 404, 500, 503, 504])
def test_a_good_request_that_gets_no_answer_is_dropped(status: int) -> None:
    assert judged(EXPECTED, status, '{"error": "busy"}')[0] == "dropped"


def test_bad_input_is_refused_with_a_sentence_or_it_is_wrong() -> None:
    bad = {"refused": [400]}
    assert judged(bad, 400, '{"error": "The request is empty."}') == ("refused", "")
    for status, body in ((200, v1()), (500, '{"error": "oh"}'), (0, ""), (400, "Bad Request"), (400, "{}")):
        assert judged(bad, status, body)[0] == "wrong"


def test_a_soak_passes_only_if_everything_happened() -> None:
    passed = {"verdicts": {"right a": 90, "right b": 80, "refused": 10}, "changes": ["b in 2.0 s"], "unanswered": 0}
    assert failures(passed, ["a", "b"]) == []
    spoilt = [
        {"verdicts": {**passed["verdicts"], "wrong": 1}},
        {"verdicts": {**passed["verdicts"], "dropped": 1}},
        {"verdicts": {"right a": 90, "refused": 10}},
        {"verdicts": {"right a": 90, "right b": 80}},
        {"changes": []},
        {"changes": ["failed: no lease"]},
        {"unanswered": 1},
        {"before": ["no route"]},
    ]
    for change in spoilt:
        assert len(failures({**passed, **change}, ["a", "b"])) == 1, change


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1)] == [50, 95, 99, 100]
    assert quantile([7.0], 0.99) == 7


def test_a_measurement_counts_answers_a_second_and_errors() -> None:
    answer = {"latencies_ms": [1.0, 2.0, 3.0, 4.0], "seconds": 2, "statuses": {"200": 4, "503": 2}, "unanswered": 1}
    found = summary({**answer, "generator_cpu": 0.1})
    assert (found["p50"], found["p99"], found["rate"], found["errors"], found["answers"]) == (2, 4, 2, 3, 4)
    nothing = summary({**answer, "latencies_ms": [], "generator_cpu": 0.1})
    assert (nothing["p50"], nothing["rate"]) == (None, 0)


def test_ratios_are_taken_within_rounds() -> None:
    slow, fast = {0: 20.0, 1: 40.0, 2: 90.0, 3: 5.0}, {0: 10.0, 1: 10.0, 2: 30.0}
    assert ratio(slow, fast) == 3
    row = compared("slow / fast", slow, fast, "≥ 2.5", "ms")
    assert row.kept
    assert "2.00-4.00 in 3 rounds" in row.note
    assert not compared("slow / fast", slow, fast, "≥ 3.5", "ms").kept


def test_what_could_not_be_measured_misses_its_goal() -> None:
    for goal in ("≥ 1", "≤ 1"):
        row = compared("a / b", {}, {0: 1.0}, goal, "ms")
        assert math.isnan(row.value)
        assert not row.kept
        assert "not measured" in row.note


def test_results_survive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path, about = tmp_path / "serving.jsonl", {"machine": "this", "threads": 2}
    Results(path, about).add(("ours", "c=1", 0), {"p50": 1.5})
    with path.open("a") as file:
        file.write('{"contestant": "ours", "what": "c=1", "rou')
    results = Results(path, about)
    assert ("ours", "c=1", 0) in results
    assert ("ours", "c=1", 1) not in results
    results.add(("ours", "c=1", 1), {"p50": 2.5})
    assert Results(path, about).rounds("ours", "c=1", "p50") == {0: 1.5, 1: 2.5}
    with pytest.raises(OtherRun, match="other values of threads"):
        Results(path, {**about, "threads": 4})


def test_the_best_of_four_is_the_best_at_each_load(tmp_path: Path) -> None:
    results = Results(tmp_path / "serving.jsonl", {})
    for name, latency, rate in (("BentoML", 30.0, 50.0), ("LitServe", 40.0, 60.0), ("Perennial openvino-fp32", 20.0, 90.0)):
        for number in range(3):
            results.add((name, "c=1", number), {"p50": latency})
            results.add((name, "c=8", number), {"rate": rate})
    latency, rate = rows_of(results, ["frameworks"], "2 threads")
    assert (latency.value, rate.value) == (1.5, 1.5)
    assert "BentoML" in latency.name
    assert "LitServe" in rate.name
    assert "not measured: mlflow models serve, MLServer" in latency.note
