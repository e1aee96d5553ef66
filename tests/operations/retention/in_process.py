"""An endpoint whose releases are proved in this process, from the store alone: a server takes seconds to start."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from perennial import __version__
from perennial.catalog.objects import Objects
from perennial.deployment.figures import Figures
from perennial.deployment.world import ByHand, Seen
from perennial.errors import PerennialError
from perennial.serving.record import EndpointRecord
from perennial.serving.releases import Release, load_release
from perennial.settings import Settings


class InProcess:
    """Loads a release as a server does, and answers with it."""

    poll_s = quiet_s = 0.0
    code = __version__
    asked = False
    obstacle = ""
    bounds: Sequence[float] = ()

    def __init__(self, endpoint: str, objects: Objects) -> None:
        self._endpoint, self._objects = endpoint, objects
        self._loaded: dict[str, Release] = {}

    def apply(self, record: EndpointRecord) -> None:
        pass

    def look(self, release: str) -> Seen:
        try:
            self._load(release)
        except PerennialError as error:
            return Seen(False, str(error), final=True)
        return Seen(True)

    def counts(self, release: str) -> Mapping[str, Figures]:
        return {}

    def ask(self, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        loaded = self._load(release)
        head, backbone = loaded.heads[task], loaded.backbones[task]
        (shares,) = head.probabilities(backbone.embed(np.stack([backbone.preprocess(jpeg)])))
        top = [{"class": cls, "probability": float(share)} for cls, share in zip(head.classes, shares, strict=True)]
        return {"release": release, "top": top}

    def _load(self, release: str) -> Release:
        if release not in self._loaded:
            self._loaded[release] = load_release(self._objects, self._endpoint, release, {}, 1)
        return self._loaded[release]

    def by_hand(self) -> ByHand | None:
        return None

    def tell(self, release: str, what: str, sentence: str, *, bad: bool = False) -> None:
        pass


@contextmanager
def open_world(endpoint: str, objects: Objects, settings: Settings) -> Iterator[InProcess]:
    """Stand in for the one that looks for a server."""
    yield InProcess(endpoint, objects)
