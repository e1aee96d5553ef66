"""Start the pipeline on a cluster and follow its steps from here."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from perennial.errors import ClusterError, ClusterUnavailable, StepFailed
from perennial.operations.pods import RunPods
from perennial.settings import Settings
from perennial.task import Task, task_text
from pipelines.api import PipelinesApi
from pipelines.package import package
from pipelines.records import Run, Version
from pipelines.seen import Seen, TimedListener, no_lines

STUCK_S = 300
"""Seconds after which a pod that can't start ends the wait for its run."""
_POLL_S = 2.0
_AWAY_S = 60.0


@dataclass(frozen=True)
class Followed:
    """A run that ended: its id, its outcome, and a sentence of what became of it."""

    run: str
    outcome: str
    sentence: str


def experiment_name(task: str) -> str:
    """Return the name of a task's experiment, which its recurring run bears as well."""
    return f"perennial-{task}"


def arguments(task: Task) -> dict[str, str]:
    """Return what a run of a task is started with."""
    return {"task": task.name, "definition": task_text(task)}


def upload(api: PipelinesApi, settings: Settings, given: Path | None = None) -> Version:
    """Return the pipeline's version, uploaded unless it is there.

    Args:
        api: the server.
        settings: what the pipeline is compiled for.
        given: a compiled package to take instead.

    Raises:
        ClusterError: the package can't be read, or the server doesn't take it.
    """
    with package(settings, given) as found:
        return api.find_version(found.digest) or api.upload(found.path, found.digest)


def start(task: Task, settings: Settings, given: Path | None = None) -> str:
    """Start one run for a task and return its id; raises as :func:`upload`."""
    api = PipelinesApi(settings)
    version = upload(api, settings, given)
    name = f"{task.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    return api.start(api.experiment(experiment_name(task.name)), name, version, arguments(task))


def follow(
    run: str,
    settings: Settings,
    listener: TimedListener,
    notice: Callable[[str], None],
    *,
    stuck_s: float = STUCK_S,
    end_stuck: bool = False,
) -> Followed:
    """Hand on what a run's steps print, until it has ended.

    Args:
        run: the run's id.
        settings: where the cluster is.
        listener: gets each line of the steps, as from a run on this machine, with its time.
        notice: gets a sentence for each pod that can't start or died, as soon as that is seen.
        stuck_s: seconds for which a pod may be unable to start.
        end_stuck: end the run then, so that it doesn't keep the task's next one waiting.

    Raises:
        StepFailed: a step failed, or the run was ended.
        ClusterError: a pod can't start, or the cluster went away.
    """
    api = PipelinesApi(settings)
    seen = Seen(run, _pods(settings, notice), listener, notice)
    away = time.monotonic()
    while True:
        try:
            found, away = api.run(run), time.monotonic()
        except ClusterUnavailable as error:
            if time.monotonic() - away > _AWAY_S:
                raise ClusterUnavailable(f"{error} The run {run} goes on without being followed.") from None
            time.sleep(_POLL_S)
            continue
        seen.look(found)
        if found.ended:
            return _ended(found, seen)
        if seen.stuck_for() > stuck_s:
            raise ClusterError(_stuck(api, found, seen, stuck_s, end_stuck))
        time.sleep(_POLL_S)


def _pods(settings: Settings, notice: Callable[[str], None]) -> RunPods | None:
    try:
        return RunPods(settings.kfp_namespace)
    except ClusterError as error:
        notice(no_lines(error))
        return None


def _ended(run: Run, seen: Seen) -> Followed:
    if seen.outcome and seen.outcome != "failed":
        return Followed(run.id, seen.outcome, seen.sentence)
    if run.state == "SUCCEEDED" and not seen.outcome:
        return Followed(run.id, "succeeded", seen.sentence or "KFP says that all of its steps succeeded")
    if run.state == "CANCELED":
        raise StepFailed(f"The run {run.id} was ended by hand. The next run goes on where it stopped.")
    reason = seen.error or seen.trouble or run.error or "it didn't say why; look at its page in KFP"
    raise StepFailed(f"The run {run.id} failed: {reason.rstrip('.')}. The next run goes on where it stopped.")


def _stuck(api: PipelinesApi, run: Run, seen: Seen, stuck_s: float, end: bool) -> str:
    if end:
        api.terminate(run.id)
    became = "it was ended, so that the next one isn't kept waiting" if end else "it is left as it is"
    return f"{seen.trouble} The run {run.id} was stuck for {stuck_s:.0f} s; {became}."
