"""Minutes at 80 % of capacity while releases change and bad input comes in: no answer may be wrong, no good request dropped."""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from perennial.catalog.rows import LabelEvent
from perennial.deployment.deploy import deploy
from perennial.learning.training import update
from perennial.serving.client import running
from perennial.serving.images import pixels
from perennial.serving.record import read_record
from perennial.serving.releases import load_release
from tests.benchmarks.serving.asking import Generator, cores_left
from tests.benchmarks.serving.contestant import Request, base64_of
from tests.benchmarks.serving.figures import summary
from tests.benchmarks.serving.load.answers import judged
from tests.benchmarks.serving.places import CACHE, ROOT
from tests.benchmarks.serving.servers import Server, cores_for
from tests.small_world import CLASSES, DAY, World, make_world, picture

LOAD, CLIENTS, MEASURED_S = 0.8, 64, 10.0
PICTURES, BAD_SHARE = 24, 0.1
TASK = "colours"
Asked = list[tuple[Request, dict[str, Any]]]


def run(seconds: float, every: float, threads: int) -> int:
    """Soak, print what came of it as JSON, keep it, and return 1 where an answer was wrong or a good request was dropped."""
    cores = cores_for(threads)
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as home, Generator(cores_left(cores)) as generator:
        world = two_models(Path(home) / "home")
        with served(world, cores, threads) as url:
            releases = [deployed(world, number) for number in (1, 0)]
            asked = good(world, releases)
            found = soaked(world, url, asked, generator, seconds, every)
    found["failures"] = failures(found, releases)
    print(json.dumps(found, indent=2))
    results = CACHE / "results"
    results.mkdir(exist_ok=True)
    (results / f"soak-{time.strftime('%Y%m%d-%H%M%S')}.json").write_text(json.dumps(found, indent=2))
    return 1 if found["failures"] else 0


def two_models(home: Path) -> World:
    """Return a world with two models of one task that give every picture different classes."""
    world = make_world(home, models=1)
    catalog = world.catalog
    labelled = catalog.labelled(TASK).to_pylist()
    turned = {cls: CLASSES[(number + 1) % len(CLASSES)] for number, cls in enumerate(CLASSES)}
    events = [LabelEvent(row["image"], TASK, turned[row["cls"]], "review", "soak", DAY) for row in labelled]
    catalog.append_labels(TASK, events)
    backbone = load_backbone(world)
    other = update(world.task, catalog, backbone, None)
    assert other is not None
    return World(world.settings, world.task, (*world.models, other.digest))


def load_backbone(world: World) -> str:
    """Return the digest of the backbone of a world's first model."""
    from perennial.learning.model import load_model

    return load_model(world.objects, TASK, world.models[0]).description.backbone


@contextmanager
def served(world: World, cores: list[int], threads: int) -> Iterator[str]:
    """Serve the world's endpoint, empty at first, and yield its address."""
    settings = world.settings
    variables = {"HOME": settings.home, "HTTP_PORT": settings.http_port, "GRPC_PORT": settings.grpc_port, "THREADS": threads}
    environment = {f"PERENNIAL_{key}": str(value) for key, value in variables.items()}
    server = Server("soak", [sys.executable, "-m", "perennial", "serve", "--endpoint", TASK], environment, ROOT, cores)
    try:
        url = f"http://127.0.0.1:{settings.http_port}"
        server.until_answered(lambda: httpx.get(f"{url}/v1/endpoint", timeout=10))
        yield url
    finally:
        server.end()


def deployed(world: World, number: int) -> str:
    """Bring one of the two models to the endpoint as a run does, and return the release that serves then."""
    registry = world.registry
    champion = registry.champion(TASK)
    done = deploy(
        world.task,
        world.catalog,
        registry,
        world.settings,
        world.models[number],
        champion.digest if champion else None,
        run_id=f"soak-{time.time():.0f}",
    )
    if done.outcome != "promoted":
        raise RuntimeError(done.sentence)
    return str(read_record(world.objects, TASK).stable)


def good(world: World, releases: Sequence[str]) -> Asked:
    """Return every picture on every route, with what each release answers, computed offline."""
    jpegs = [picture(CLASSES[number % 3], 90_000 + number) for number in range(PICTURES)]
    wanted: list[dict[str, Any]] = [{"releases": {}} for _ in jpegs]
    for digest in releases:
        release = load_release(world.objects, TASK, digest, {}, 1)
        backbone, head = release.backbones[TASK], release.heads[TASK]
        rows = head.probabilities(backbone.embed(np.stack([pixels(jpeg, backbone) for jpeg in jpegs])))
        for row, expected in zip(rows, wanted, strict=True):
            answer = {"class": head.classes[row.argmax()], "probability": float(row.max())}
            expected["releases"][digest] = {**answer, "version": release.tasks[TASK].version}
    return [(request, expected) for jpeg, expected in zip(jpegs, wanted, strict=True) for request in routes(jpeg)]


def routes(jpeg: bytes) -> list[Request]:
    """Return one picture's requests: V1 with the picture as body, V1 JSON and V2."""
    path = f"/v1/models/{TASK}:predict"
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64_of(jpeg)]}
    return [
        Request(path, jpeg, {"content-type": "image/jpeg"}),
        Request.of_json(path, {"instances": [{"image": {"b64": base64_of(jpeg)}}]}),
        Request.of_json(f"/v2/models/{TASK}/infer", {"inputs": [tensor]}),
    ]


def bad() -> Asked:
    """Return bad input and the statuses that refuse it."""
    jpeg, path = picture("red", 1), f"/v1/models/{TASK}:predict"
    image, text = {"content-type": "image/jpeg"}, {"content-type": "application/json"}
    floats = {"name": "image", "shape": [1], "datatype": "FP32", "data": [1.0]}
    return [
        (Request(path, jpeg[: len(jpeg) // 2], image), {"refused": [400]}),
        (Request(path, jpeg[:20], image), {"refused": [400]}),
        (Request(path, b"no picture at all", image), {"refused": [400]}),
        (Request(path, b'{"instances": ', text), {"refused": [400]}),
        (Request.of_json(path, {"instances": 5}), {"refused": [400]}),
        (Request.of_json(path, {"instances": [{"image": {"b64": "%%%"}}]}), {"refused": [400]}),
        (Request.of_json(path, ["instances"]), {"refused": [400]}),
        (Request.of_json(f"/v2/models/{TASK}/infer", {"inputs": [floats]}), {"refused": [400]}),
        (Request("/v1/models/shapes:predict", jpeg, image), {"refused": [404]}),
    ]


def soaked(world: World, url: str, asked: Asked, generator: Generator, seconds: float, every: float) -> dict[str, Any]:
    """Measure the capacity, then ask at 80 % of it while another thread changes the release."""
    before = [told for request, expected in [*asked, *bad()] if (told := refused(url, request, expected))]
    if before:
        return {"before": before[:20], "verdicts": {}, "changes": []}
    requests = [request for request, _ in asked]
    capacity = summary(generator.load(url, requests, clients=8, seconds=MEASURED_S))["rate"]
    mixed = [*asked, *(bad() * max(1, round(BAD_SHARE * len(asked) / len(bad()))))]
    over, changes = threading.Event(), []
    os.nice(10)  # on a cluster the deployer has a machine of its own
    changer = threading.Thread(target=lambda: changes.extend(changed(world, every, over)))
    changer.start()
    try:
        rate = LOAD * capacity
        answer = generator.load(
            url,
            [request for request, _ in mixed],
            expected=[expected for _, expected in mixed],
            clients=CLIENTS,
            seconds=seconds,
            rate=rate,
            most=round(2 * rate * seconds),
        )
    finally:
        over.set()
        changer.join()
    timed = {key: value for key, value in summary(answer).items() if key != "errors"}  # refusals are none; verdicts tell
    figures = {"capacity": capacity, "due": round(rate, 2), "seconds": seconds, **timed}
    known = running(TASK, world.settings) is not None
    return {
        **figures,
        **{key: answer[key] for key in ("verdicts", "sentences", "unanswered")},
        "changes": changes,
        "serves_on": known,
    }


def changed(world: World, every: float, over: threading.Event) -> list[str]:
    """Deploy the two models in turn until it is over; return what came of each deployment."""
    done, number = [], 1
    while not over.wait(every):
        began = time.monotonic()
        try:
            release = deployed(world, number % 2)
        except Exception as error:  # noqa: BLE001 (whatever it is, the soak has failed and says why)
            done.append(f"failed: {error}")
        else:
            done.append(f"{release[:12]} in {time.monotonic() - began:.1f} s")
        number += 1
    return done


def refused(url: str, request: Request, expected: dict[str, Any]) -> str:
    """Return what is wrong with one answer before the soak begins, empty where nothing is."""
    response = httpx.post(url + request.path, content=request.body, headers=request.headers, timeout=60)
    verdict, text = judged(expected, response.status_code, response.text)
    return f"{request.path}: {verdict}: {text}" if verdict in ("wrong", "dropped") else ""


def failures(found: dict[str, Any], releases: Sequence[str]) -> list[str]:
    """Return why the soak failed; empty where it passed."""
    verdicts, failed = found["verdicts"], [f"before the soak: {sentence}" for sentence in found.get("before", [])]
    failed += [f"{verdicts[name]} answers were {name}" for name in ("wrong", "dropped") if verdicts.get(name)]
    failed += [f"{found['unanswered']} requests got no answer at all"] if found.get("unanswered") else []
    failed += [f"a deployment {change}" for change in found["changes"] if change.startswith("failed")]
    failed += [] if found["changes"] else ["no release changed"]
    failed += [f"the release {release[:12]} answered nothing" for release in releases if not verdicts.get(f"right {release}")]
    return failed + ([] if verdicts.get("refused") else ["no bad input was refused"])
