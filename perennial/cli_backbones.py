"""The commands about frozen networks and what computes them."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from perennial.cli_tasks import Json, load
from perennial.errors import SettingsError
from perennial.settings import Settings
from perennial.task import BackboneSpec
from perennial.terminal import console, show, show_json

if TYPE_CHECKING:
    from perennial.operations.engines import Bench

app = typer.Typer(no_args_is_help=True, help="Look at the networks that turn images into embeddings.")

_DEFAULT = BackboneSpec()


@app.callback()
def _backbones() -> None:
    """Keep ``bench`` a command of its own, which a lone one otherwise isn't."""


@app.command()
def bench(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="Measure the network of a task, with its pictures.")] = "",
    network: Annotated[str, typer.Option(help="Without a task: a torchvision network.")] = _DEFAULT.network,
    weights: Annotated[str, typer.Option(help="Without a task: auto, random:SEED, a .safetensors or .pth file.")] = "random:0",
    crop: Annotated[int, typer.Option(min=16, help="Without a task: side of the square that it sees.")] = _DEFAULT.crop,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="How often each has its turn.")] = 15,
    as_json: Json = False,
) -> None:
    """Measure engines and precisions on this machine; Ctrl-C ends it with the rounds that were done."""
    from perennial.operations.engines import measure

    if task:
        if (network, weights, crop) != (_DEFAULT.network, "random:0", _DEFAULT.crop):
            raise SettingsError("--network, --weights and --crop are for measuring without a task; its file names its own.")
        settings, loaded = load(task)
        spec = loaded.backbone
    else:
        settings, loaded = Settings.load(), None
        spec = BackboneSpec(network=network, weights=weights, crop=crop, resize=max(crop, _DEFAULT.resize))
    with Progress(
        TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        shown = bar.add_task("export")
        found = measure(
            spec, settings, rounds, lambda word, done, of: bar.update(shown, description=word, completed=done, total=of), loaded
        )
    if as_json:
        show_json(found.facts)
        return
    _tell(found, task)


def _tell(found: "Bench", task: str) -> None:
    show(
        ("engine", "precision", "ms, 1 image", "ms each of 8", "times as fast", "of 8", "cosine to fp32", "same answers", ""),
        [
            (
                row.figures.engine,
                row.figures.precision,
                *(f"{ms:.2f}" for ms in row.figures.ms.values()),
                *(f"{ratio:.2f}" for ratio in row.figures.faster.values()),
                f"{row.figures.cosine:.4f}",
                "" if row.same is None else f"{row.same:.1%}",
                "baseline" if row.figures.baseline else "",
            )
            for row in found.rows
        ],
    )
    source = "drawn pictures" if found.drawn else "pictures of the task"
    told = f"{found.network}, {found.threads} threads, {found.rounds} rounds in turns, {found.pictures} {source}; this CPU has "
    console.print(told + (", ".join(found.cpu) or "no instructions that are known here") + ".", markup=False)
    for why in dict.fromkeys(found.left_out.values()):
        console.print(f"{', '.join(what for what, other in found.left_out.items() if other == why)}: {why}", markup=False)
    where = f"of task {task}'s file" if task else "of a task's file"
    console.print(
        f"Next: set backbone.engine and backbone.precision {where}; the next run exports that backbone, embeds the images with "
        "it, and its gate judges accuracy and speed together.",
        markup=False,
    )
