"""What one server process serves: releases side by side, each with its share of the traffic."""

import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, EndpointError, ImageRejected, ModelError, NothingReleased, StoreError
from perennial.serving.images import Pixels, pixels
from perennial.serving.record import EndpointRecord, read_record
from perennial.serving.releases import Release, load_release

RETRY_S = 2.0
TOP = 10
Answer = dict[str, Any]


@dataclass
class Count:
    """What one release answered: ``errors`` are the server's own, ``rejected`` the client's."""

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Failed:
    reason: str
    retry_at: float


@dataclass(frozen=True)
class _View:
    """All that one request needs to know, replaced as a whole."""

    record: EndpointRecord
    stable: Release | None = None
    canary: Release | None = None
    ready: dict[str, Release] = field(default_factory=dict)


class Endpoint:
    """Releases in memory, kept as the endpoint record says."""

    def __init__(self, objects: Objects, name: str, threads: int) -> None:
        self.name = name
        self.store_trouble = ""
        self._objects = objects
        self._threads = threads
        self._backbones: dict[str, Backbone] = {}
        self._failed: dict[str, _Failed] = {}
        self._counts: dict[str, Count] = {}
        self._view = _View(EndpointRecord(endpoint=name))
        self._turn = 0
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def start(self, *, canary_alone: bool, empty: bool = False) -> None:
        """Load what the record names; with ``canary_alone``, a canary will do and what can't be loaded is only reported.

        With ``empty``, nothing need be released yet.

        Raises:
            NothingReleased: it names no release.
            ModelError: the release is damaged.
            BackboneError: a backbone is missing or damaged.
            StoreError: the store can't be read.
        """
        record = read_record(self._objects, self.name)
        if record.stable is None and not empty and not (canary_alone and record.canary):
            raise NothingReleased(
                f"The endpoint '{self.name}' has no release yet. Run 'perennial run TASK' until a model is promoted, then serve."
            )
        if record.stable and not canary_alone:
            self._load(record.stable)
        self.reconcile()

    def reconcile(self) -> None:
        """Make what is served what the record says; what can't be loaded or read is reported, and serving goes on."""
        try:
            record = read_record(self._objects, self.name)
            self.store_trouble = ""
        except (StoreError, EndpointError) as error:
            self.store_trouble = str(error)
            return
        held = self._view
        if held.stable and not record.stable:
            self.store_trouble = f"The endpoint's record is gone from {self._objects.url}; what is loaded serves on."
            return
        ready = {digest: release for digest in record.roles if (release := self._loaded(digest))}
        stable = ready.get(record.stable or "") or held.stable
        ready |= {stable.digest: stable} if stable else {}
        self._view = _View(record, stable, ready.get(record.canary or ""), ready)
        used = {served.backbone for release in ready.values() for served in release.tasks.values()}
        self._backbones = {digest: backbone for digest, backbone in self._backbones.items() if digest in used}
        self._failed = {digest: failed for digest, failed in self._failed.items() if digest in record.roles}

    @property
    def tasks(self) -> list[str]:
        """The tasks that some ready release answers for."""
        return sorted({task for release in self._view.ready.values() for task in release.tasks})

    def choose(self, task: str, named: str | None) -> Release:
        """Return the release that answers the next request: the one that the client names, else by the shares.

        Raises:
            EndpointError: no ready release of that name answers for this task.
        """
        view = self._view
        if named is not None:
            release = view.ready.get(named)
            if release is None or task not in release.tasks:
                known = ", ".join(sorted(view.ready))
                raise EndpointError(f"The endpoint '{self.name}' has no ready release '{named}' for '{task}'. Ready: {known}.")
            return release
        candidates = [release for release in (view.stable, view.canary) if release and task in release.tasks]
        if not candidates:
            raise EndpointError(self.lacks(task))
        return candidates[-1] if len(candidates) == 2 and self._canarys_turn(view.record.share) else candidates[0]

    def lacks(self, task: str) -> str:
        """Return the sentence for a task that nothing here answers for."""
        if not self._view.ready:
            return f"The endpoint '{self.name}' has no release yet; it answers once a run has promoted a model."
        return f"The endpoint '{self.name}' has no model '{task}'. Its models: {', '.join(self.tasks)}."

    def answer(self, release: Release, task: str, images: list[bytes]) -> list[Answer]:
        """Return one answer for each image.

        Raises:
            ImageRejected: one of them is no image that is taken in.
        """
        began = time.perf_counter()
        backbone, failed, rejected = release.backbones[task], True, False
        try:
            batch = np.stack([pixels(data, backbone) for data in images])
            answers = self._infer(release, task, batch)
            failed = False
            return answers
        except ImageRejected:
            failed, rejected = False, True
            raise
        finally:
            self._note(release.digest, failed, rejected, time.perf_counter() - began)

    def report(self) -> dict[str, Any]:
        """Return what is served, for ``GET /v1/endpoint``."""
        view = self._view
        record = view.record
        return {
            "endpoint": self.name,
            "store": self._objects.url,
            "store_trouble": self.store_trouble,
            "pid": os.getpid(),
            "tasks": self.tasks,
            "stable": view.stable.digest if view.stable else None,
            "canary": view.canary.digest if view.canary else None,
            "share": record.share if view.canary else 0,
            "fence": record.fence,
            "releases": {digest: self._described(digest, role) for digest, role in record.roles.items()},
        }

    def _described(self, digest: str, role: str) -> dict[str, Any]:
        ready, failed = self._view.ready.get(digest), self._failed.get(digest)
        count = self._counts.get(digest, Count())
        return {
            "role": role,
            "ready": ready is not None,
            "reason": failed.reason if failed else "",
            "tasks": {task: served.model_dump() for task, served in ready.tasks.items()} if ready else {},
            "requests": count.requests,
            "errors": count.errors,
            "rejected": count.rejected,
            "seconds": round(count.seconds, 6),
        }

    def _loaded(self, digest: str) -> Release | None:
        known = self._view.ready.get(digest)
        failed = self._failed.get(digest)
        if known or (failed and failed.retry_at > time.monotonic()):
            return known
        try:
            return self._load(digest)
        except (ModelError, BackboneError, StoreError) as error:
            self._failed[digest] = _Failed(str(error), time.monotonic() + RETRY_S)
            return None

    def _load(self, digest: str) -> Release:
        """Load a release and let it compute once, so that its first request is as fast as the others."""
        release = load_release(self._objects, self.name, digest, self._backbones, self._threads)
        for task, backbone in release.backbones.items():
            side = backbone.description.preprocessing.crop
            self._infer(release, task, np.zeros((1, side, side, 3), np.uint8))
        self._failed.pop(digest, None)
        self._view = _View(self._view.record, self._view.stable, self._view.canary, {**self._view.ready, digest: release})
        return release

    def _infer(self, release: Release, task: str, batch: Pixels) -> list[Answer]:
        head, backbone = release.heads[task], release.backbones[task]
        with self._computing:  # the engine uses all threads for one batch; two at once would only get in each other's way
            vectors = backbone.embed(batch)
        probabilities, unfamiliar = head.probabilities(vectors), head.unfamiliar(vectors)
        return [
            _answer(release, task, head.classes, row, bool(strange))
            for row, strange in zip(probabilities, unfamiliar, strict=True)
        ]

    def _canarys_turn(self, share: int) -> bool:
        """Spread the canary's share evenly: of any 100 requests in a row, ``share`` are its own."""
        with self._lock:
            self._turn += share
            taken, self._turn = divmod(self._turn, 100)
        return taken > 0

    def _note(self, digest: str, failed: bool, rejected: bool, seconds: float) -> None:
        with self._lock:
            count = self._counts.setdefault(digest, Count())
            count.requests += 1
            count.errors += failed
            count.rejected += rejected
            count.seconds += seconds


def _answer(release: Release, task: str, classes: tuple[str, ...], probabilities: Any, unfamiliar: bool) -> Answer:
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
        "prediction_id": uuid.uuid4().hex,
    }
