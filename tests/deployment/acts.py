"""What tests do to an endpoint and look for afterwards: on a real store, registry and server."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from perennial.deployment.deploy import Deployed, deploy
from perennial.deployment.reconcile import Reconciled, reconcile
from perennial.learning.model import load_model, model_prefix
from perennial.registry import Version
from perennial.serving.record import read_record
from perennial.serving.releases import ReleaseFile
from tests.small_world import World, picture

RED = picture("red", 1)


def go(world: World, number: int, champion: int | None, run: str = "run") -> Deployed:
    """Deploy the model of that number against another one, counted from 1."""
    judged_against = None if champion is None else world.models[champion - 1]
    return deploy(
        world.task,
        world.catalog,
        world.registry,
        world.settings,
        world.models[number - 1],
        judged_against,
        run_id=f"{run}-{number}",
    )


def champion_of(world: World) -> str | None:
    champion = world.registry.champion("colours")
    return champion.digest if champion else None


def served_model(world: World, release: str | None) -> str:
    file = world.objects.get(f"releases/colours/{release}/release.json")
    return ReleaseFile.model_validate_json(file).tasks["colours"].model


def assert_settled(world: World, model: str) -> None:
    """The alias, the endpoint record and the release agree, and nothing is under way."""
    record = read_record(world.objects, "colours")
    assert champion_of(world) == model
    assert served_model(world, record.stable) == model
    assert (record.canary, record.state, record.share) == (None, None, 0)


class Traffic:
    """A client that asks all the time and keeps every status and release."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[int, str]] = []
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._ended.is_set():
                answer = client.post(f"{self._url}/v1/models/colours:predict", content=RED)
                found = answer.json()["predictions"][0] if answer.is_success else {}
                self.seen.append((answer.status_code, found.get("release", "")))
                time.sleep(0.005)


def tidy(world: World) -> Reconciled:
    """Reconcile the endpoint."""
    return reconcile("colours", world.catalog, world.registry, world.settings, lambda name: world.task)


def registered(world: World, number: int) -> Version:
    """Have a version of that number in the registry, which wasn't deployed."""
    digest = world.models[number - 1]
    backbone = load_model(world.objects, "colours", digest).description.backbone
    version = world.registry.register(
        "colours", digest, f"{world.objects.url}/{model_prefix('colours', digest)}", run_id=f"run-{number}", backbone=backbone
    )
    assert version.number == number
    return version


def age(world: World, seconds: float) -> None:
    """Let all that happened on the endpoint have happened so long before."""
    record = read_record(world.objects, "colours")
    past = timedelta(seconds=seconds)
    history = [event.model_copy(update={"at": event.at - past}) for event in record.history]
    world.write_record(**{**record.model_dump(), "history": history})


def event(release: str, state: str, reason: str = "") -> dict[str, Any]:
    """Return an event of just now, as the record has it."""
    return {"at": datetime.now(UTC), "release": release, "state": state, "run": "run", "reason": reason}
