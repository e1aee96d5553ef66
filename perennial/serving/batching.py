"""The engine's one worker: what waits is computed in the order in which it came, in whole groups where enough waits."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import Vectors

Computed = Callable[[Backbone, int, float], None]
Vector = Future[tuple[Vectors, float]]
"""An image's vector to come, int16 [d], and how many seconds its batch took."""

_SMOOTHING = 0.1


@dataclass(eq=False)
class _Image:
    backbone: Backbone
    pixels: Pixels
    done: Vector


@dataclass(eq=False)
class _Call:
    work: Callable[[], Any]
    done: "Future[Any]" = field(default_factory=Future)


class EngineWorker:
    """One thread that computes for all backbones: an engine takes all cores for what it does, so two would only share them.

    It never waits for more images. Fewer than a backbone's group are computed one by one, which costs nothing in throughput and
    lets the first go at once.
    """

    def __init__(self, computed: Computed = lambda *_: None) -> None:
        self.seconds_per_image = 0.0
        self._computed = computed
        self._waiting: deque[_Image | _Call] = deque()
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images and other work that haven't begun."""
        return len(self._waiting)

    def embed(self, backbone: Backbone, pixels: Pixels, done: Vector) -> None:
        """Have one image, uint8 [crop, crop, 3], embedded; cancelling the future before its turn comes takes the image out."""
        self._put(_Image(backbone, pixels, done))

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """Have something else done at the engine when its turn comes."""
        call = _Call(work)
        self._put(call)
        return call.done

    def close(self) -> None:
        """Compute what waits, then end."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def _put(self, job: _Image | _Call) -> None:
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def _work(self) -> None:
        while jobs := self._next():
            first = jobs[0]
            try:
                if isinstance(first, _Call):
                    first.done.set_result(first.work())
                else:
                    self._embed(first.backbone, [job for job in jobs if isinstance(job, _Image)])
            except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(error)
            del jobs, first

    def _next(self) -> list[_Image | _Call]:
        """Wait for a job and return it, with others of its backbone if they make a whole group; nothing once closed."""
        with self._changed:
            while True:
                while self._waiting:
                    first = self._waiting.popleft()
                    if first.done.set_running_or_notify_cancel():
                        return [first, *self._others(first)]
                if not self._open:
                    return []
                self._changed.wait()

    def _others(self, first: _Image | _Call) -> list[_Image]:
        if isinstance(first, _Call) or first.backbone.description.group == 1:
            return []
        missing = first.backbone.description.group - 1
        alike = [job for job in self._waiting if isinstance(job, _Image) and job.backbone is first.backbone][:missing]
        if len(alike) < missing:
            return []
        for job in alike:
            self._waiting.remove(job)
        return [job for job in alike if job.done.set_running_or_notify_cancel()]

    def _embed(self, backbone: Backbone, jobs: list[_Image]) -> None:
        began = time.perf_counter()
        vectors = backbone.embed(np.stack([job.pixels for job in jobs]))
        seconds = time.perf_counter() - began
        each = seconds / len(jobs)
        self.seconds_per_image += (each - self.seconds_per_image) * (_SMOOTHING if self.seconds_per_image else 1.0)
        self._computed(backbone, len(jobs), seconds)
        for job, vector in zip(jobs, vectors, strict=True):
            job.done.set_result((vector, seconds))
