"""Batching, the bounded queue, what is given up: the computing that requests share, with a real engine that can be held."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perennial.backbones.engines import Backbone, open_engine
from perennial.learning.head import Head
from perennial.learning.model import load_model
from perennial.serving.computing import Busy, Computing, Seen
from tests.serving.inside import Gate
from tests.small_world import picture, template


@dataclass
class Bench:
    backbone: Backbone
    engine: Gate
    head: Head
    computing: Computing

    async def see(self, *seeds: int, tasks: tuple[str, ...] = ("colours",)) -> Seen:
        images = [picture("red", seed) for seed in seeds]
        return await self.computing.see(dict.fromkeys(tasks, self.head), dict.fromkeys(tasks, self.backbone), images)

    def run(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(asyncio.wait_for(story(), 30))


@pytest.fixture
def bench(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    world = template(tmp_path_factory.getbasetemp())
    model = load_model(world.objects, "colours", world.models[0])
    digest = model.description.backbone
    loaded = Backbone.load(world.objects, digest, 1)
    engine = Gate(open_engine(loaded.description, world.objects.folder(f"backbones/{digest}"), 1))
    engine.open.clear()
    computing = Computing(2, 4)
    try:
        yield Bench(Backbone(loaded.description, engine), engine, model.head(), computing)
    finally:
        engine.open.set()
        computing.close()


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.005)


def test_what_waits_is_computed_in_groups_with_the_vectors_of_one_at_a_time(bench: Bench) -> None:
    group = bench.backbone.description.group
    assert group > 1
    computing = Computing(2, 100)

    async def story() -> None:
        seeds = range(2 * group + 3)
        images = [picture("red", seed) for seed in seeds]

        def ask(data: bytes) -> "asyncio.Future[Seen]":
            return asyncio.ensure_future(computing.see({"a": bench.head}, {"a": bench.backbone}, [data]))

        waiting = [ask(images[0])]
        await until(lambda: bench.engine.asked == 1)
        waiting += [ask(data) for data in images[1:]]
        await until(lambda: computing.worker.waiting == len(images) - 1)
        bench.engine.open.set()
        together = [seen.images[0].vectors[bench.backbone.digest] for seen in await asyncio.gather(*waiting)]
        alone = [bench.backbone.embed(bench.backbone.preprocess(data)[None])[0] for data in images]
        assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))

    try:
        bench.run(story)
    finally:
        computing.close()
    assert bench.engine.sizes[:3] == [1, group, group]


def test_several_tasks_cost_one_pass(bench: Bench) -> None:
    bench.engine.open.set()

    async def story() -> None:
        seen = await bench.see(1, 2, tasks=("colours", "shades", "tones"))
        probabilities = [seen.of_task[task][0] for task in ("colours", "shades", "tones")]
        assert all(np.array_equal(probabilities[0], other) for other in probabilities)
        assert probabilities[0].shape == (2, 3)

    bench.run(story)
    assert sum(bench.engine.sizes) == 2


@pytest.mark.parametrize(("seconds_per_image", "most"), [(0.0, 64), (0.5, 64), (0.02, 100)])
def test_by_default_two_seconds_work_may_wait_and_never_less_than_64_images(
    bench: Bench, seconds_per_image: float, most: int
) -> None:
    computing = Computing(2, 0)
    computing.worker.seconds_per_image = seconds_per_image

    def ask(count: int) -> Coroutine[Any, Any, Seen]:
        return computing.see({"a": bench.head}, {"a": bench.backbone}, [picture("red", 1)] * count)

    async def story() -> None:
        waiting = [asyncio.ensure_future(ask(most - 1)), asyncio.ensure_future(ask(1))]
        await until(lambda: computing.waiting == most)
        with pytest.raises(Busy, match=f"{most} images wait already"):
            await ask(1)
        bench.engine.open.set()
        await asyncio.gather(*waiting)

    try:
        bench.run(story)
    finally:
        bench.engine.open.set()
        computing.close()


def test_a_full_queue_refuses_and_recovers(bench: Bench) -> None:
    async def story() -> None:
        first = asyncio.ensure_future(bench.see(1, 2, 3))
        await until(lambda: bench.computing.waiting == 3)
        with pytest.raises(Busy, match=r"3 images wait already.*Try again in \d+ s") as refused:
            await bench.see(4, 5)
        assert refused.value.retry_after_s >= 1
        second = asyncio.ensure_future(bench.see(6))
        bench.engine.open.set()
        await asyncio.gather(first, second)
        assert bench.computing.waiting == 0
        await bench.see(*range(9))  # larger than the queue, but nothing waits

    bench.run(story)


def test_what_is_given_up_before_its_turn_is_never_computed(bench: Bench) -> None:
    async def story() -> None:
        first = asyncio.ensure_future(bench.see(1))
        await until(lambda: bench.engine.asked == 1)
        second = asyncio.ensure_future(bench.see(2, 3))
        await until(lambda: bench.computing.worker.waiting == 2)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert bench.computing.waiting == 1
        bench.engine.open.set()
        await first
        await bench.see(4)

    bench.run(story)
    assert bench.engine.sizes == [1, 1]


def test_an_image_that_is_refused_takes_the_others_of_its_request_back(bench: Bench) -> None:
    async def story() -> None:
        images = [picture("red", 1), b"no image", picture("red", 2)]
        with pytest.raises(Exception, match="not a JPEG"):
            await bench.computing.see({"a": bench.head}, {"a": bench.backbone}, images)
        assert bench.computing.waiting == 0

    bench.run(story)
