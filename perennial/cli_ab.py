"""The commands about A/B tests: two versions of a task's model side by side, until one of them goes on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.catalog.objects import Objects
from perennial.cli_tasks import Json, TaskName, load, open_catalog
from perennial.errors import EndpointError
from perennial.settings import Settings
from perennial.task import Task
from perennial.terminal import RunView, console, show, show_json

if TYPE_CHECKING:
    from perennial.deployment.experiments import VersionFigures
    from perennial.evaluation.bootstrap import Interval
    from perennial.serving.record import Hold

ab = typer.Typer(no_args_is_help=True, help="Try a version beside the one that serves.")


@ab.command()
def start(
    task: TaskName,
    version: Annotated[int, typer.Argument(help="The version to try.")],
    share: Annotated[int, typer.Option(min=1, max=99, metavar="PERCENT", help="Its part of the traffic.")] = 50,
    length: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30m, 2h, 1d; else until it is stopped.")] = "",
    answers: Annotated[int | None, typer.Option(min=1, help="End it earlier, once each version gave so many answers.")] = None,
) -> None:
    """Hold two versions at a fixed split; promotions wait until the end, when the better one goes on."""
    from perennial.deployment.holding import start as begin
    from perennial.registry import Registry
    from pipelines.repeat import interval

    seconds = interval(length) if length else None
    settings, loaded = load(task)
    catalog, registry = open_catalog(settings), Registry(settings.mlflow_uri)
    with RunView() as view:
        held = begin(
            loaded,
            catalog,
            registry,
            settings,
            version,
            share=share,
            seconds=seconds,
            answers=answers,
            progress=lambda done, total: view("deploy", "progress", f"{done} of {total}"),
        )
    console.print(held.sentence, markup=False)


@ab.command()
def stop(task: TaskName) -> None:
    """End it now; the better version goes on."""
    from perennial.deployment.holding import stop as end
    from perennial.registry import Registry

    settings, loaded = load(task)
    with RunView() as view:
        ended = end(
            loaded,
            open_catalog(settings),
            Registry(settings.mlflow_uri),
            settings,
            progress=lambda done, total: view("deploy", "progress", f"{done} of {total}"),
        )
    console.print(ended.sentence, markup=False)


@ab.command("show")
def show_figures(task: TaskName, as_json: Json = False) -> None:
    """Compare what both versions answered so far, and say which one would go on."""
    from perennial.deployment.experiments import figures_by_version, winner

    settings, loaded = load(task)
    hold, level = _held(settings, loaded), loaded.release.confidence
    versions = (hold.champion, hold.challenger)
    champion, challenger = figures_by_version(open_catalog(settings), loaded.name, versions, hold.began, hold.until, level=level)
    version, sentence = winner(champion, challenger, level)
    if as_json:
        told = {"figures": [champion.model_dump(), challenger.model_dump()], "confidence": level}
        show_json({**hold.model_dump(mode="json"), **told, "winner": version, "sentence": sentence})
        return
    console.print(_said(hold), markup=False)
    show(_COLUMNS, _rows({"champion": champion, "challenger": challenger}))
    console.print(f"If it ended now: {sentence}", markup=False)


_COLUMNS = ("version", "alias", "answers", "share", "unfamiliar", "sure", "p50", "p95", "right", "of feedback")


def _held(settings: Settings, task: Task) -> "Hold":
    """Return the A/B test of a task.

    Raises:
        EndpointError: there is none.
    """
    from perennial.serving.record import read_record

    hold = read_record(Objects.open(settings.store_url), task.endpoint_name).hold
    if hold is None or hold.task != task.name:
        other = f", but one with {hold.task}" if hold else ""
        raise EndpointError(
            f"There is no A/B test with {task.name} on the endpoint '{task.endpoint_name}'{other}. "
            f"Start one with 'perennial ab start {task.name} VERSION'."
        )
    return hold


def _said(hold: "Hold") -> str:
    """Say what is held, and until when."""
    ends = [f"at {_minute(hold.until)}"] if hold.until else []
    ends += [f"once each gave {hold.answers} answers"] if hold.answers else []
    return (
        f"{hold.task}: version {hold.challenger} gets {hold.share} % of the traffic beside version {hold.champion} "
        f"since {_minute(hold.began)}; it ends {' or '.join(ends) or 'when it is stopped'}."
    )


def _rows(figures: "dict[str, VersionFigures]") -> list[Sequence[object]]:
    return [(one.version, alias, one.answers, *_cells(one), one.judged) for alias, one in figures.items()]


def _cells(one: "VersionFigures") -> tuple[str, ...]:
    sure = "" if one.probability is None else f"{100 * one.probability:.1f} %"
    return _percent(one.share), _percent(one.unfamiliar), sure, _ms(one.p50_s), _ms(one.p95_s), _percent(one.right)


def _percent(share: "Interval | None") -> str:
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})" if share else ""


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f} ms"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
