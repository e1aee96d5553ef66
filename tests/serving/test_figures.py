"""What a release's figures count, and that they take no more room however much there is to count."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from perennial.serving.figures import SECONDS, Figures
from tests.serving.inside import Inside, inside
from tests.small_world import World, picture, template

RED = picture("red", 1)


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def told(served: Inside) -> dict[str, Any]:
    facts: dict[str, Any] = served.answers.endpoint.report()
    assert facts["latency_bounds"] == list(SECONDS)
    mine: dict[str, Any] = facts["releases"][served.release]
    assert len(mine["latency"]) == len(SECONDS) + 1
    return mine


def ask(served: Inside, content: bytes = RED, path: str = "/v1/models/colours:predict", **headers: str) -> int:
    return served.ask(("POST", path, {"content": content, "headers": headers}))[0].status_code


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.002, 0), (0.0021, 1), (10.0, len(SECONDS) - 1), (10.1, len(SECONDS))]
)
def test_a_request_is_in_the_bucket_of_the_first_bound_that_it_doesnt_exceed(seconds: float, bucket: int) -> None:
    figures = Figures()
    figures.request(seconds)
    assert [place for place, count in enumerate(figures.latency) if count] == [bucket]


def test_images_are_counted_for_each_task_with_those_unlike_anything_learnt(world: World) -> None:
    with inside(world) as served:
        heads = served.answers.endpoint.ready[served.release].heads
        for task, threshold in (("colours", float("inf")), ("tones", -1.0)):
            object.__setattr__(heads[task], "threshold", threshold)
        assert ask(served, path="/v1/endpoint:predict") == 200
        assert ask(served, path="/v1/models/tones:predict") == 200
        counted = told(served)
        assert [counted[name] for name in ("requests", "images", "unfamiliar")] == [2, 3, 2]


def test_latency_is_that_of_requests_that_were_worked_on(world: World) -> None:
    with inside(world, queue=1, deadline_s=0.3) as served:
        assert ask(served) == 200
        assert sum(told(served)["latency"]) == 1
        assert ask(served, b"no image") == 400
        served.gate.open.clear()
        codes = sorted(
            response.status_code for response in served.ask(*[("POST", "/v1/models/colours:predict", {"content": RED})] * 3)
        )
        assert codes == [503, 503, 504]
        served.gate.open.set()
        counted = told(served)
        assert sum(counted["latency"]) == 2
        assert sum(counted["latency"][SECONDS.index(0.25) + 1 :]) >= 1
        assert [counted[name] for name in ("requests", "rejected", "errors", "images")] == [5, 1, 0, 1]


def test_what_the_server_fails_on_is_an_error_with_its_latency_and_no_image(world: World) -> None:
    with inside(world) as served:
        served.gate.fails = True
        assert ask(served) == 500
        counted = told(served)
        assert [counted[name] for name in ("requests", "errors", "images")] == [1, 1, 0]
        assert sum(counted["latency"]) == 1


def test_the_figures_take_the_same_room_after_100_000_requests() -> None:
    figures = Figures()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100_000):
            figures.request(number / 10_000, failed=number % 7 == 0)
            figures.answered(2, number % 2)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(figures.latency) == figures.requests == 100_000
    assert after - before < 10_000
