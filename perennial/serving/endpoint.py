"""What one server process serves: releases side by side, each with its share of the traffic."""

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, EndpointError, ModelError, NothingReleased, StoreError
from perennial.serving.figures import SECONDS, Figures
from perennial.serving.record import EndpointRecord, read_record
from perennial.serving.releases import Release, load_release

RETRY_S = 2.0
_log = logging.getLogger(__name__)


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
    """Releases in memory, kept as the endpoint record says; or one ``release``, pinned, and then no record is read."""

    def __init__(self, objects: Objects, name: str, threads: int, release: str | None = None) -> None:
        self.name = name
        self.store_trouble = ""
        self._objects = objects
        self._threads = threads
        self._backbones: dict[str, Backbone] = {}
        self._failed: dict[str, _Failed] = {}
        self._figures: dict[str, Figures] = {}
        self._pinned = EndpointRecord(endpoint=name, stable=release) if release else None
        self._view = _View(EndpointRecord(endpoint=name))
        self._turn = 0
        self._lock = threading.Lock()

    def check(self, *, canary_alone: bool, empty: bool = False) -> None:
        """Check that something is released; with ``canary_alone`` a canary will do, with ``empty`` nothing need be.

        Raises:
            NothingReleased: it isn't.
            StoreError: the store can't be read.
        """
        record = self._record()
        if record.stable is None and not empty and not (canary_alone and record.canary):
            raise NothingReleased(
                f"The endpoint '{self.name}' has no release yet. Run 'perennial run TASK' until a model is promoted, then serve."
            )

    def start(self, *, canary_alone: bool) -> None:
        """Load what the record names; with ``canary_alone``, what can't be loaded is only reported.

        Raises:
            ModelError: the release is damaged.
            BackboneError: a backbone is missing or damaged.
            StoreError: the store can't be read.
        """
        record = self._record()
        if record.stable and not canary_alone:
            self._load(record.stable)
        self.reconcile()

    def reconcile(self) -> None:
        """Make what is served what the record says; what can't be loaded or read is reported, and serving goes on."""
        try:
            record = self._record()
        except (StoreError, EndpointError) as error:
            self._trouble(str(error))
            return
        held = self._view
        if held.stable and not record.stable:
            self._trouble(f"The endpoint's record is gone from {self._objects.url}; what is loaded serves on.")
            return
        self._trouble("")
        ready = {digest: release for digest in record.roles if (release := self._loaded(digest))}
        stable = ready.get(record.stable or "") or held.stable
        ready |= {stable.digest: stable} if stable else {}
        self._view = _View(record, stable, ready.get(record.canary or ""), ready)
        used = {served.backbone for release in ready.values() for served in release.tasks.values()}
        self._backbones = {digest: backbone for digest, backbone in self._backbones.items() if digest in used}
        self._failed = {digest: failed for digest, failed in self._failed.items() if digest in record.roles}
        with self._lock:
            self._figures = {digest: known for digest, known in self._figures.items() if digest in {*ready, *record.roles}}

    @property
    def tasks(self) -> list[str]:
        """The tasks that some ready release answers for."""
        return sorted({task for release in self._view.ready.values() for task in release.tasks})

    @property
    def ready(self) -> dict[str, Release]:
        """The releases that are loaded, by digest."""
        return self._view.ready

    @property
    def pinned(self) -> bool:
        """Whether what is served never changes."""
        return self._pinned is not None

    def choose(self, task: str | None, named: str | None = None, version: str | None = None) -> Release:
        """Return the release that answers the next request: the one that the client names, else by the shares.

        Args:
            task: what is asked; None: all tasks of the release.
            named: a release's digest, from the client.
            version: a version of the task's model, from the client.

        Raises:
            EndpointError: no ready release of that name, or with that version, answers for this task.
        """
        view = self._view
        if named is not None:
            release = view.ready.get(named)
            if release is None or not _answers(release, task):
                known, what = ", ".join(sorted(view.ready)), f" for '{task}'" if task else ""
                raise EndpointError(f"The endpoint '{self.name}' has no ready release '{named}'{what}. Ready: {known}.")
            return release
        if version:
            return self._of_version(view, task, version)
        candidates = [release for release in (view.stable, view.canary) if release and _answers(release, task)]
        if not candidates:
            raise EndpointError(self.lacks(task))
        return candidates[-1] if len(candidates) == 2 and self._canarys_turn(view.record.share) else candidates[0]

    def lacks(self, task: str | None) -> str:
        """Return the sentence for a task that nothing here answers for."""
        if not self._view.ready or task is None:
            return f"The endpoint '{self.name}' has no release yet; it answers once a run has promoted a model."
        return f"The endpoint '{self.name}' has no model '{task}'. Its models: {', '.join(self.tasks)}."

    def count(self, digest: str, seconds: float, *, failed: bool = False, rejected: bool = False, worked: bool = True) -> None:
        """Count one request that a release answered, or failed on, or whose images it refused, or that wasn't ``worked`` on."""
        with self._lock:
            self._figures.setdefault(digest, Figures()).request(seconds, failed=failed, rejected=rejected, worked=worked)

    def answered(self, digest: str, images: int, unfamiliar: int) -> None:
        """Count images that a release answered."""
        with self._lock:
            self._figures.setdefault(digest, Figures()).answered(images, unfamiliar)

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
            "latency_bounds": list(SECONDS),
            "releases": {digest: self._described(digest, role) for digest, role in record.roles.items()},
        }

    def _described(self, digest: str, role: str) -> dict[str, Any]:
        ready, failed = self._view.ready.get(digest), self._failed.get(digest)
        return {
            "role": role,
            "ready": ready is not None,
            "reason": failed.reason if failed else "",
            "tasks": {task: served.model_dump() for task, served in ready.tasks.items()} if ready else {},
            **self._figures.get(digest, Figures()).told(),
        }

    def _record(self) -> EndpointRecord:
        return self._pinned or read_record(self._objects, self.name)

    def _loaded(self, digest: str) -> Release | None:
        known = self._view.ready.get(digest)
        failed = self._failed.get(digest)
        if known or (failed and failed.retry_at > time.monotonic()):
            return known
        try:
            return self._load(digest)
        except (ModelError, BackboneError, StoreError) as error:
            if failed is None or failed.reason != str(error):
                _log.warning("%s", error, extra={"release": digest})
            self._failed[digest] = _Failed(str(error), time.monotonic() + RETRY_S)
            return None

    def _load(self, digest: str) -> Release:
        """Load a release and let it compute, so that its first requests are as fast as the others."""
        before = set(self._backbones)
        release = load_release(self._objects, self.name, digest, self._backbones, self._threads)
        for task, backbone in release.backbones.items():
            side, sizes = backbone.description.preprocessing.crop, {1, backbone.description.group}
            for size in () if backbone.digest in before else sorted(sizes):
                backbone.embed(np.zeros((size, side, side, 3), np.uint8))
            before.add(backbone.digest)
            release.heads[task].unfamiliar(np.zeros((1, backbone.dims), np.int16))
        self._failed.pop(digest, None)
        self._view = _View(self._view.record, self._view.stable, self._view.canary, {**self._view.ready, digest: release})
        return release

    def _of_version(self, view: _View, task: str | None, version: str) -> Release:
        known = {str(release.tasks[task].version): release for release in view.ready.values() if task and task in release.tasks}
        if version not in known:
            ready = ", ".join(sorted(known)) or "none"
            raise EndpointError(f"The endpoint '{self.name}' has no version '{version}' of '{task}' ready. Ready: {ready}.")
        return known[version]

    def _trouble(self, sentence: str) -> None:
        if sentence and sentence != self.store_trouble:
            _log.warning("%s", sentence)
        self.store_trouble = sentence

    def _canarys_turn(self, share: int) -> bool:
        """Spread the canary's share evenly: of any 100 requests in a row, ``share`` are its own."""
        with self._lock:
            self._turn += share
            taken, self._turn = divmod(self._turn, 100)
        return taken > 0


def _answers(release: Release, task: str | None) -> bool:
    return task in release.tasks if task is not None else bool(release.tasks)
