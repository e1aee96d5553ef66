"""How images become probabilities: decoded in threads, embedded once for each backbone, read out once for each task."""

import asyncio
import functools
import hashlib
import math
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import Vectors
from perennial.learning.head import Head
from perennial.serving.batching import Computed, EngineWorker, Vector
from perennial.serving.images import pixels_of

T = TypeVar("T")
_LEAST_QUEUE, _QUEUE_S = 64, 2.0


class Busy(Exception):
    """More images wait than may; ``retry_after_s`` says when it is worth trying again."""

    def __init__(self, waiting: int, retry_after_s: int) -> None:
        super().__init__(
            f"{waiting} images wait already, which is all that this endpoint lets wait. Try again in {retry_after_s} s, "
            "send fewer at a time, or run more replicas."
        )
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Decoded:
    """An image as each backbone takes it, by the backbone's digest; the sha256 of what was sent; how long decoding took."""

    pixels: Mapping[str, Pixels]
    sha256: str
    seconds: float


@dataclass(frozen=True)
class Embedded:
    """An image's vector, int16 [d], under each backbone, by digest; the sha256 of what was sent; how long each part took."""

    vectors: Mapping[str, Vectors]
    sha256: str
    decode_seconds: float
    infer_seconds: float


@dataclass(frozen=True)
class Seen:
    """A request's images, and what they look like to each task: probabilities [n, c] and which are unfamiliar, [n]."""

    images: Sequence[Embedded]
    of_task: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]


class Computing:
    """The threads that all requests share: ``threads`` that decode and read out, one that computes with all cores.

    ``queue`` images may wait; 0: as many as are computed in two seconds, and at least 64.
    """

    def __init__(self, threads: int, queue: int, computed: Computed = lambda *_: None) -> None:
        self.waiting = 0
        self._queue = queue
        self.worker = EngineWorker(computed)
        self._pool = ThreadPoolExecutor(threads, "decode")

    async def see(self, heads: Mapping[str, Head], backbones: Mapping[str, Backbone], images: Sequence[bytes]) -> Seen:
        """Decode and embed images, and read them out for each task of ``heads``, whose backbones are ``backbones``.

        Cancelled, it takes out all that hasn't begun.

        Raises:
            Busy: too many images wait already.
            ImageRejected: one of them is no image that is taken in.
        """
        distinct = {backbone.digest: backbone for backbone in backbones.values()}
        with self._room(len(images)):
            found = await _together([self._embedded(data, distinct) for data in images])
        vectors = {digest: np.stack([each.vectors[digest] for each in found]) for digest in distinct}
        read = await _together([self._in_pool(_read_out, head, vectors[backbones[task].digest]) for task, head in heads.items()])
        return Seen(found, dict(zip(heads, read, strict=True)))

    async def explain(self, task: str, head: Head, backbone: Backbone, data: bytes, why: Callable[..., T]) -> tuple[Seen, T]:
        """Do the same for one image and one task, and return with it what ``why`` says of its vector and last feature map.

        Raises:
            Busy: too many images wait already.
            ImageRejected: it is no image that is taken in.
        """
        with self._room(1):
            image = await self._in_pool(_decode, data, [backbone])
            began = time.perf_counter()
            work = functools.partial(backbone.embed_with_map, image.pixels[backbone.digest][None])
            vectors, maps = await asyncio.wrap_future(self.worker.call(work))
            seconds = time.perf_counter() - began
        read = await self._in_pool(_read_out, head, vectors)
        told = await self._in_pool(why, vectors[0], None if maps is None else maps[0])
        return Seen([Embedded({backbone.digest: vectors[0]}, image.sha256, image.seconds, seconds)], {task: read}), told

    def close(self) -> None:
        """End the threads when what they have begun is done."""
        self._pool.shutdown(cancel_futures=True)
        self.worker.close()

    @contextmanager
    def _room(self, images: int) -> Iterator[None]:
        """Let images in; a request larger than the whole queue is let in when nothing waits, else it never could be."""
        each = self.worker.seconds_per_image
        most = self._queue or max(_LEAST_QUEUE, int(_QUEUE_S / each) if each else 0)
        if self.waiting and self.waiting + images > most:
            raise Busy(self.waiting, max(1, math.ceil(self.waiting * each)))
        self.waiting += images
        try:
            yield
        finally:
            self.waiting -= images

    async def _embedded(self, data: bytes, backbones: Mapping[str, Backbone]) -> Embedded:
        """Have an image decoded and put at the engine by the very thread that decoded it: the event loop only sees the end."""
        vectors: dict[str, Vector] = {digest: Future() for digest in backbones}
        decoding = self._pool.submit(self._put, data, list(backbones.values()), vectors)
        try:
            found = await _together([_awaited(vector) for vector in vectors.values()])
        finally:
            decoding.cancel()
        image = decoding.result()
        found_by = {digest: vector for digest, (vector, _) in zip(vectors, found, strict=True)}
        return Embedded(found_by, image.sha256, image.seconds, sum(seconds for _, seconds in found))

    def _put(self, data: bytes, backbones: list[Backbone], vectors: Mapping[str, Vector]) -> Decoded:
        """Decode an image for the engine; what is wrong with it is its vectors' error."""
        try:
            image = _decode(data, backbones)
        except Exception as error:
            for vector in vectors.values():
                if vector.set_running_or_notify_cancel():
                    vector.set_exception(error)
            raise
        for backbone in backbones:
            self.worker.embed(backbone, image.pixels[backbone.digest], vectors[backbone.digest])
        return image

    async def _in_pool(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


async def _awaited(future: "Future[T]") -> T:
    return await asyncio.wrap_future(future)


async def _together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; where one fails, the others are taken back."""
    if len(calls) == 1:
        return [await calls[0]]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _decode(data: bytes, backbones: list[Backbone]) -> Decoded:
    began = time.perf_counter()
    pixels = pixels_of(data, backbones)
    return Decoded(pixels, hashlib.sha256(data).hexdigest(), time.perf_counter() - began)


def _read_out(head: Head, vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return head.probabilities(vectors), head.unfamiliar(vectors)
