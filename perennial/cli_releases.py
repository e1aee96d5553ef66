"""Commands about what endpoints serve: ``perennial models``, ``releases``, ``rollback`` and ``reconcile``."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perennial.catalog.objects import Objects
from perennial.cli_tasks import Json, TaskName, load, open_catalog, with_state
from perennial.errors import EndpointError, ReleaseRejected
from perennial.settings import Settings
from perennial.terminal import RunView, console, show, show_json

if TYPE_CHECKING:
    from perennial.registry import Version

Endpoint = Annotated[str, typer.Option("--endpoint", metavar="NAME", help="An endpoint, by its name.")]


def releases(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="Without one, those of all endpoints.")] = "",
    as_json: Json = False,
) -> None:
    """List what endpoints serve and served."""
    from perennial.deployment.releases import list_releases
    from perennial.operations.endpoints import known_endpoints

    if task:
        settings, loaded = load(task)
        names = [loaded.endpoint_name]
    else:
        settings = with_state()
        names = known_endpoints(Objects.open(settings.store_url))
    objects = Objects.open(settings.store_url)
    known = [{"endpoint": name, **event} for name in names for event in list_releases(objects, name)]
    if as_json:
        show_json(known)
        return
    latest = {(event["endpoint"], event["release"]): event for event in known}
    rows = [(r["endpoint"], r["release"], r["models"], r["role"], r["state"], r["at"][:16], r["reason"]) for r in latest.values()]
    show(("endpoint", "release", "models", "role", "state", "since (UTC)", "reason"), rows)


def rollback(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="A task's name, or the path of its YAML file.")] = "",
    version: Annotated[int | None, typer.Argument(help="Version to go back to; by default the one before.")] = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="NAME", help="Instead of a task: all of an endpoint, to what it served before.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; it stands in the registry and the endpoint's history.")] = "by hand",
    as_json: Json = False,
) -> None:
    """Serve an earlier version of a task's model again, or all that an endpoint served before."""
    from perennial.registry import Registry

    if bool(task) == bool(endpoint):
        raise EndpointError("Say what to roll back: 'perennial rollback TASK [VERSION]' or 'perennial rollback --endpoint NAME'.")
    facts: dict[str, Any]
    if endpoint:
        from perennial.deployment.reconcile import flip

        settings = with_state()
        sentence = flip(endpoint, open_catalog(settings), Registry(settings.mlflow_uri), settings, reason)
        facts = {"endpoint": endpoint, "outcome": "flipped", "sentence": sentence}
    else:
        from perennial.deployment.deploy import rollback as go_back

        settings, loaded = load(task)
        with RunView() as view:
            deployed = go_back(
                loaded,
                open_catalog(settings),
                Registry(settings.mlflow_uri),
                settings,
                version,
                reason,
                progress=lambda done, total: view("deploy", "progress", f"{done} of {total}"),
            )
        facts = asdict(deployed)
    if as_json:
        show_json(facts)
    if facts["outcome"] == "rolled_back":
        raise ReleaseRejected(str(facts["sentence"]))
    if not as_json:
        console.print(str(facts["sentence"]), markup=False)


def reconcile(
    endpoint: Endpoint = "",
    as_json: Json = False,
) -> None:
    """Bring endpoints in line: take over what was done by hand, end A/Bs, release new server code, scale down."""
    from perennial.operations.endpoints import reconcile_all

    settings = Settings.load() if endpoint else with_state()
    told: list[dict[str, str]] = []
    try:
        with RunView() as view:
            for name, sentence in reconcile_all(
                settings,
                [endpoint] if endpoint else [],
                lambda done, total: view("deploy", "progress", f"{done} of {total}"),
            ):
                told.append({"endpoint": name, "sentence": sentence})
    finally:
        if as_json:
            show_json(told)
        else:
            for one in told:
                console.print(one["sentence"], markup=False)
    if not told and not as_json:
        console.print("Nothing to do.", markup=False)


def models(task: TaskName, as_json: Json = False) -> None:
    """List the versions of a task's model."""
    from perennial.registry import Registry

    settings, loaded = load(task)
    versions = Registry(settings.mlflow_uri).versions(loaded.name)
    if as_json:
        show_json(
            [
                {"version": v.number, "digest": v.digest, "aliases": v.aliases, "run": v.run, "backbone": v.backbone}
                | {"archived": v.archived}
                for v in versions
            ]
        )
        return
    rows = [(v.number, v.digest[:12], f"{v.created:%Y-%m-%d %H:%M}", _standing(v)) for v in versions]
    show(("version", "model", "made (UTC)", "alias"), rows)


def _standing(version: "Version") -> str:
    return " ".join([*version.aliases, *([f"archived {version.archived}"] if version.archived else [])])
