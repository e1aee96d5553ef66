"""Which runs are open, whether there is work, and the end of a run.

``runs/<task>/state.json`` names the runs that began and haven't been concluded: as long as one is there, the next run goes
on with what it left, also when the sources have nothing new.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, StoreError
from perennial.operations.facts import RunFolder
from perennial.operations.outcomes import Outcome, Why, nobody_knows, outcome_of, recorded
from perennial.sources.label import rule_digest

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog
    from perennial.registry import Registry
    from perennial.task import Task

__all__ = ["Outcome", "RunFolder", "begin", "conclude", "goes_on", "open_runs", "reopen", "task_digest"]


def begin(run: RunFolder) -> tuple[str, ...]:
    """Note that this run began; return the runs that began before and never ended, an earlier attempt of this one included."""
    before: list[str] = []

    def opened(state: dict[str, Any]) -> dict[str, Any]:
        before[:] = state["open"]
        return {**state, "open": sorted({*before, run.id})}

    _change(run, opened)
    return tuple(before)


def open_runs(objects: Objects, task: str) -> set[str]:
    """Return the runs of a task that began and haven't been concluded, and what :func:`reopen` noted.

    Raises:
        StoreError: what says so is damaged.
    """
    state: object = _state(objects, task)
    found = state.get("open") if isinstance(state, dict) else None
    if not isinstance(found, list):
        raise StoreError(
            f"{_state_key(task)} in {objects.url} is damaged: it doesn't name the runs of {task} that are open. Restore it, or "
            "delete it while no run of the task is under way; then run this again."
        )
    return {str(run) for run in found}


def goes_on(run: RunFolder, task: "Task", *, new_posts: int, unfinished: Sequence[str]) -> bool:
    """Return whether there is anything to do after scraping; where there isn't, the run is concluded."""
    settled = _state(run.objects, run.task)["task"] == task_digest(task)
    if new_posts or unfinished or not settled:
        return True
    _conclude(run, (), task)
    return False


def reopen(objects: Objects, task: str, reason: str) -> None:
    """Make the task's next run go on even where its sources have nothing new."""
    folder = RunFolder(objects, task, reason)
    begin(folder)


def conclude(
    run: RunFolder,
    task: Callable[[], "Task"],
    catalog: Callable[[], "Catalog"],
    registry: Callable[[], "Registry"],
    why: Why = nobody_knows,
) -> Outcome:
    """Write how the run ended: always to the store, and to MLflow where something was learnt or a step failed.

    Earlier runs that were killed after they promoted or held something, and before they said so, are recorded as well.
    ``why`` is asked where a step died without a word.

    Raises:
        StoreError, RegistryError: store or registry can't be written; the run stays open, and the next one concludes it.
    """
    outcome = outcome_of(run, why)
    facts = {"outcome": outcome.name, "sentence": outcome.sentence}
    if run.find("outcome") == {**facts, "recorded": True}:
        return outcome
    run.write("outcome", facts)
    if outcome.name == "nothing new":
        return outcome
    if outcome.name != "nothing to learn":
        registry().record(recorded(run, task(), catalog(), outcome))
    if outcome.name in ("failed", "superseded"):
        return outcome
    unfinished = [other for other in (run.find("scrape") or {}).get("unfinished", ()) if other != run.id]
    if unfinished:
        served = (run.find("train") or {}).get("champion")
        _complete([RunFolder(run.objects, run.task, other) for other in unfinished], task(), catalog(), registry(), served)
    if not _left_over(run) and _settled(run, outcome):
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
        registry.record(recorded(run, task, catalog, outcome_of(run)))


def _left_over(run: RunFolder) -> bool:
    """Return whether a held batch kept others, which aren't suspicious, from being learnt in this run."""
    judged = run.find("gate")
    if not judged or judged["verdict"]["outcome"] != "hold":
        return False
    return set(run.read("train")["batches"]) > set(judged["verdict"]["batches"])


def _settled(run: RunFolder, outcome: Outcome) -> bool:
    """Take back the request that this run fulfilled; False where a held batch had a part in that, so that it is done again."""
    request = (run.find("finetune") or {}).get("request")
    if request is None:
        return True
    if outcome.name == "held":
        return False
    from perennial.learning.tuned import settle

    settle(run.objects, run.task, request)
    return True


def _conclude(run: RunFolder, unfinished: Sequence[str], task: "Task") -> None:
    done = {run.id, *unfinished}
    _change(run, lambda state: {"open": [other for other in state["open"] if other not in done], "task": task_digest(task)})


def task_digest(task: "Task") -> str:
    """Return the digest of what, once changed in the task's file or in the table of its rule, calls for a run even where nothing
    is new."""
    file = task.model_dump(mode="json", include={"classes", "label", "images", "backbone", "learner", "gate"})
    return digest_of([file, rule_digest(task)])


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
