"""An endpoint's application in this process, asked without sockets, with an engine that can be held."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from perennial.backbones.engines import Engine
from perennial.deployment.releases import build_release
from perennial.learning.model import load_model
from perennial.serving.answers import Answers
from perennial.serving.computing import Computing
from perennial.serving.endpoint import Endpoint
from perennial.serving.metrics import Metrics
from perennial.serving.releases import ServedModel
from perennial.serving.tracing import Tracing
from tests.small_world import World


@dataclass
class Notebook:
    """A journal that keeps what it is told."""

    notes: list[tuple[dict[str, Any], bytes | None]] = field(default_factory=list)

    def note(self, record: dict[str, Any], picture: bytes | None = None) -> None:
        self.notes.append((record, picture))


class Gate:
    """An engine that computes while it is open, and remembers the sizes of its batches."""

    def __init__(self, real: Engine) -> None:
        self.real = real
        self.open = threading.Event()
        self.open.set()
        self.fails = False
        self.asked = 0
        self.sizes: list[int] = []

    def run(self, images: Any) -> Any:
        self.asked += 1
        assert self.open.wait(20)
        if self.fails:
            raise RuntimeError("the engine broke")
        self.sizes.append(len(images))
        return self.real.run(images)

    def run_with_map(self, images: Any) -> Any:
        assert self.open.wait(20)
        return self.real.run_with_map(images)


@dataclass
class Inside:
    """The application and its parts."""

    app: Any
    answers: Answers
    notebook: Notebook
    gate: Gate
    release: str

    def ask(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Send requests at once and return their answers."""

        async def asked() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await asyncio.gather(*(client.request(method, path, **more) for method, path, more in requests))

        return asyncio.run(asked())


def two_tasks(world: World, *, keep_pictures: bool = False) -> str:
    """Make a release that serves two tasks through one backbone: colours, and tones with the second model."""
    store = world.settings.home / "store/models"
    shutil.copytree(store / "colours" / world.models[1], store / "tones" / world.models[1], dirs_exist_ok=True)
    backbone = load_model(world.objects, "colours", world.models[0]).description.backbone
    served = {
        "colours": ServedModel(model=world.models[0], version=1, backbone=backbone, keep_pictures=keep_pictures),
        "tones": ServedModel(model=world.models[1], version=7, backbone=backbone),
    }
    return build_release(world.catalog, "colours", served, 1)


@contextmanager
def inside(
    world: World, *, queue: int = 8, deadline_s: float = 10.0, tracing: Tracing | None = None, keep_pictures: bool = False
) -> Iterator[Inside]:
    """Serve both tasks in this process."""
    from perennial.serving.application import application

    release = two_tasks(world, keep_pictures=keep_pictures)
    world.write_record(stable=release)
    endpoint, metrics, notebook = Endpoint(world.objects, "colours", 1), Metrics(), Notebook()
    endpoint.start(canary_alone=False)
    (backbone,) = {id(each): each for each in endpoint.ready[release].backbones.values()}.values()
    backbone._engine = gate = Gate(backbone._engine)
    computing = Computing(2, queue, metrics.batch)
    answers = Answers(endpoint, computing, deadline_s=deadline_s, metrics=metrics, tracing=tracing, journal=notebook)
    try:
        yield Inside(application(answers, endpoint.report), answers, notebook, gate, release)
    finally:
        gate.open.set()
        computing.close()
