"""What is measured, and in which order: contestants take turns at each number of clients, round after round."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from perennial.errors import BackboneError
from perennial.processes import free_port
from tests.benchmarks.serving.asking import Generator
from tests.benchmarks.serving.contestant import Contestant
from tests.benchmarks.serving.contestants.bentoml import BentoML
from tests.benchmarks.serving.contestants.hand_written import HandWritten
from tests.benchmarks.serving.contestants.litserve import LitServe
from tests.benchmarks.serving.contestants.mlflow import MLflow
from tests.benchmarks.serving.contestants.mlserver import MLServer
from tests.benchmarks.serving.contestants.perennial import AllTasks, Explained, Perennial
from tests.benchmarks.serving.field import Field, ask
from tests.benchmarks.serving.figures import summary
from tests.benchmarks.serving.lines import Lines
from tests.benchmarks.serving.places import ROOT
from tests.benchmarks.serving.results import Results
from tests.benchmarks.serving.servers import NotMeasured, plain_environment
from tests.benchmarks.serving.world import DEFAULT, TASKS, VARIANTS, World

FRAMEWORKS = (MLflow, MLServer, BentoML, LitServe)
ELSEWHERE = (HandWritten, *FRAMEWORKS)
CLIENTS = (1, 2, 8, 32)
LOOP = "engine loop"
OPEN_S, OPEN_CLIENTS, LOAD = 20.0, 100, 0.8
KSERVE = "import kserve"
MEMORY = "Perennial memory"
TENTHS, TENTH_S = 10, 600.0
SAID = ("p50", "p99", "rate", "errors", "seconds", "rss_mb")


@dataclass(frozen=True)
class Plan:
    """How long and how often is measured, and which rows are wanted."""

    rounds: int
    seconds: float
    clients: tuple[int, ...]
    rows: tuple[str, ...]
    requests: int


class Bench:
    """One run: everything that it needs, and a method for each group of rows."""

    def __init__(self, plan: Plan, world: World, results: Results, field: Field, generator: Generator, cores: list[int]) -> None:
        self.plan, self.world, self.results = plan, world, results
        self.field, self.generator, self.cores = field, generator, cores
        self.default = self._perennial(DEFAULT.endpoint)

    def run(self) -> None:
        """Measure what the wanted rows need and isn't measured yet."""
        wanted = set(self.plan.rows)
        if wanted & {"hand-written", "frameworks", "loop"}:
            self.grid(list(self._contestants(wanted)), loop="loop" in wanted)
        for name, measure in {
            "tasks": self.tasks,
            "explain": self.explain,
            "tail": self.tail,
            "start": self.start,
            "memory": self.memory,
        }.items():
            if name in wanted:
                measure()

    def grid(self, contestants: Sequence[Contestant], *, loop: bool) -> None:
        """Measure every contestant at every number of clients, and the engine's loop beside a single client."""
        for contestant in contestants:
            self._install(contestant)
        with self._loop() as engine:
            for number in range(self.plan.rounds):
                for clients in self.plan.clients:
                    for contestant in _turned(contestants, number):
                        self._once(contestant, f"c={clients}", number, lambda who=contestant, c=clients: self._closed(who, c))  # type: ignore[misc]
                    if loop and clients == 1:
                        self._once_named(LOOP, "c=1", number, lambda: summary(self._looped(engine)))

    def tasks(self) -> None:
        """Measure one pass that answers for one, two, three and four tasks."""
        several = [self.world.endpoint(DEFAULT, TASKS[:count], f"tasks-{count}") for count in range(2, len(TASKS) + 1)]
        contestants = [self._perennial(name, AllTasks) for name in (DEFAULT.endpoint, *several)]
        self._alternate(contestants, 2 * self.plan.rounds)

    def explain(self) -> None:
        """Measure a prediction and an explanation in turn, on one server."""
        self._alternate([self.default, self._perennial(DEFAULT.endpoint, Explained)], 2 * self.plan.rounds, "explain c=1")

    def tail(self) -> None:
        """Measure an open loop at 80 % of what eight clients got just before."""
        for number in range(self.plan.rounds):
            if (self.default.name, "open poisson", number) in self.results:
                continue
            try:
                capacity = summary(self._ask(self.default, 8))["rate"]
                for arrivals in ("even", "poisson"):
                    self._once(self.default, f"open {arrivals}", number, lambda how=arrivals, c=capacity: self._open(how, c))  # type: ignore[misc]
            except NotMeasured as error:
                _say(f"{self.default.name}: {error}")
                return

    def start(self) -> None:
        """Measure the time to a server's first right answer, and that of an import of KServe, in turn."""
        self.field.rest()
        for number in range(self.plan.rounds):
            self._once_named(KSERVE, "start", number, lambda: {"seconds": _seconds([sys.executable, "-c", "import kserve"])})
            self._once_named(self.default.name, "start", number, lambda: {"seconds": self._cold()})

    def memory(self) -> None:
        """Measure the server's memory after each tenth of the requests; a server that isn't the same one begins anew."""
        if (MEMORY, "memory", TENTHS - 1) in self.results:
            return
        self.field.rest()
        small = World(self.world.home.parent / "memory", "resnet18", 64, 64, self.world.threads)
        server = Perennial(small.home, small.endpoint(DEFAULT), TASKS[0], self.world.threads)
        with Field(small.asked(), self.cores, self.generator) as field:
            url = field.turn(server)
            requests = [server.request(jpeg) for jpeg in small.shrunk(96)]
            for number in range(TENTHS):
                most = self.plan.requests // TENTHS
                found = self.generator.load(url, requests, clients=8, seconds=TENTH_S, warmup_s=0, most=most)
                counted = {"rss_mb": field.rss_mb(server), "total": (number + 1) * most}
                self.results.add((MEMORY, "memory", number), {**summary(found), **counted})
                _say(f"memory after {counted['total']:,} requests: {counted['rss_mb']:.1f} MiB")

    def _install(self, contestant: Contestant) -> None:
        """Make its environment before anything is measured; without it the others go on."""
        try:
            contestant.install()
        except (subprocess.SubprocessError, OSError) as error:
            self.field.out[contestant.name] = f"its environment can't be made: {error}"
            _say(f"{contestant.name}: not measured: {self.field.out[contestant.name]}")

    def _alternate(self, contestants: Sequence[Contestant], rounds: int, what: str = "tasks c=1") -> None:
        for number in range(rounds):
            for contestant in _turned(contestants, number):
                self._once(contestant, what, number, lambda who=contestant: self._closed(who, 1))  # type: ignore[misc]

    def _once(self, contestant: Contestant, what: str, number: int, measure: Callable[[], dict[str, Any]]) -> None:
        if contestant.name not in self.field.out:
            self._once_named(contestant.name, what, number, measure, contestant.precision)

    def _once_named(self, name: str, what: str, number: int, measure: Callable[[], dict[str, Any]], precision: str = "") -> None:
        """Measure and keep it, unless it is kept already; what can't be measured is said, and the others go on."""
        if (name, what, number) in self.results:
            return
        try:
            found = measure()
        except (NotMeasured, subprocess.SubprocessError, OSError) as error:
            self.field.out.setdefault(name, str(error))
            _say(f"{name}, {what}, round {number + 1}: not measured: {error}")
            return
        self.results.add((name, what, number), {"precision": precision, **found} if precision else found)
        _say(f"{name}, {what}, round {number + 1}: {', '.join(f'{key} {found[key]:.4g}' for key in SAID if found.get(key))}")

    def _closed(self, contestant: Contestant, clients: int) -> dict[str, Any]:
        return summary(self._ask(contestant, clients))

    def _ask(self, contestant: Contestant, clients: int) -> dict[str, Any]:
        return self.field.closed(contestant, clients, self.plan.seconds)

    def _open(self, arrivals: str, capacity: float) -> dict[str, Any]:
        url = self.field.turn(self.default)
        seconds, rate = max(OPEN_S, 4 * self.plan.seconds), LOAD * capacity
        requests = self.field.requests(self.default)
        how = {"clients": OPEN_CLIENTS, "seconds": seconds, "rate": rate, "arrivals": arrivals, "warmup_s": 2.0}
        return {**summary(self.generator.load(url, requests, **how)), "due": round(rate, 3), "capacity": capacity}  # type: ignore[arg-type]

    def _cold(self) -> float:
        """Return the seconds from starting a server to its first answer."""
        port = free_port()
        python = self.default.install()
        request = self.default.request(self.world.jpegs[-1])
        with Path("/dev/null").open("w") as nowhere:
            began = time.perf_counter()
            environment = plain_environment() | self.default.environment(python)
            server = subprocess.Popen(
                self.default.command(python, port), env=environment, cwd=ROOT, stdout=nowhere, stderr=nowhere
            )
            try:
                while not _answers(f"http://127.0.0.1:{port}", request):
                    if server.poll() is not None or time.perf_counter() > began + 120:
                        raise NotMeasured("the server didn't start")
                    time.sleep(0.02)
                return time.perf_counter() - began
            finally:
                server.terminate()
                server.wait(30)

    def _loop(self) -> Lines:
        digest = self.world.backbone(DEFAULT)
        command = [sys.executable, "-m", "tests.benchmarks.serving.loop", str(self.world.home), digest, str(self.world.threads)]
        return Lines("the engine's loop", command, ROOT, self.cores)

    def _looped(self, engine: Lines) -> dict[str, Any]:
        self.field.rest()
        return engine.ask({"files": self.world.files(), "seconds": self.plan.seconds, "warmup_s": 1.0}, self.plan.seconds + 120)

    def _perennial(self, endpoint: str, kind: type[Perennial] = Perennial, precision: str = "fp32") -> Perennial:
        return kind(self.world.home, endpoint, TASKS[0], self.world.threads, precision)

    def _contestants(self, wanted: set[str]) -> Iterator[Contestant]:
        """Yield whom the wanted rows compare; a precision that isn't there is said."""
        others = ELSEWHERE if wanted >= {"hand-written", "frameworks"} else FRAMEWORKS if "frameworks" in wanted else ()
        others = others or ((HandWritten,) if "hand-written" in wanted else ())
        yield from (other(self.world.plain(), self.world.threads) for other in others)
        for variant in VARIANTS if "hand-written" in wanted else VARIANTS[:2]:
            try:
                ours = self._perennial(self.world.endpoint(variant), precision=variant.precision)
                ours.right = self.world.asked(variant)
                yield ours
            except BackboneError as error:
                self.field.out[f"Perennial {variant.endpoint}"] = str(error)
                _say(f"Perennial {variant.endpoint}: not measured: {error}")


def _turned(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    """Return them begun at another one, so that nobody is always first."""
    by %= max(1, len(contestants))
    return [*contestants[by:], *contestants[:by]]


def _answers(url: str, request: Any) -> bool:
    try:
        return ask(url, request).status_code == 200
    except httpx.HTTPError:
        return False


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=plain_environment())
    return time.perf_counter() - began


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
