"""A/B: two releases held side by side at a fixed share of the traffic, until one of them has shown that it is better."""

from datetime import UTC, datetime, timedelta

from perennial.catalog.catalog import Catalog
from perennial.deployment.deploy import Deployed, require_folder, silent
from perennial.deployment.endpoints import OUTCOME, REASON, HeldEndpoint, held_endpoint
from perennial.deployment.experiments import VersionFigures, enough, figures_by_version, winner
from perennial.deployment.judging import judge
from perennial.deployment.rollout import Rollout
from perennial.deployment.states import Progress, State
from perennial.deployment.world import since
from perennial.errors import EndpointError, ReleaseRejected
from perennial.registry import Registry
from perennial.serving.record import EndpointRecord, Hold
from perennial.serving.releases import ServedModel
from perennial.settings import Settings
from perennial.task import Task


def start(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    version: int,
    *,
    share: int = 50,
    seconds: float | None = None,
    answers: int | None = None,
    run_id: str = "by hand",
    progress: Progress = silent,
) -> Deployed:
    """Hold a version beside the champion; it is proved by its golden images before it gets ``share`` percent of the traffic.

    It ends after ``seconds``, or when each of the two has given so many ``answers``, whichever comes first; with neither, when
    it is stopped.

    Raises:
        RegistryError: there is no such version, or it was archived.
        EndpointError: it serves already, nothing serves yet, an A/B is under way, or traffic can't be split here.
        LeaseHeld: a deployment of this endpoint goes on.
        ClusterError: the endpoint is on a cluster, and that is away.
    """
    with held_endpoint(task.endpoint_name, catalog, registry, settings, run_id) as endpoint:
        record = endpoint.settle()
        champion, challenger = registry.champion(task.name), registry.version(task.name, version)
        if record.hold:
            raise EndpointError(f"An A/B is under way on '{endpoint.name}' already. End it first: perennial ab stop {task.name}")
        if champion is None or record.stable is None:
            raise EndpointError(f"Nothing serves '{task.name}' yet, so that there is nothing to compare with.")
        if champion.number == version:
            raise EndpointError(f"Version {version} is what serves '{task.name}'. Name another one: perennial models {task.name}")
        require_folder(catalog.objects, challenger)
        if obstacle := endpoint.world.obstacle or ("" if endpoint.world.asked else "No server of this endpoint runs here."):
            raise EndpointError(f"No A/B on '{endpoint.name}': {obstacle}")
        served = ServedModel(
            model=challenger.digest, version=version, backbone=challenger.backbone, keep_pictures=task.keep_pictures
        )
        release = endpoint.release_of({**endpoint.served(record.stable), task.name: served})
        registry.point(task.name, "challenger", version)
        reason = endpoint.advance(release, task.release, progress, until=State.SHIFTING)
        if reason:
            return _refused(endpoint, task, version, release, reason)
        now = datetime.now(UTC)
        until = now + timedelta(seconds=seconds) if seconds else None
        hold = Hold(
            task=task.name,
            champion=champion.number,
            challenger=version,
            share=share,
            began=now,
            until=until,
            answers=answers,
        )
        endpoint.world.apply(endpoint.book.note(release, "held", _ends(hold), share=share, hold=hold))
        sentence = (
            f"Version {version} of {task.name} gets {share} % of the traffic beside version {champion.number}, {_ends(hold)}."
        )
        return Deployed("held", version, release, "", sentence)


def stop(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    *,
    run_id: str = "by hand",
    progress: Progress = silent,
) -> Deployed:
    """End an A/B now and let the better one serve.

    Raises:
        EndpointError: none is under way for this task.
        LeaseHeld, ClusterError: as in :func:`start`.
    """
    with held_endpoint(task.endpoint_name, catalog, registry, settings, run_id) as endpoint:
        hold = endpoint.settle().hold
        if hold is None or hold.task != task.name:
            raise EndpointError(f"No A/B is under way for '{task.name}'. Start one: perennial ab start {task.name} VERSION")
        return decide(endpoint, task, hold, progress)


def tend(endpoint: HeldEndpoint, task: Task, hold: Hold, progress: Progress = silent) -> Deployed | None:
    """Look after an A/B: end it when its time has come or its canary went wrong; return how it ended, or None."""
    record = endpoint.book.read()
    if record.canary is None:
        return _finish(endpoint, task, hold, record)
    trouble = _trouble(endpoint, task, record)
    if trouble:
        Rollout(endpoint.book, endpoint.world, record.canary, task.release).roll_back(trouble)
        return _over(endpoint, _refused(endpoint, task, hold.challenger, record.canary, trouble))
    over = hold.until is not None and datetime.now(UTC) >= hold.until
    if not over and hold.answers is not None:
        over = enough(figures(endpoint.catalog, hold), hold.answers)
    return decide(endpoint, task, hold, progress) if over else None


def decide(endpoint: HeldEndpoint, task: Task, hold: Hold, progress: Progress = silent) -> Deployed:
    """End an A/B: the challenger goes on as any promotion where it is the better one, else it is taken away."""
    record = endpoint.book.read()
    if record.canary is None:
        return _finish(endpoint, task, hold, record)
    better, why = winner(*figures(endpoint.catalog, hold), task.release.confidence)
    if better != hold.challenger:
        Rollout(endpoint.book, endpoint.world, record.canary, task.release).roll_back(why)
        return _over(endpoint, _refused(endpoint, task, hold.challenger, record.canary, why))
    reason = endpoint.advance(record.canary, task.release, progress)
    if reason:
        return _over(endpoint, _refused(endpoint, task, hold.challenger, record.canary, reason))
    return _over(endpoint, _promoted(endpoint, task, better, record.canary, why))


def figures(catalog: Catalog, hold: Hold) -> tuple[VersionFigures, VersionFigures]:
    """Return what champion and challenger of an A/B answered since it began."""
    champion, challenger = figures_by_version(catalog, hold.task, (hold.champion, hold.challenger), hold.began)
    return champion, challenger


def _trouble(endpoint: HeldEndpoint, task: Task, record: EndpointRecord) -> str:
    canary, stable = str(record.canary), str(record.stable)
    try:
        endpoint.prepare(canary)  # a pod that was just moved to another node comes back
    except EndpointError:
        trouble = endpoint.world.look(canary).trouble or "its server ended"
        return f"It went away at {record.share} % of the traffic: {trouble}"
    counts = [since(endpoint.world.counts(release), {}) for release in (canary, stable)]
    try:
        judge(counts[0], counts[1], endpoint.world.bounds, task.release)
    except ReleaseRejected as rejected:
        return str(rejected)
    return ""


def _finish(endpoint: HeldEndpoint, task: Task, hold: Hold, record: EndpointRecord) -> Deployed:
    """Do what a killed run left of the end of an A/B: the alias moves last, and then nothing is held any more."""
    served = endpoint.served(record.stable).get(task.name)
    if served and served.version == hold.challenger:
        why = "an A/B whose run was killed before it said so has shown that it is better."
        return _over(endpoint, _promoted(endpoint, task, hold.challenger, str(record.stable), why))
    ended = record.last("rolled_back")
    release, why = (ended.release, ended.reason) if ended else ("", "its canary is gone")
    return _over(endpoint, _refused(endpoint, task, hold.challenger, release, why))


def _over(endpoint: HeldEndpoint, deployed: Deployed) -> Deployed:
    endpoint.book.change(lambda record: record.model_copy(update={"hold": None}))
    return deployed


def _promoted(endpoint: HeldEndpoint, task: Task, version: int, release: str, why: str) -> Deployed:
    endpoint.point(task.name, endpoint.registry.version(task.name, version), "promoted")
    _unpoint(endpoint, task, version)
    return Deployed("promoted", version, release, why, f"Version {version} of {task.name} serves: {why}")


def _refused(endpoint: HeldEndpoint, task: Task, version: int, release: str, reason: str) -> Deployed:
    endpoint.registry.tag(task.name, version, {OUTCOME: "rolled_back", REASON: reason})
    _unpoint(endpoint, task, version)
    sentence = f"Version {version} of {task.name} was taken back: {reason.rstrip('.')}. What served before serves on."
    return Deployed("rolled_back", version, release, reason, sentence)


def _unpoint(endpoint: HeldEndpoint, task: Task, version: int) -> None:
    """Take the challenger's alias away, unless it is a promotion's that waits by now."""
    challenger = endpoint.registry.aliased(task.name, "challenger")
    if challenger and challenger.number == version:
        endpoint.registry.unpoint(task.name, "challenger")


def _ends(hold: Hold) -> str:
    ends = [f"until {hold.until:%Y-%m-%d %H:%M} UTC"] if hold.until else []
    ends += [f"until each has given {hold.answers} answers"] if hold.answers else []
    return " or ".join(ends) or "until it is stopped"
