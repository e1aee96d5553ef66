"""An installation on this machine: tasks, store, MLflow, weights, room and ports."""

import shutil
import socket
from collections.abc import Iterator
from functools import partial

from perennial.catalog.objects import Objects
from perennial.errors import PerennialError
from perennial.operations.doctor.check import PROBE, Check, guarded
from perennial.settings import Settings
from perennial.task import Task, load_task

_LITTLE_BYTES = 2 * 2**30


def examine_here(settings: Settings) -> list[Check]:
    """Return all checks of this machine's installation."""
    return [
        *guarded("tasks", lambda: _tasks(settings)),
        *guarded("store", lambda: _store(settings)),
        *guarded("MLflow", lambda: _mlflow(settings)),
        *guarded("room", lambda: _room(settings)),
        *guarded("ports", lambda: _ports(settings)),
    ]


def _tasks(settings: Settings) -> Iterator[Check]:
    """Check each task file, and the weights that its backbone starts from."""
    files = sorted(settings.tasks.glob("*.yaml"))
    if not files:
        yield Check("tasks", "ok", f"none in {settings.tasks} yet; 'perennial init NAME --from-folder DIR' writes one")
    for file in files:
        try:
            task = load_task(str(file))
        except PerennialError as error:
            yield Check(f"task {file.stem}", "wrong", str(error))
        else:
            yield Check(f"task {file.stem}", "ok", f"{len(task.classes)} classes")
            yield from guarded(f"weights of {file.stem}", partial(_weights, task))


def _weights(task: Task) -> Iterator[Check]:
    from perennial.backbones.weights import identity

    what, weights = f"weights of {task.name}", task.backbone.weights
    if weights == "auto":
        yield Check(what, "ok", f"{task.backbone.network}'s pretrained ones, fetched when they are first needed")
    elif identity(weights) is None:
        yield Check(what, "missing", f"There is no file {weights} (backbone.weights). Put it there, or correct the path.")
    else:
        yield Check(what, "ok", weights)


def _store(settings: Settings) -> Iterator[Check]:
    if not settings.store and not settings.home.is_dir():
        yield Check("store", "ok", f"{settings.store_url}, made by the first run")
        return
    objects = Objects.open(settings.store_url)
    objects.put(PROBE, b"by perennial doctor")
    objects.delete(PROBE)
    yield Check("store", "ok", f"{settings.store_url} can be written")


def _mlflow(settings: Settings) -> Iterator[Check]:
    from perennial.registry import Registry

    if not settings.mlflow and not (settings.home / "mlflow.db").is_file():
        yield Check("MLflow", "ok", f"{settings.mlflow_uri}, made by the first run")
        return
    Registry(settings.mlflow_uri).versions("doctor")
    yield Check("MLflow", "ok", settings.mlflow_uri)


def _room(settings: Settings) -> Iterator[Check]:
    home = settings.home.resolve()
    folder = next(one for one in (home, *home.parents) if one.is_dir())
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < _LITTLE_BYTES:
        yield Check("room", "wrong", f"Only {said}: free some, or move PERENNIAL_HOME.")
    else:
        yield Check("room", "ok", said)


def _ports(settings: Settings) -> Iterator[Check]:
    ports = {"endpoint (REST)": settings.http_port, "endpoint (gRPC)": settings.grpc_port, "dashboard": settings.dashboard_port}
    for who, port in ports.items():
        with socket.socket() as caller:
            caller.settimeout(1)
            taken = caller.connect_ex((settings.host, port)) == 0
        yield Check(
            f"port {port}", "ok", f"something listens there, for the {who} or in its place" if taken else f"free for the {who}"
        )
