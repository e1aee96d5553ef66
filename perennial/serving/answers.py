"""One inference request, from its images to its answers: which release gives them, and who is told."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perennial.errors import ImageRejected
from perennial.serving.calls import Call, call_of, current
from perennial.serving.computing import Busy, Computing, Embedded, Seen
from perennial.serving.endpoint import Endpoint
from perennial.serving.explain import Wish, explain
from perennial.serving.metrics import Metrics
from perennial.serving.releases import Release
from perennial.serving.requests import WrongRequest
from perennial.serving.tracing import Tracing

TOP = 10
ALL = "*"
"""What metrics and logs call all tasks of an endpoint together; no task has this name."""

Answer = dict[str, Any]


class Late(Exception):
    """A request that isn't answered when its time is over."""


class Notes(Protocol):
    """What a journal takes; it neither blocks nor raises."""

    def note(self, record: dict[str, Any], picture: bytes | None = None) -> None:
        """Take one record."""


class Ids(Protocol):
    """What gives predictions their ids."""

    def new(self, task: str, *, kept: bool = False) -> str:
        """Return a new one."""
        ...


@dataclass(frozen=True)
class Asked:
    """A request's answers by task, for each image, and the release that gave them."""

    release: Release
    answers: list[dict[str, Answer]]


class Answers:
    """Answers requests by an endpoint's releases."""

    def __init__(
        self,
        endpoint: Endpoint,
        computing: Computing,
        *,
        deadline_s: float,
        metrics: Metrics,
        tracing: Tracing | None = None,
        journal: Notes | None = None,
        ids: Ids | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.computing = computing
        self.deadline_s = deadline_s
        self.metrics = metrics
        self.tracing = tracing or Tracing()
        self.journal = journal
        self._ids = ids

    async def answer(
        self,
        task: str | None,
        images: Sequence[bytes],
        *,
        release: str | None = None,
        version: str | None = None,
        timeout_s: float | None = None,
        noted: bool = True,
    ) -> Asked:
        """Answer for one task, or for all of a release with one pass through each distinct backbone.

        Args:
            task: what is asked; None: all tasks.
            images: encoded images.
            release: a release's digest, if the client names one.
            version: a version of the task's model, if the client names one.
            timeout_s: how long it may take; at most, and by default, ``deadline_s``.
            noted: whether the journal is told.

        Raises:
            EndpointError: no ready release answers for this.
            ImageRejected: one of the images isn't taken in.
            Busy: too many images wait.
            Late: the time is over; what hasn't begun isn't computed.
        """
        chosen = self._chosen(task, release, version, len(images))
        tasks = [task] if task is not None else list(chosen.tasks)
        seen = await self._timed(
            chosen,
            self.computing.see({name: chosen.heads[name] for name in tasks}, {n: chosen.backbones[n] for n in tasks}, images),
            timeout_s,
        )
        return self._asked(chosen, tasks, images, seen, noted)

    async def explain(
        self,
        task: str,
        images: Sequence[bytes],
        wish: Wish,
        *,
        release: str | None = None,
        timeout_s: float | None = None,
        noted: bool = True,
    ) -> Asked:
        """Answer for one task and say why, image after image.

        Raises:
            WrongRequest: the client names a class that the model doesn't know.
            EndpointError, ImageRejected, Busy, Late: as in :meth:`answer`.
        """
        chosen = self._chosen(task, release, None, len(images))

        async def explained() -> list[tuple[Seen, dict[str, Any]]]:
            head, backbone = chosen.heads[task], chosen.backbones[task]
            return [
                await self.computing.explain(
                    task, head, backbone, data, lambda vector, maps, data=data: explain(chosen, task, vector, maps, data, wish)
                )
                for data in images
            ]

        found = await self._timed(chosen, explained(), timeout_s)
        asked = [self._asked(chosen, [task], [data], seen, noted) for data, (seen, _) in zip(images, found, strict=True)]
        return Asked(chosen, [{task: {**one.answers[0][task], **why}} for one, (_, why) in zip(asked, found, strict=True)])

    def _asked(self, release: Release, tasks: Sequence[str], images: Sequence[bytes], seen: Seen, noted: bool) -> Asked:
        for image in seen.images:
            self.tracing.part("decode", image.decode_seconds, ago=image.infer_seconds)
            self.tracing.part("infer", image.infer_seconds)
        call = current.get() or call_of(None)
        answers = [
            {task: self._one(call, release, task, seen, i, data, noted) for task in tasks} for i, data in enumerate(images)
        ]
        unfamiliar = sum(answer["unfamiliar"] for each in answers for answer in each.values())
        self.endpoint.answered(release.digest, len(images) * len(tasks), unfamiliar)
        return Asked(release, answers)

    def _chosen(self, task: str | None, release: str | None, version: str | None, images: int) -> Release:
        """Choose who answers and put it down in the current call.

        Raises:
            EndpointError: no ready release answers for this.
        """
        chosen = self.endpoint.choose(task, release, version)
        call = current.get()
        if call is not None:
            call.task, call.release, call.images = task or ALL, chosen.digest, images
            call.version = str(chosen.tasks[task].version) if task is not None else ""
        return chosen

    async def _timed(self, release: Release, work: Any, timeout_s: float | None) -> Any:
        """Await what a release computes within a request's time, and count the request.

        Raises:
            Busy, Late, ImageRejected: as in :meth:`answer`.
        """
        began, limit = time.perf_counter(), min(timeout_s or self.deadline_s, self.deadline_s)
        failed = rejected = False
        worked = True
        try:
            with self.metrics.in_flight.track_inprogress():
                async with asyncio.timeout(limit):
                    return await work
        except TimeoutError:
            raise Late(f"The request wasn't answered within {limit:g} s. Try again later, or give it more time.") from None
        except (ImageRejected, WrongRequest, Busy, asyncio.CancelledError) as error:
            rejected, worked = isinstance(error, ImageRejected | WrongRequest), False
            raise
        except Exception:
            failed = True
            raise
        finally:
            self.endpoint.count(release.digest, time.perf_counter() - began, failed=failed, rejected=rejected, worked=worked)

    def _one(self, call: Call, release: Release, task: str, seen: Seen, i: int, data: bytes, noted: bool) -> Answer:
        """Form one answer and tell metrics and journal of it."""
        probabilities, unfamiliar = (values[i] for values in seen.of_task[task])
        served, image = release.tasks[task], seen.images[i]
        prediction = self._ids.new(task, kept=served.keep_pictures) if self._ids else uuid.uuid4().hex
        answer = answer_of(release, task, probabilities, bool(unfamiliar), prediction)
        model = (task, release.digest, str(served.version))
        self.metrics.image(model, image.decode_seconds, image.infer_seconds, unfamiliar=answer["unfamiliar"])
        if self.journal is not None and noted:
            self.journal.note(self._record(call, answer, task, image), data if served.keep_pictures else None)
        return answer

    def _record(self, call: Call, answer: Answer, task: str, image: Embedded) -> dict[str, Any]:
        return {
            "prediction_id": answer["prediction_id"],
            "at": time.time(),
            "endpoint": self.endpoint.name,
            "task": task,
            "release": answer["release"],
            "model_version": answer["model_version"],
            "backbone": answer["backbone"],
            "cls": answer["class"],
            "probability": answer["probability"],
            "top": [[entry["class"], entry["probability"]] for entry in answer["top"]],
            "unfamiliar": answer["unfamiliar"],
            "image": image.sha256,
            "request_id": call.id,
            "seconds": round(call.seconds, 6),
        }


def answer_of(release: Release, task: str, probabilities: NDArray[np.float64], unfamiliar: bool, prediction_id: str) -> Answer:
    """Return the answer of a task for one image, with probabilities [c] in the order of its head's classes."""
    classes = release.heads[task].classes
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    top = [{"class": classes[i], "probability": float(probabilities[i])} for i in order]
    served = release.tasks[task]
    return {
        **top[0],
        "top": top,
        "unfamiliar": unfamiliar,
        "model_version": served.version,
        "release": release.digest,
        "backbone": served.backbone,
        "prediction_id": prediction_id,
    }
