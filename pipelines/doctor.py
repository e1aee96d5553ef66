"""What the pipelines' own API says of a cluster: whether it answers, what is scheduled and how the runs ended."""

from collections import Counter
from collections.abc import Iterator, Sequence

from perennial.errors import ClusterError
from perennial.operations.doctor import Check
from perennial.operations.pods import RunPods
from perennial.settings import Settings
from pipelines.api import PipelinesApi
from pipelines.cluster import experiment_name
from pipelines.records import Run


def examine_pipelines(settings: Settings) -> list[Check]:
    """Return the checks of the pipelines' API, of each recurring run, and of runs that are under way or failed."""
    try:
        api = PipelinesApi(settings)
        health = api.health()
        version = health.get("tag_name") if health.get("tag_name") != "unknown" else ""
        answers = Check("KFP's API", "ok", f"{api.url}, {version or 'of a version that it does not tell'}")
        return [answers, *_schedules(api, settings)]
    except ClusterError as error:
        return [Check("KFP's API", "missing", str(error))]


def _schedules(api: PipelinesApi, settings: Settings) -> Iterator[Check]:
    prefix = experiment_name("")
    found = [one for one in api.recurring() if one.name.startswith(prefix)]
    if not found:
        yield Check("schedules", "ok", "none; 'perennial schedule TASK' makes one")
    on = Counter(one.name for one in found if one.enabled)
    for one in found:
        task = one.name.removeprefix(prefix)
        if on[one.name] > 1:
            yield Check(
                f"schedule of {task}", "wrong", f"{on[one.name]} recurring runs start it: run 'perennial schedule {task}'."
            )
        else:
            yield Check(f"schedule of {task}", "ok", f"{one.cron}{'' if one.enabled else ', paused'}")
        yield from _runs(task, api.runs(one.experiment), settings.kfp_namespace)
    scheduled = {one.experiment for one in found}
    for name, experiment in api.experiments().items():
        if name.startswith(prefix) and experiment not in scheduled:
            under_way = [run for run in api.runs(experiment) if not run.ended]
            yield from _runs(name.removeprefix(prefix), under_way, settings.kfp_namespace)


def _runs(task: str, runs: Sequence[Run], namespace: str) -> Iterator[Check]:
    """Check the latest of a task's runs, and each one that is under way."""
    yield from (_run(task, run, namespace) for run in [run for run in runs if not run.ended] or runs[:1])


def _run(task: str, run: Run, namespace: str) -> Check:
    what, named = f"run of {task}", f"{run.id} of {run.created:%Y-%m-%d %H:%M}" if run.created else run.id
    if run.state == "SUCCEEDED":
        return Check(what, "ok", f"{named} succeeded")
    reason = _reason(run, namespace)
    if not run.ended:
        return Check(what, "wrong", f"{named}: {reason}") if reason else Check(what, "ok", f"{named} is under way")
    said = reason or run.error or "its pods are gone, so the reason stands with its record in MLflow and in the store"
    return Check(what, "wrong", f"{named} ended as {run.state}: {said.rstrip('.')}.")


def _reason(run: Run, namespace: str) -> str:
    """Return what is wrong with a run's pods, also that there are none although KFP takes it for running."""
    try:
        reader = RunPods(namespace)
        pods = reader.of(run.id)
        reasons = reader.reasons(pods) or (reader.unmade(run.id) if run.ended else [])
    except ClusterError:
        return ""
    if not pods and not run.ended and run.old:
        return "KFP takes it for running, but it has no pods: its recurring run was deleted under it. End it on KFP's page."
    return reasons[0] if reasons else ""
