"""The load generator: reads one order a line from standard input, asks with Locust, and writes one line of JSON for each.

Runs in Locust's own environment. An order::

    {"url": ..., "requests": [{"path", "headers", "body": base64, "expected": {...} or null}, ...],
     "clients": 8, "warmup_s": 1, "seconds": 5, "most": 20000, "rate": null, "arrivals": "even", "seed": 0}

Without a rate the loop is closed: each client asks again as soon as it is answered. With one it is open: requests are due at
even intervals, or as a Poisson process, whether or not earlier ones are answered, and latency counts from when one was due.
"""

import base64
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import gevent
from answers import judged
from locust import FastHttpUser, constant, task
from locust.env import Environment
from locust.exception import StopUser

STRAGGLERS_S = 60
SENTENCES = 20


class Load:
    """One order and what came of it."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.requests = [{**request, "body": base64.b64decode(request["body"])} for request in order["requests"]]
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.sentences: list[str] = []
        self.answers: dict[int, tuple[int, str]] = {}
        self.begun = time.perf_counter()
        self.counted = self.begun + order["warmup_s"]
        self.end = self.counted + order["seconds"]
        self.turns = self._turns()

    def _turns(self) -> Iterator[tuple[int, float]]:
        """Yield which request is next and when it is due."""
        draw = random.Random(self.order["seed"])
        due, rate = self.begun, self.order["rate"]
        for number in range(self.order["most"]):
            if rate:
                due += draw.expovariate(rate) if self.order["arrivals"] == "poisson" else 1 / rate
            if max(due, time.perf_counter()) > self.end:
                return
            yield (draw.randrange(len(self.requests)) if rate else number % len(self.requests)), due

    def ask(self, client: Any) -> None:
        """Ask once, at the due time."""
        try:
            index, due = next(self.turns)
        except StopIteration:
            raise StopUser from None
        gevent.sleep(max(0, due - time.perf_counter()))
        began = due if self.order["rate"] else time.perf_counter()
        request = self.requests[index]
        response = client.request("POST", request["path"], data=request["body"], headers=request["headers"])
        ended = time.perf_counter()
        self._note(index, request, began, ended, response)

    def _note(self, index: int, request: dict[str, Any], began: float, ended: float, response: Any) -> None:
        status, body = response.status_code or 0, response.text or ""
        if request["expected"]:
            verdict, text = judged(request["expected"], status, body or str(getattr(response, "error", "")))
            self.verdicts[f"{verdict} {text}" if verdict == "right" else verdict] += 1
            if verdict in ("wrong", "dropped") and self.verdicts[verdict] <= SENTENCES:
                self.sentences.append(f"{verdict}: {request['path']}: {text}")
        inside = self.counted <= (began if self.order["rate"] else ended) < self.end
        if not inside:
            return
        self.statuses[str(status)] += 1
        self.answers[index] = (status, body)
        if status == 200:
            self.latencies.append(1000 * (ended - began))

    def run(self) -> dict[str, Any]:
        """Let the clients ask until the time or the count is over."""
        load = self

        class Client(FastHttpUser):
            host = load.order["url"]
            wait_time = constant(0)
            max_retries = 0
            network_timeout = 30.0

            @task
            def ask(self) -> None:
                load.ask(self.client)

        cpu = _cpu()
        runner = Environment(user_classes=[Client]).create_local_runner()
        runner.start(self.order["clients"], spawn_rate=self.order["clients"])
        runner.spawning_greenlet.join()
        while runner.user_count and time.perf_counter() < self.end + STRAGGLERS_S:
            gevent.sleep(0.02)
        left = runner.user_count
        wall = time.perf_counter() - self.begun
        spent = (_cpu() - cpu) / wall
        runner.quit()
        return {
            "latencies_ms": [round(latency, 3) for latency in self.latencies],
            "seconds": min(self.order["seconds"], max(0.001, wall - self.order["warmup_s"])),
            "statuses": dict(self.statuses),
            "verdicts": dict(self.verdicts),
            "sentences": self.sentences,
            "answers": {str(index): answer for index, answer in self.answers.items()},
            "generator_cpu": round(spent, 4),
            "unanswered": left,
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        sys.stdout.write(json.dumps(Load(json.loads(line)).run()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
