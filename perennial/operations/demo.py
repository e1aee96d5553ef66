"""The demo's story: the whole loop on the bundled site, told as it happens.

Its state lies in a folder of its own, so that it can start afresh without touching anything else; a story that was
interrupted goes on where it stopped.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import EndpointError, StepFailed
from perennial.operations.report import render, report, score_run
from perennial.processes import free_port
from perennial.settings import Settings
from perennial.sources.demo_site.posts import WRONG_DAY, day, posts_of
from perennial.sources.demo_site.server import DemoSite
from perennial.sources.demo_site.styles import DRIFT_DAY
from perennial.task import DemoSource, Task, load_task, save_task
from perennial.terminal import console

DAYS = 6
NAME = "demo"
BEFORE = ("demo-kind",)
"""Tasks over the same pictures that learn the back catalogue first: the judge of kinds."""

AFTER = ("demo-type", "demo-style")

Facts = dict[str, Any]


@dataclass
class _Story:
    settings: Settings
    seed: int
    told: dict[str, Facts] = field(default_factory=dict)
    """The runs told so far, by day number."""

    @property
    def file(self) -> Path:
        return self.settings.home / "story.json"

    def save(self) -> None:
        self.file.write_text(json.dumps({"seed": self.seed, "told": self.told}), encoding="utf-8")


def tell(settings: Settings, *, seed: int, serve: bool) -> Facts:
    """Tell the story and return its facts; with ``serve``, keep site, endpoint and dashboard up until interrupted.

    Raises:
        PerennialError: a step of the story failed.
    """
    began = time.monotonic()
    story = _resume_or_begin(_with_free_ports(settings.apart(NAME), keep=serve), seed)
    with DemoSite(seed=seed, today=day(0)) as site, contextlib.ExitStack() as running:
        task = _write_tasks(story.settings, site.url)
        _say(f"A site with drawn buildings of eight regions is up at {site.url}; {_count(seed, 0)} new posts every day.")
        endpoint = None
        for number in range(DAYS + 1):
            site.today = day(number)
            _tell_others(story, BEFORE if number == 0 else ())
            _tell_day(story, task, number)
            _tell_others(story, AFTER if number == 0 else ())
            if endpoint is None:
                _tell_embedded(story)
                endpoint = running.enter_context(_endpoint(story.settings, task))
        answer = _classify(story.settings, task, site)
        facts = {**report(task, story.settings), "endpoint_answer": answer, **_embedded(story.settings)}
        facts["seconds"] = round(time.monotonic() - began, 1)
        console.print()
        console.print(render(facts))
        _say("What next: your own pictures, in a folder with a subfolder for each class:")
        console.print("  perennial init NAME --from-folder DIR && perennial run NAME --serve", markup=False)
        if serve:
            _stay(story.settings, running)
    return facts


def _tell_day(story: _Story, task: Task, number: int) -> None:
    """Run the pipeline for one day, unless it ran before the story was interrupted, and tell what came of it."""
    console.print()
    console.rule(_headline(number), align="left")
    if str(number) not in story.told:
        story.told[str(number)] = _run(story.settings, task)
        story.save()
    outcome = story.told[str(number)]
    scored = score_run(task, story.settings, story.told["0"]["run"], outcome["run"]) if number else None
    if scored:
        ahead = f"champion {scored['champion_accuracy']:.0%}, first model {scored['frozen_accuracy']:.0%}"
        console.print(f"  before learning these {scored['images']} pictures: {ahead} right", markup=False)


def _tell_others(story: _Story, names: Sequence[str]) -> None:
    """Run other tasks over the back catalogue, unless they ran before the story was interrupted."""
    for name in names:
        console.print()
        task = load_task(name, story.settings.tasks)
        console.rule(f"{name}: {task.description}", align="left")
        if name not in story.told:
            story.told[name] = _run(story.settings, task)
            story.save()


def _embedded(settings: Settings) -> Facts:
    """Count pictures and embeddings, whatever the number of tasks, and the pictures that are copies of others."""
    catalog = Catalog.open(Objects.open(settings.store_url))
    count = "SELECT (SELECT count(*) FROM images) AS pictures, (SELECT count(*) FROM images WHERE copy_of != '') AS copies, "
    count += "(SELECT count(*) FROM embeddings) AS embeddings"
    return {"tasks": 1 + len(BEFORE) + len(AFTER), **catalog.sql(count).to_pylist()[0]}


def _tell_embedded(story: _Story) -> None:
    found = _embedded(story.settings)
    console.print()
    _say(
        f"{found['tasks']} tasks learnt from {found['embeddings']} of {found['pictures']} pictures, each of which went through "
        f"the network once; {found['copies']} look like another one and don't count."
    )


def _headline(number: int) -> str:
    if number == 0:
        return f"The back catalogue, up to {day(0)}: a first model"
    if day(number) == WRONG_DAY:
        return f"{day(number)}: a third of today's labels are wrong"
    if day(number) == DRIFT_DAY:
        return f"{day(number)}: styles change overnight, honestly"
    return f"{day(number)}: a day like others"


def _run(settings: Settings, task: Task) -> Facts:
    """Run ``perennial run`` in a process of its own; its view goes to the same terminal."""
    command = [sys.executable, "-m", "perennial", "run", task.name, "--json"]
    ended = subprocess.run(command, env=_environment(settings), stdout=subprocess.PIPE, check=False)
    if ended.returncode != 0:
        raise StepFailed(f"The demo stopped: its run failed for the reason above. Logs are in {settings.home / 'logs'}.")
    facts: Facts = json.loads(ended.stdout)
    return facts


@contextlib.contextmanager
def _endpoint(settings: Settings, task: Task) -> Iterator[str]:
    """Keep ``perennial serve`` up; its address is what the context gives."""
    url = f"http://{settings.host}:{settings.http_port}"
    log = (settings.home / "logs" / "serve.log").open("ab")
    command = [sys.executable, "-m", "perennial", "serve", task.name]
    server = subprocess.Popen(command, env=_environment(settings), stdout=log, stderr=log)
    try:
        _wait_ready(f"{url}/v2/models/{task.name}/ready", server, Path(log.name))
        console.print()
        _say(f"The endpoint answers at {url}/v1/models/{task.name}:predict")
        yield url
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _wait_ready(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url).is_success:
                return
        time.sleep(0.2)
    raise EndpointError(f"The demo's endpoint didn't become ready; its log is {log}.")


def _classify(settings: Settings, task: Task, site: DemoSite) -> Facts:
    """Ask the endpoint about today's newest building, and say what the site says of it."""
    from perennial.serving.client import predict, predict_all

    post = posts_of(site.seed, site.today)[0]
    picture = site.picture(post, 0)
    url = f"http://{settings.host}:{settings.http_port}"
    answer = predict(url, task.name, picture)
    console.print()
    _say(f"A picture of '{post.title}' through the endpoint: {answer['class']}, {answer['probability']:.0%} sure ({post.place}).")
    others = predict_all(url, picture)
    told = ", ".join(f"{name} {said['class']}" for name, said in others.items() if name != task.name)
    _say(f"All tasks at once, with one pass through the network: {told}.")
    return {**answer, "truth": post.region, "tasks": {name: said["class"] for name, said in others.items()}}


def _stay(settings: Settings, running: contextlib.ExitStack) -> None:
    """Keep everything up until Ctrl-C."""
    from perennial.operations.dashboard import start

    board = start(settings)
    running.callback(board.wait)
    running.callback(board.terminate)
    console.print()
    _say(f"The dashboard is at http://{settings.host}:{settings.dashboard_port}; Ctrl-C ends the demo.")
    with contextlib.suppress(KeyboardInterrupt):
        board.wait()


def _resume_or_begin(settings: Settings, seed: int) -> _Story:
    """Return the interrupted story of this seed, or a new one in an empty folder."""
    story = _Story(settings, seed)
    if story.file.is_file():
        known = json.loads(story.file.read_text(encoding="utf-8"))
        if known["seed"] == seed and str(DAYS) not in known["told"]:
            story.told = known["told"]
            _say(f"Going on with the demo that was interrupted, in {settings.home}.")
            return story
        shutil.rmtree(settings.home)
    (settings.home / "logs").mkdir(parents=True, exist_ok=True)
    story.save()
    return story


def _write_tasks(settings: Settings, url: str) -> Task:
    """Write the tasks' files with the site's address, and return the one that the story is about."""
    for name in (NAME, *BEFORE, *AFTER):
        bundled = load_task(name, Path(os.devnull))
        save_task(
            bundled.model_copy(update={"sources": (DemoSource(type="demo", base_url=url),)}), settings.tasks / f"{name}.yaml"
        )
    return load_task(NAME, settings.tasks)


def _with_free_ports(settings: Settings, *, keep: bool) -> Settings:
    """Where nobody is to visit the endpoint afterwards, any port will do."""
    return settings if keep else settings.model_copy(update={"http_port": free_port(), "grpc_port": free_port()})


def _environment(settings: Settings) -> dict[str, str]:
    own = {f"PERENNIAL_{name.upper()}": str(value) for name, value in settings.model_dump().items() if value}
    return {**os.environ, **own}


def _count(seed: int, number: int) -> int:
    return len(posts_of(seed, day(number + 1)))


def _say(text: str) -> None:
    console.print(text, markup=False)
