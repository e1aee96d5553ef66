"""Releases under test: a task with two versions on the development overlay's endpoint, commands that move it, and load on it."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import endpoints as e
from tests.cluster import kubectl as k
from tests.cluster.installation import NEVER, Installation, set_day
from tests.cluster.load import Load, capacity
from tests.cluster.test_kill import FIRST, LENIENT

NAME, ENDPOINT = "released", "demo"
PICTURES = 24
RULES: dict[str, Any] = {
    "shares": [10, 50],
    "watch_s": 10,
    "ready_s": 120,
    "max_p95_s": 5,
    "max_p95_ratio": 100,
    "max_unfamiliar": 1,
    "max_disagreement": 1,
}
"""Short watches, and limits that busy cores and networks with random weights keep: the tests' faults are far beyond them."""

BACKBONES = [{"network": "resnet18", "weights": f"random:{seed}", "resize": 128, "crop": 128} for seed in (0, 3)]
"""Versions take turns with these, so that each promotion changes the backbone too."""


@dataclass(frozen=True)
class Stand:
    """Where an endpoint stands, in versions of the task: what every way to the same end has to lead to."""

    champion: int
    stable: int
    previous: int | None
    canary: str | None
    traffic: dict[int, int]
    inside: int | None
    roles: dict[str, int]


class Served:
    """The task under test on its endpoint, and the gateway before it."""

    def __init__(self, installed: Installation, gateway: str) -> None:
        self.installed = installed
        self.gateway = gateway
        self.pictures: list[bytes] = []
        self.bears = 0.0
        self.recurring: tuple[str, Load] | None = None

    def task(self, name: str = NAME, *, schedule: str = NEVER, **rules: Any) -> Path:
        """Write a task's file with these rules of release; its backbone is that of its next version."""
        backbone = BACKBONES[len(self.installed.registry.versions(name)) % 2]
        return self.installed.task(name, gate=LENIENT, backbone=backbone, release=RULES | rules, schedule=schedule)

    def learn(self, name: str = NAME) -> Any:
        """Let the site publish what the task's next version is to learn, and run it; returns the run's facts."""
        self.next_day(name)
        return self.installed.run(self.task(name))

    def next_day(self, name: str = NAME) -> None:
        """Let the site publish what the task's next version is to learn."""
        set_day(FIRST + 2 * len(self.installed.registry.versions(name)))

    def command(self, *arguments: str, kill_after: int = 0, code: int | None = 0) -> str:
        """Run ``perennial ...`` or ``offer ...`` in a process that deploys to the cluster; return all that it says."""
        command = [sys.executable, "-W", "ignore", "-m", "tests.cluster.deployer", *arguments]
        done = subprocess.run(
            command, cwd=self.installed.home, env=self._environment(kill_after), capture_output=True, text=True, check=False
        )
        told = f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert code in (done.returncode, None), told
        return told

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin such a command and return its process."""
        command = [sys.executable, "-W", "ignore", "-m", "tests.cluster.deployer", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.installed.home,
            env=self._environment(0),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def offer(self, version: int, **rules: Any) -> dict[str, Any]:
        """Let a run's deploy step bring a version to the endpoint; return how that ended."""
        told = self.command("offer", str(self.task(**rules)), str(version))
        found: dict[str, Any] = next(json.loads(line) for line in told.splitlines() if line.startswith("{"))
        return found

    def roll_back(self, version: int, **rules: Any) -> str:
        """Serve a version again, as an operator does; return what the command says."""
        return self.command("perennial", "rollback", str(self.task(**rules)), str(version))

    def reconcile(self) -> str:
        """Reconcile the endpoint; return what the command says."""
        return self.command("perennial", "reconcile", "--endpoint", ENDPOINT)

    def versions(self) -> tuple[int, int]:
        """Return the champion and the latest version that has another backbone."""
        champion = self.installed.registry.champion(NAME)
        assert champion is not None
        others = [one.number for one in self.installed.registry.versions(NAME) if one.backbone != champion.backbone]
        return champion.number, others[-1]

    def settled(self) -> tuple[int, int]:
        """As :meth:`versions`, the other one being what the previous release serves, which it is promoted from where it isn't.

        Both run the server's present code, which a reconciliation would bring otherwise.
        """
        self.reconcile()
        champion, other = self.versions()
        stand = self.stand()
        if stand.previous != other or stand.canary or stand.stable != champion:
            assert self.offer(other, watch_s=1)["outcome"] == "promoted"
            champion, other = other, champion
        return champion, other

    def stand(self) -> Stand:
        """Return where the endpoint stands."""
        record = e.release_record(self.installed, ENDPOINT)
        of_colour = {colour: self.version_of(release) for colour, release in e.colours(ENDPOINT).items()}
        champion = self.installed.registry.champion(NAME)
        inside = e.selected(ENDPOINT)
        roles = {role: colour for role in e.ROLES if (colour := e.colour_of(ENDPOINT, role))}
        return Stand(
            champion=champion.number if champion else 0,
            stable=self.version_of(record.stable) or 0,
            previous=self.version_of(record.previous),
            canary=record.canary,
            traffic={of_colour.get(colour) or 0: weight for colour, weight in e.weights(ENDPOINT).items()},
            inside=of_colour.get(inside) if inside else None,
            roles={role: of_colour.get(colour) or 0 for role, colour in roles.items()},
        )

    def version_of(self, release: str | None) -> int | None:
        """Return which version of the task a release serves."""
        if not release:
            return None
        document = self.installed.objects.get_json(f"releases/{ENDPOINT}/{release}/release.json")
        found = document["tasks"].get(NAME)
        return int(found["version"]) if found else None

    def reason_in_mlflow(self, version: int) -> str:
        """Return the reason that MLflow has for a version's being taken back."""
        return self.installed.registry.version(NAME, version).tags.get("perennial.reason", "")

    def outcome(self, run: str) -> dict[str, Any]:
        """Return what a run's deploy step says of how it ended."""
        return self.installed.facts(NAME, run, "deploy") or {}

    @contextlib.contextmanager
    def load(self, part: float = 0.5, task: str = NAME, minutes: float = 15) -> Iterator[Load]:
        """Ask for a part of what the endpoint bears while the block runs, beginning a second before it."""
        rate = max(1.0, self.bears * part)
        with Load(self.gateway, e.host(ENDPOINT), task, self.pictures, rate, int(rate * minutes * 60)) as load:
            load.wait(int(rate) + 1)
            yield load
            load.wait(int(rate) + 1)

    def prepare(self) -> None:
        """Measure what the endpoint bears, with pictures that the task learnt."""
        images = self.installed.catalog.labelled(NAME)["image"].to_pylist()[:PICTURES]
        self.pictures = [self.installed.catalog.pixels(image) for image in images]
        self.bears = capacity(self.gateway, e.host(ENDPOINT), NAME, self.pictures)

    def _environment(self, kill_after: int) -> dict[str, str]:
        where = {"PYTHONPATH": str(k.ROOT), "PERENNIAL_ENDPOINT_URL": f"http://{{endpoint}}.{k.NAMESPACE}"}
        return {**os.environ, **where, "KILL_AFTER": str(kill_after)}


@contextlib.contextmanager
def served(installed: Installation) -> Iterator[Served]:
    """Have two versions of the task, the second by a recurring run under load, and nobody else move the endpoint."""
    gateway = os.environ.get("PERENNIAL_TEST_GATEWAY", "")
    if not gateway:
        pytest.skip(
            "PERENNIAL_TEST_GATEWAY names no address at which the cluster's gateway answers, such as http://127.0.0.1:8000"
        )
    here = Served(installed, gateway)
    with e.no_reconciling():
        if not installed.registry.versions(NAME):
            assert here.learn()["outcome"] == "promoted"
        here.prepare()
        if len(installed.registry.versions(NAME)) < 2:
            here.recurring = recurring_run(here)
        yield here


def recurring_run(here: Served) -> tuple[str, Load]:
    """Let a recurring run find a new day, under a load that leaves room for it; return the run and the load."""
    installed = here.installed
    known = [run.id for run in installed.runs(NAME)]
    here.next_day()
    task = str(here.task(schedule="0 * * * * *"))
    package = ("--package", str(installed.package), "--json")
    with here.load(part=0.1) as load:
        installed.perennial("schedule", task, *package)
        try:
            run = k.until(lambda: [run.id for run in installed.runs(NAME) if run.id not in known], bool, 180, 2)[0]
        finally:
            installed.perennial("schedule", task, "--pause")
        installed.end(run)
    installed.perennial("schedule", task, "--remove")
    return run, load


def picture_of(here: Served) -> Path:
    """Write one of the pictures to a file."""
    path = here.installed.home / "picture.jpg"
    path.write_bytes(here.pictures[0])
    return path


def soon(ask: Callable[[], bool], seconds: float = 30) -> float:
    """Wait until something is so; return how many seconds that took."""
    began = time.monotonic()
    k.until(ask, bool, seconds, 0.2)
    return time.monotonic() - began
