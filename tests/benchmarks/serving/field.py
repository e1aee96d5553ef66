"""The servers of all contestants, side by side and stopped, but for the one that is measured."""

import json
import time
from collections.abc import Sequence

import httpx

from perennial.processes import free_port
from tests.benchmarks.serving.asking import Generator
from tests.benchmarks.serving.contestant import Contestant, Request
from tests.benchmarks.serving.servers import NotMeasured, Server
from tests.benchmarks.serving.world import Asked

TOLERANCE = 0.1
"""Largest difference to the probability that the default backbone gives: the usual path decodes and scales otherwise."""

SETTLE_S = 0.2


class Field:
    """As a context, it ends every server that it started."""

    def __init__(self, asked: Sequence[Asked], cores: list[int], generator: Generator) -> None:
        self.out: dict[str, str] = {}
        """Contestants that can't be measured, and why."""
        self._asked = asked
        self._cores = cores
        self._generator = generator
        self._servers: dict[str, tuple[Server, str]] = {}
        self._checked: set[str] = set()

    def __enter__(self) -> "Field":
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all servers."""
        for server, _ in self._servers.values():
            server.end()

    def turn(self, contestant: Contestant) -> str:
        """Stop all other servers, let this one go on or start it, check its answers once, and return its address.

        Raises:
            NotMeasured: it doesn't start, or answers otherwise than the network does.
        """
        if contestant.name in self.out:
            raise NotMeasured(self.out[contestant.name])
        self.rest(but=contestant.server)
        try:
            server, url = self._server(contestant)
            server.resume()
            request = contestant.request(self._asked[0].jpeg)
            server.until_answered(lambda: ask(url, request))
            if contestant.name not in self._checked:
                self._check(contestant, url)
                self._checked.add(contestant.name)
        except NotMeasured as error:
            self.out[contestant.name] = str(error)
            raise
        return url

    def rest(self, but: str = "") -> None:
        """Stop all servers but one."""
        for name, (server, _) in self._servers.items():
            if name != but:
                server.pause()

    def closed(self, contestant: Contestant, clients: int, seconds: float, **options: float) -> dict[str, object]:
        """Return what so many clients get that ask again as soon as they are answered.

        Raises:
            NotMeasured: it can't be measured, or an answer was wrong.
        """
        url = self.turn(contestant)
        time.sleep(SETTLE_S)
        answer = self._generator.load(url, self.requests(contestant), clients=clients, seconds=seconds, **options)  # type: ignore[arg-type]
        self._check_text(contestant, answer["answers"])
        return answer

    def requests(self, contestant: Contestant) -> list[Request]:
        """Return the requests for all pictures."""
        return [contestant.request(asked.jpeg) for asked in self._asked]

    def rss_mb(self, contestant: Contestant) -> float:
        """Return the memory of a contestant's server in MiB."""
        return self._servers[contestant.server][0].rss_mb()

    def drop(self, contestant: Contestant) -> None:
        """End a contestant's server."""
        server, _ = self._servers.pop(contestant.server)
        server.end()

    def _server(self, contestant: Contestant) -> tuple[Server, str]:
        known = self._servers.get(contestant.server)
        if known and known[0].keeper.poll() is None:
            return known
        port = free_port()
        self._servers[contestant.server] = (contestant.start(port, self._cores), f"http://127.0.0.1:{port}")
        return self._servers[contestant.server]

    def _check(self, contestant: Contestant, url: str) -> None:
        for number, asked in enumerate(self._asked):
            response = ask(url, contestant.request(asked.jpeg))
            self._check_one(contestant, number, response.status_code, response.text)

    def _check_text(self, contestant: Contestant, answers: object) -> None:
        assert isinstance(answers, dict)
        for number, (status, text) in answers.items():
            if status == 200:
                self._check_one(contestant, int(number), status, text)

    def _check_one(self, contestant: Contestant, number: int, status: int, text: str) -> None:
        asked = (contestant.right or self._asked)[number]
        if status != 200:
            raise NotMeasured(f"it answers {status} {text[:200]}")
        try:
            cls, probability = contestant.answer(json.loads(text))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise NotMeasured(f"its answer has another shape ({error!r}): {text[:200]}") from None
        if cls != asked.cls or abs(probability - asked.probability) > TOLERANCE:
            raise NotMeasured(
                f"picture {number} is {asked.cls} with {asked.probability:.3f}, it says {cls} with {probability:.3f}"
            )


def ask(url: str, request: Request) -> httpx.Response:
    """Send one request."""
    return httpx.post(url + request.path, content=request.body, headers=request.headers, timeout=60)
