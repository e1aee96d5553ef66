"""A pipeline run's facts in the store, whether there is work, and how the run ended.

``runs/<task>/state.json`` names the runs that began and haven't been concluded: as long as one is there, the next run goes
on with what it left, also when the sources have nothing new.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perennial import __version__
from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, StepFailed

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog
    from perennial.registry import Registry, Run
    from perennial.task import Task

STEPS = ("scrape", "label", "embed", "train", "evaluate", "gate", "deploy")


class RunFolder:
    """The facts of one run, ``runs/<task>/<run>/<step>.json``."""

    def __init__(self, objects: Objects, task: str, run: str) -> None:
        self.objects = objects
        self.task = task
        self.id = run

    def write(self, step: str, facts: dict[str, Any]) -> None:
        """Keep what a step found or did."""
        self.objects.put_json(self._key(step), facts)

    def find(self, step: str) -> dict[str, Any] | None:
        """Return a step's facts, or None where it left none."""
        try:
            facts: dict[str, Any] = self.objects.get_json(self._key(step))
        except ObjectMissing:
            return None
        return facts

    def read(self, step: str) -> dict[str, Any]:
        """Return a step's facts.

        Raises:
            StepFailed: the step left none.
        """
        facts = self.find(step)
        if facts is None:
            raise StepFailed(f"The step {step} of run {self.id} of task {self.task} left no result; run the task again.")
        return facts

    def _key(self, step: str) -> str:
        return f"runs/{self.task}/{self.id}/{step}.json"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: nothing new, nothing to learn, promoted, refused, held, rolled back, superseded or failed."""

    name: str
    sentence: str


def begin(run: RunFolder) -> tuple[str, ...]:
    """Note that this run began; return the earlier ones that never ended."""
    state = _change(run, lambda state: {**state, "open": sorted({*state["open"], run.id})})
    return tuple(other for other in state["open"] if other != run.id)


def goes_on(run: RunFolder, task: "Task", *, new_images: int, unfinished: Sequence[str]) -> bool:
    """Return whether there is anything to do after scraping; where there isn't, the run is concluded."""
    settled = _state(run.objects, run.task)["task"] == task_digest(task)
    if new_images or unfinished or not settled:
        return True
    _conclude(run, (), task)
    return False


def reopen(objects: Objects, task: str, reason: str) -> None:
    """Make the task's next run go on even where its sources have nothing new."""
    folder = RunFolder(objects, task, reason)
    begin(folder)


def conclude(
    run: RunFolder, task: Callable[[], "Task"], catalog: Callable[[], "Catalog"], registry: Callable[[], "Registry"]
) -> Outcome:
    """Write how the run ended: always to the store, and to MLflow where something was learnt or a step failed.

    Earlier runs that were killed after they promoted or held something, and before they said so, are recorded as well.
    """
    outcome = _outcome(run)
    facts = {"outcome": outcome.name, "sentence": outcome.sentence}
    if run.find("outcome") == {**facts, "recorded": True}:
        return outcome
    run.write("outcome", facts)
    if outcome.name == "nothing new":
        return outcome
    if outcome.name != "nothing to learn":
        registry().record(_recorded(run, task(), catalog(), outcome))
    unfinished = (run.find("scrape") or {}).get("unfinished", ())
    if outcome.name in ("failed", "superseded"):
        return outcome
    if unfinished:
        served = (run.find("train") or {}).get("champion")
        _complete([RunFolder(run.objects, run.task, other) for other in unfinished], task(), catalog(), registry(), served)
    if not _left_over(run):
        _conclude(run, unfinished, task())
    run.write("outcome", {**facts, "recorded": True})
    return outcome


def _complete(
    unfinished: Sequence[RunFolder], task: "Task", catalog: "Catalog", registry: "Registry", served: str | None
) -> None:
    """Record what killed runs brought to an end without saying so, unless a later run did it again and said so.

    ``served`` is the digest of the champion that this run found.
    """
    known = {(run.outcome, run.tags.get("challenger"), run.tags.get("held")) for run in registry.runs(task.name)}
    for run in unfinished:
        challenger = (run.find("train") or {}).get("challenger")
        held = " ".join((run.find("gate") or {}).get("verdict", {}).get("batches", []))
        if challenger and challenger == served and ("promoted", challenger, "") not in known:
            version = next(version.number for version in registry.versions(task.name) if version.digest == challenger)
            sentence = f"version {version} serves; the run was interrupted before it said so"
            run.write("deploy", {"outcome": "promoted", "version": version, "sentence": sentence})
        elif not held or any(outcome == "held" and other == held for outcome, _, other in known):
            continue
        registry.record(_recorded(run, task, catalog, _outcome(run)))


def _outcome(run: RunFolder) -> Outcome:
    error, scraped = run.find("error"), run.find("scrape")
    if error:
        return Outcome("failed", f"{error['step']}: {error['sentence']}")
    if scraped and not scraped["go"]:
        return Outcome("nothing new", scraped["sentence"])
    trained = run.find("train")
    if trained and not trained.get("challenger"):
        return Outcome("nothing to learn", trained["sentence"])
    judged, deployed = run.find("gate"), run.find("deploy")
    if deployed:
        return Outcome(deployed["outcome"].replace("_", " "), deployed["sentence"])
    if judged and judged["verdict"]["outcome"] != "promote":
        return Outcome({"refuse": "refused", "hold": "held"}[judged["verdict"]["outcome"]], judged["sentence"])
    last = [step for step in STEPS if run.find(step)]
    missing = STEPS[len(last)] if len(last) < len(STEPS) else STEPS[-1]
    return Outcome("failed", f"{missing}: the step ended without a result")


def _recorded(run: RunFolder, task: "Task", catalog: "Catalog", outcome: Outcome) -> "Run":
    """Return the run as MLflow keeps it: parameters, figures, verdict and lineage."""
    from perennial.catalog.snapshots import snapshot
    from perennial.registry import Run

    steps = {step: run.find(step) or {} for step in STEPS}
    trained, judged, deployed = steps["train"], steps["gate"], steps["deploy"]
    batches = trained.get("batches", [])
    tags = {
        "sentence": outcome.sentence,
        "batches": " ".join(batches),
        "held": " ".join(judged.get("verdict", {}).get("batches", [])),
        "challenger": trained.get("challenger") or "",
        "champion_before": trained.get("champion") or "",
        "version": str(deployed.get("version") or ""),
        "snapshot": snapshot(catalog, task.name, batches).digest if batches else "",
        "backbone": steps["embed"].get("backbone", ""),
        "code": __version__,
    }
    evaluation = steps["evaluate"].get("evaluation")
    artifacts = {
        name: json.dumps(facts, indent=2)
        for name, facts in (("evaluation.json", evaluation), ("verdict.json", judged.get("verdict")))
        if facts
    }
    if page := judged.get("page"):
        artifacts["verdict.html"] = page
    return Run(task.name, run.id, outcome.name, _flat(task.model_dump(mode="json")), _figures(steps), tags, artifacts)


def _figures(steps: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return all that is a number, challenger's and champion's figures under their own names."""
    figures = {"new_images": steps["scrape"].get("images", 0), "quarantined": steps["scrape"].get("quarantined", 0)}
    evaluation = steps["evaluate"].get("evaluation", {})
    for who in ("challenger", "champion"):
        for name, value in (evaluation.get(who) or {}).items():
            if isinstance(value, int | float):
                figures[f"{who}_{name}"] = value
    return {name: float(value) for name, value in figures.items()}


def _flat(document: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a nested document as dotted names and texts."""
    flat: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


def _left_over(run: RunFolder) -> bool:
    """Return whether a held batch kept others, which aren't suspicious, from being learnt in this run."""
    judged = run.find("gate")
    if not judged or judged["verdict"]["outcome"] != "hold":
        return False
    return set(run.read("train")["batches"]) > set(judged["verdict"]["batches"])


def _conclude(run: RunFolder, unfinished: Sequence[str], task: "Task") -> None:
    done = {run.id, *unfinished}
    _change(run, lambda state: {"open": [other for other in state["open"] if other not in done], "task": task_digest(task)})


def task_digest(task: "Task") -> str:
    """Return the digest of what, once changed in the task's file, calls for a run even where nothing is new."""
    return digest_of(task.model_dump(mode="json", include={"classes", "label", "backbone", "learner", "gate"}))


def _state(objects: Objects, task: str) -> dict[str, Any]:
    try:
        state: dict[str, Any] = objects.get_json(_state_key(task))
    except ObjectMissing:
        return {"open": [], "task": ""}
    return state


def _change(run: RunFolder, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    def changed(data: bytes | None) -> bytes:
        return json.dumps(change(json.loads(data) if data else {"open": [], "task": ""})).encode()

    state: dict[str, Any] = json.loads(run.objects.update(_state_key(run.task), changed))
    return state


def _state_key(task: str) -> str:
    return f"runs/{task}/state.json"
