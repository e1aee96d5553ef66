"""A task's recurring run on a cluster, brought in line with the task's file.

The server can't change a recurring run, so another one takes its place: the old one is paused before the new one is made, and
deleted last, so that no two ever start runs and a process killed anywhere leaves what the next one puts right. A recurring run
whose run is under way is left paused until later, because the cluster ends the runs of a recurring run that is deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from perennial.errors import ClusterError, ClusterUnavailable
from perennial.settings import Settings
from perennial.task import Task
from pipelines.api import ACCOUNT, PipelinesApi
from pipelines.cluster import arguments, experiment_name, upload
from pipelines.records import Recurring, Run, Version

_PASSES = 5


class Server(Protocol):
    """What this file asks of the pipelines' server."""

    def recurring(self, name: str) -> list[Recurring]: ...

    def runs(self, experiment: str) -> list[Run]: ...

    def create_recurring(
        self, experiment: str, name: str, cron: str, version: Version, params: dict[str, Any], *, enabled: bool
    ) -> None: ...

    def enable(self, recurring: str, enabled: bool) -> None: ...

    def delete_recurring(self, recurring: str) -> None: ...


@dataclass(frozen=True)
class Wanted:
    """The recurring run that there should be; without a version, whichever there is, paused."""

    name: str
    experiment: str
    cron: str
    version: Version | None
    params: Mapping[str, Any]
    enabled: bool

    def fits(self, one: Recurring) -> bool:
        """Return whether a recurring run is this one, enabled or not."""
        if self.version is None:
            return True
        found = (one.cron, one.version, one.params, one.account, one.alone)
        return found == (self.cron, self.version.id, dict(self.params), ACCOUNT, True)


@dataclass(frozen=True)
class Scheduled:
    """What became of a task's recurring run; ``left`` are the runs under way for whose end a paused one is kept."""

    state: str
    left: tuple[str, ...] = ()


def schedule(task: Task, settings: Settings, given: Path | None = None, *, pause: bool = False) -> Scheduled:
    """Make the cluster run a task as its file says: state is created, updated, resumed, paused, unchanged or none.

    Args:
        task: its ``schedule`` is when; an empty one pauses what there is, as ``pause`` does.
        settings: where the cluster is, and what the pipeline is compiled for.
        given: a compiled package to take instead.
        pause: keep the recurring run as it is, without letting it start anything.

    Raises:
        ClusterError: the server refuses, or doesn't answer.
    """
    api = PipelinesApi(settings)
    name = experiment_name(task.name)
    enabled = bool(task.schedule) and not pause
    version = upload(api, settings, given) if enabled else None
    return reconcile(api, Wanted(name, api.experiment(name), task.schedule, version, arguments(task), enabled))


def schedules(settings: Settings) -> list[dict[str, Any]]:
    """Return what is scheduled: task, cron, whether it is on, the pipeline's version and the latest run.

    Raises as :func:`schedule`.
    """
    api = PipelinesApi(settings)
    prefix = experiment_name("")
    rows = []
    for one in (one for one in api.recurring() if one.name.startswith(prefix)):
        last = next((run for run in api.runs(one.experiment) if run.recurring == one.id), None)
        facts = {
            "task": one.name.removeprefix(prefix),
            "cron": one.cron,
            "on": one.enabled,
            "version": api.version_name(one),
        }
        ran = (
            {"run": last.id, "state": last.state, "started": last.created}
            if last
            else {"run": None, "state": None, "started": None}
        )
        rows.append({**facts, **ran})
    return rows


def reconcile(server: Server, wanted: Wanted) -> Scheduled:
    """Look and put right until a look finds nothing to do; what another process does meanwhile is seen at the next look."""
    states = []
    for _ in range(_PASSES):
        found = server.recurring(wanted.name)
        keep = _keep(found, wanted)
        others = [one for one in found if one is not keep]
        left = _pause_and_find_busy(server, wanted.experiment, others)
        state = _put_right(server, wanted, found, keep)
        gone = _delete(server, wanted.name, [one for one in others if one.id not in left])
        states.append("updated" if state == "unchanged" and gone else state)
        if states[-1] in ("unchanged", "none"):
            return Scheduled(next((one for one in states if one not in ("unchanged", "none")), states[-1]), tuple(left.values()))
    raise ClusterError(f"The recurring run {wanted.name} is changed by others all the time. Run the command again.")


def remove(task: str, settings: Settings) -> Scheduled:
    """Delete a task's recurring run: state is removed, or paused where a run of it is under way, or none.

    Raises as :func:`schedule`.
    """
    api = PipelinesApi(settings)
    return take_away(api, experiment_name(task), api.experiment(experiment_name(task)))


def take_away(server: Server, name: str, experiment: str) -> Scheduled:
    """Pause and delete all recurring runs of a name whose runs have ended."""
    found = server.recurring(name)
    left = _pause_and_find_busy(server, experiment, found)
    _delete(server, name, [one for one in found if one.id not in left])
    state = "paused" if left else "removed" if found else "none"
    return Scheduled(state, tuple(left.values()))


def _keep(found: Sequence[Recurring], wanted: Wanted) -> Recurring | None:
    """Return the one to keep: every process that looks picks the same."""
    fitting = [one for one in found if wanted.fits(one)]
    return min(fitting, key=lambda one: (one.enabled != wanted.enabled, str(one.created), one.id), default=None)


def _pause_and_find_busy(server: Server, experiment: str, those: Sequence[Recurring]) -> dict[str, str]:
    """Pause recurring runs; return those that have a run under way, with that run."""
    for one in those:
        if one.enabled:
            server.enable(one.id, False)
    under_way = {run.recurring: run.id for run in server.runs(experiment) if not run.ended} if those else {}
    return {one.id: under_way[one.id] for one in those if one.id in under_way}


def _put_right(server: Server, wanted: Wanted, found: Sequence[Recurring], keep: Recurring | None) -> str:
    if keep is None and wanted.version is None:
        return "none"
    if keep is None and wanted.version is not None:
        try:
            server.create_recurring(
                wanted.experiment, wanted.name, wanted.cron, wanted.version, dict(wanted.params), enabled=wanted.enabled
            )
        except ClusterUnavailable:
            raise  # it may have been made all the same
        except ClusterError:
            for one in [one for one in found if one.enabled][:1]:
                server.enable(one.id, True)
            raise
        return "updated" if found else "created"
    if keep is not None and keep.enabled != wanted.enabled:
        server.enable(keep.id, wanted.enabled)
        return "resumed" if wanted.enabled else "paused"
    return "unchanged"


def _delete(server: Server, name: str, those: Sequence[Recurring]) -> bool:
    for one in those:
        try:
            server.delete_recurring(one.id)
        except ClusterError:
            if any(still.id == one.id for still in server.recurring(name)):
                raise
    return bool(those)
