"""Bringing an endpoint in line with its record and the registry, whatever happened to it since the last deployment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from perennial.catalog.catalog import Catalog
from perennial.deployment import holding
from perennial.deployment.deploy import Deployed, promote, silent
from perennial.deployment.endpoints import HeldEndpoint, held_endpoint
from perennial.deployment.states import Progress
from perennial.errors import EndpointError
from perennial.registry import Registry
from perennial.serving.record import EndpointRecord, Event, Queued
from perennial.serving.releases import read_release
from perennial.settings import Settings
from perennial.task import ReleaseSpec, Task

ABANDONED_S = 900.0
"""A canary that nobody has moved for so long isn't the work of a run that will be tried again."""

_ENDS = ("stable", "flipped", "rolled_back")

Definitions = Callable[[str], Task]
"""Gives the present definition of a task."""


@dataclass(frozen=True)
class Reconciled:
    """What was done, a sentence each, and the tasks of whose promotions that waited a new run has to judge anew."""

    sentences: tuple[str, ...]
    superseded: tuple[str, ...] = ()


def reconcile(
    endpoint: str,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    definitions: Definitions,
    *,
    run_id: str = "reconcile",
    wait_s: float = 0,
    progress: Progress = silent,
) -> Reconciled:
    """Do what an endpoint asks for, in this order; nothing where nothing is to do.

    Traffic that people moved by hand is taken over; an A/B whose time has come ends; a canary that a killed run left goes; what
    served before the last promotion is scaled down when its time is over; new server code goes the way of any release; promotions
    that waited for an A/B are made; and what else differs from the record is put right.

    Raises:
        LeaseHeld: a deployment of this endpoint goes on for longer than ``wait_s``.
        ClusterError: the endpoint is on a cluster, and that is away or lacks what the manifests make.
    """
    with held_endpoint(endpoint, catalog, registry, settings, run_id, wait_s) as held:
        sentences = list(_done(held, definitions, progress))
        superseded = []
        for task, deployed in _queued(held, definitions, progress):
            sentences.append(deployed.sentence)
            superseded += [task] if deployed.outcome == "superseded" else []
        held.world.apply(held.book.read())
        return Reconciled(tuple(sentences), tuple(superseded))


def flip(
    endpoint: str,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    reason: str,
    *,
    run_id: str = "by hand",
) -> str:
    """Let the release that served before serve again, all tasks of it, and return a sentence of what serves now.

    Raises:
        EndpointError: there is none, or a canary is under way.
        LeaseHeld: a deployment of this endpoint goes on.
        ClusterError: the endpoint is on a cluster, and that is away.
    """
    with held_endpoint(endpoint, catalog, registry, settings, run_id) as held:
        record = held.settle()
        if record.canary:
            raise EndpointError(
                f"A canary is under way on the endpoint '{endpoint}', and it has the place of the previous release. End the A/B "
                "first, or run 'perennial reconcile'."
            )
        if record.previous is None:
            raise EndpointError(
                f"The endpoint '{endpoint}' has no previous release to go back to. 'perennial rollback TASK VERSION' makes a new "
                "one from any version."
            )
        held.prepare(record.previous)
        record = held.flip(reason)
        held.settle()
        return f"{endpoint} serves {_named(held, record)} again: {reason}."


def _done(held: HeldEndpoint, definitions: Definitions, progress: Progress) -> Iterator[str]:
    flipped = held.book.read().stable
    record = held.settle()
    if record.stable != flipped:
        yield f"{held.name} serves {_named(held, record)}: {_reason(record)}."
    if record.hold:
        ended = holding.tend(held, definitions(record.hold.task), record.hold, progress)
        if ended:
            yield ended.sentence
    elif record.canary and _older(record.last(), ABANDONED_S):
        yield _abandon(held, record.canary)
    rules = _rules(held, definitions)
    if rules is None or held.book.read().hold:
        return
    if _baked(held.book.read(), rules):
        yield _retire(held)
    yield from _new_code(held, rules, progress)


def _abandon(held: HeldEndpoint, canary: str) -> str:
    reason = "its run ended before it was stable"
    held.world.apply(held.book.note(canary, "undone", reason, canary=None, state=None, share=0))
    return f"The canary {canary[:12]} of {held.name} was taken away: {reason}."


def _baked(record: EndpointRecord, rules: ReleaseSpec) -> bool:
    return bool(record.previous) and not record.retired and _older(record.last("stable", "flipped"), rules.bake_s)


def _retire(held: HeldEndpoint) -> str:
    record = held.book.read()
    held.world.apply(held.book.note(str(record.previous), "retired", retired=True))
    return f"The previous release {str(record.previous)[:12]} of {held.name} is scaled down; going back to it starts it again."


def _new_code(held: HeldEndpoint, rules: ReleaseSpec, progress: Progress) -> Iterator[str]:
    """Release the same models on new server code, unless that was taken back, by its proof or by an operator.

    Another canary has the way before it; its own, which a killed reconciliation left, is taken on to its end.
    """
    record = held.book.read()
    served = held.served(record.stable)
    if not served or read_release(held.catalog.objects, held.name, str(record.stable))[1].code == held.world.code:
        return
    late = [task for task, one in served.items() if (champion := held.registry.champion(task)) and champion.digest != one.model]
    if late:
        yield f"{held.name} waits with its server's new code for the next run of {late[0]}: the last one was killed at its end."
        return
    release = held.release_of(served)
    if record.canary not in (None, release):
        return
    ended = next((event for event in reversed(record.history) if event.release == release and event.state in _ENDS), None)
    if ended and ended.state == "rolled_back":
        yield f"{held.name} stays on its server's code: {held.world.code} was taken back: {ended.reason.rstrip('.')}."
        return
    reason = held.advance(release, rules, progress)
    if reason:
        yield f"The server's new code {held.world.code} was taken back: {reason.rstrip('.')}. What served before serves on."
    else:
        yield f"{held.name} runs the server's new code {held.world.code}."


def _queued(held: HeldEndpoint, definitions: Definitions, progress: Progress) -> Iterator[tuple[str, Deployed]]:
    """Make the promotions that waited; yields each task and what became of its."""
    record = held.book.read()
    for waiting in () if record.hold or record.canary else record.queue:
        task = definitions(waiting.task)
        version = next(one for one in held.registry.versions(waiting.task) if one.digest == waiting.model)
        deployed = promote(held, task, version, waiting.champion, progress)
        held.book.change(lambda now, done=waiting: _without(now, done))  # type: ignore[misc]
        yield waiting.task, deployed


def _without(record: EndpointRecord, done: Queued) -> EndpointRecord:
    return record.model_copy(update={"queue": tuple(one for one in record.queue if one != done)})


def _rules(held: HeldEndpoint, definitions: Definitions) -> ReleaseSpec | None:
    """Return how releases of this endpoint prove themselves: as the task of its name says, else the first of its tasks."""
    tasks = sorted(held.served(held.book.read().stable), key=lambda task: (task != held.name, task))
    return definitions(tasks[0]).release if tasks else None


def _named(held: HeldEndpoint, record: EndpointRecord) -> str:
    return ", ".join(f"{task} v{served.version}" for task, served in held.served(record.stable).items())


def _reason(record: EndpointRecord) -> str:
    event = record.last("flipped", "stable")
    return event.reason if event else ""


def _older(event: Event | None, seconds: float) -> bool:
    return event is None or datetime.now(UTC) - event.at > timedelta(seconds=seconds)
