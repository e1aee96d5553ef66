"""A bounded open-loop load on an endpoint's gateway: requests go out on a schedule, whatever becomes of those before them."""

import asyncio
import contextlib
import itertools
import math
import os
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

TIMEOUT_S = 15.0
CONNECTIONS = httpx.Limits(max_connections=256, max_keepalive_connections=256, keepalive_expiry=60)
NOBODY = "-"
"""Stands for the version and release of a request that nobody answered."""


@dataclass(frozen=True)
class Answer:
    """What became of one request: ``at`` is when it was sent (seconds since 1970), ``status`` 0 where no answer came."""

    at: float
    seconds: float
    status: int
    release: str = NOBODY
    version: str = NOBODY
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the client didn't get what it asked for."""
        return self.status != 200


class Load:
    """Sends ``rate`` pictures per second to a task while the block runs, ``most`` of them at most, and repeats none.

    Example:
        >>> with Load("http://127.0.0.1:8000", "demo.example", "demo", [b"a JPEG"], rate=10, most=0) as load:
        ...     pass
        >>> load.failed
        []
    """

    def __init__(self, url: str, host: str, task: str, pictures: Sequence[bytes], rate: float, most: int) -> None:
        self.rate = rate
        self.answers: list[Answer] = []
        self._where = (url, host, task)
        self._pictures = pictures
        self._most = most
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()), name=f"load on {host}")

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def failed(self) -> list[Answer]:
        """The requests that failed."""
        return [answer for answer in list(self.answers) if answer.failed]

    @property
    def by_version(self) -> dict[str, list[Answer]]:
        """All answers by the version of the model that gave them."""
        found: dict[str, list[Answer]] = defaultdict(list)
        for answer in list(self.answers):
            found[answer.version].append(answer)
        return dict(found)

    def between(self, begin: float, end: float) -> list[Answer]:
        """Return the answers to what was sent from ``begin`` until ``end``, in seconds since 1970."""
        return [answer for answer in list(self.answers) if begin <= answer.at < end]

    def wait(self, count: int, seconds: float = 120) -> None:
        """Wait until so many more requests were answered."""
        wanted, deadline = len(self.answers) + count, time.monotonic() + seconds
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, f"after {seconds:.0f} s {wanted - len(self.answers)} answers are missing"
            time.sleep(0.1)

    def table(self) -> str:
        """Return what was sent and what failed by version and release, as Markdown."""
        rows: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        for answer in list(self.answers):
            rows[answer.version, answer.release[:12]].append(answer)
        head = ("version", "release", "sent", "failed", "median, ms", "95 of 100, ms", "errors")
        cells = [(*key, *_cells(answers)) for key, answers in sorted(rows.items())]
        total = ("all", "", *_cells(list(self.answers)))
        return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *cells, total))

    async def _send(self) -> None:
        begin = asyncio.get_running_loop().time()
        sent: set[asyncio.Task[None]] = set()
        async with _client(*self._where[:2]) as client:
            for number, picture in zip(range(self._most), itertools.cycle(self._pictures), strict=False):
                while (left := begin + number / self.rate - asyncio.get_running_loop().time()) > 0 and not self._ended.is_set():
                    await asyncio.sleep(min(left, 0.1))
                if self._ended.is_set():
                    break
                task = asyncio.create_task(self._ask(client, picture))
                sent.add(task)
                task.add_done_callback(sent.discard)
            await asyncio.gather(*sent)

    async def _ask(self, client: httpx.AsyncClient, picture: bytes) -> None:
        self.answers.append(await ask(client, self._where[2], picture))


async def ask(client: httpx.AsyncClient, task: str, picture: bytes) -> Answer:
    """Send one picture; whatever happens is an answer."""
    at, began = time.time(), time.perf_counter()
    try:
        response = await client.post(f"/v1/models/{task}:predict", content=picture)
        spent = time.perf_counter() - began
        if response.status_code != 200:
            return Answer(at, spent, response.status_code, error=response.text[:200])
        told = response.json()["predictions"][0]
        return Answer(at, spent, 200, told["release"], str(told["model_version"]))
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return Answer(at, time.perf_counter() - began, 0, error=f"{type(error).__name__}: {error}")


def capacity(url: str, host: str, task: str, pictures: Sequence[bytes], *, seconds: float = 10, clients: int = 8) -> float:
    """Return how many pictures per second an endpoint answers to clients that each wait for one answer before they ask again."""

    async def measure() -> float:
        deadline = time.perf_counter() + seconds

        async def one(client: httpx.AsyncClient, number: int) -> int:
            answered = 0
            for picture in itertools.islice(itertools.cycle(pictures), number, None):
                if time.perf_counter() > deadline:
                    break
                answered += not (await ask(client, task, picture)).failed
            return answered

        async with _client(url, host) as client:
            return sum(await asyncio.gather(*(one(client, number) for number in range(clients)))) / seconds

    return asyncio.run(measure())


def split_within(canary: int, both: int, share: float, errors: float = 3) -> bool:
    """Return whether a canary got its percentage of all requests, give or take so many standard errors of a random split.

    Example:
        >>> split_within(300, 1000, 30), split_within(350, 1000, 30)
        (True, False)
    """
    wanted = share / 100
    return abs(canary / both - wanted) <= errors * math.sqrt(wanted * (1 - wanted) / both)


def put_down(title: str, *facts: str, load: Load | None = None) -> None:
    """Append a load's table to the log beside PERENNIAL_TEST_LOG, where that is set, and show it."""
    text = "\n".join((f"## {title}", *facts, *((load.table(),) if load else ()), "", ""))
    sys.stdout.write(text)
    if log := os.environ.get("PERENNIAL_TEST_LOG"):
        with Path(log).with_suffix(".release.md").open("a", encoding="utf-8") as file:
            file.write(text)


@contextlib.asynccontextmanager
async def _client(url: str, host: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"host": host, "content-type": "image/jpeg"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, limits=CONNECTIONS) as client:
        yield client


def _cells(answers: Sequence[Answer]) -> tuple[str, ...]:
    failed = [answer for answer in answers if answer.failed]
    times = sorted(answer.seconds * 1000 for answer in answers if not answer.failed)
    slow = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else math.nan
    kinds = Counter(str(answer.status or answer.error.split(":")[0]) for answer in failed)
    told = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())
    return (str(len(answers)), str(len(failed)), f"{statistics.median(times) if times else math.nan:.0f}", f"{slow:.0f}", told)
