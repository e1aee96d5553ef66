"""The command line: one verb for each thing that a user does."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from perennial import (
    __version__,
    cli_ab,
    cli_backbones,
    cli_catalog,
    cli_feedback,
    cli_inbox,
    cli_releases,
    cli_review,
    cli_serve,
    cli_sources,
    cli_tidy,
)
from perennial import cli_cluster as cluster
from perennial.catalog.objects import Objects
from perennial.cli_tasks import DEMO, Json, TaskName, load, load_or_find, tasks_that_ran
from perennial.errors import PerennialError, SettingsError
from perennial.settings import Settings, read_secret_files
from perennial.task import Task
from perennial.terminal import RunView, console, show_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Image classifiers that keep learning.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_catalog.catalog, name="catalog")
app.add_typer(cli_review.review, name="review")
app.add_typer(cli_feedback.app, name="feedback")
app.add_typer(cli_backbones.app, name="backbones")
app.add_typer(cli_ab.ab, name="ab")
app.add_typer(cli_sources.app, name="sources")

Package = Annotated[
    Path | None, typer.Option("--package", metavar="FILE", help="A compiled pipeline to take, instead of compiling it now.")
]
Stuck = Annotated[str, typer.Option("--stuck", metavar="TIME", help="How long a pod may be unable to start: 90s, 5m.")]


def main() -> None:
    """Run the command line; a mistake is one sentence on standard error and exit code 2."""
    try:
        read_secret_files()
        app()
    except PerennialError as error:
        console.print(str(error), markup=False)
        sys.exit(2)
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        console.print(f"The system refused: {what}. Mend that and run the command again.", markup=False)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of the new task.")],
    from_folder: Annotated[
        Path, typer.Option("--from-folder", metavar="DIR", help="Folder with a subfolder of pictures for each class.")
    ],
    network: Annotated[str, typer.Option(help="A torchvision classification network; resnet50, if none is named.")] = "",
    weights: Annotated[
        str, typer.Option(help="auto (pretrained, the default), random:SEED, or a .safetensors or .pth file.")
    ] = "",
) -> None:
    """Write a task for one's own pictures."""
    from perennial.operations.own_pictures import task_from_folder

    path, counts = task_from_folder(name, from_folder, network=network, weights=weights, tasks=Settings.load().tasks)
    console.print(f"{path}: {', '.join(f'{cls} ({count})' for cls, count in counts.items())}", markup=False)
    console.print(f"Next: perennial run {name} --serve", markup=False)


@app.command()
def run(
    task: TaskName,
    every: Annotated[str, typer.Option(metavar="TIME", help="Go on, a run each TIME: 30m, 6h, 1d.")] = "",
    serve: Annotated[bool, typer.Option("--serve", help="Serve the endpoint afterwards.")] = False,
    on_cluster: Annotated[bool, typer.Option("--cluster", help="Start it on the cluster instead.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="With --cluster: follow it to its end.")] = False,
    package: Package = None,
    stuck: Stuck = "5m",
    as_json: Json = False,
) -> None:
    """Scrape, label, embed, train, evaluate, gate and deploy, here or on the cluster."""
    from pipelines.repeat import interval, repeat

    settings, loaded = load(task)
    if on_cluster:
        if every or serve:
            raise SettingsError("--every and --serve are for runs on this machine: on the cluster, use 'perennial schedule'.")
        cluster.run(loaded, settings, package, wait=wait, stuck_s=interval(stuck), as_json=as_json)
        return
    if wait or package:
        raise SettingsError("--wait and --package are for runs on the cluster: add --cluster.")
    if every:
        repeat(lambda: _run_once(loaded, settings), interval(every))
    ended = _run_once(loaded, settings)
    if as_json:
        show_json(ended)
    if serve:
        _serve(loaded, settings)


@app.command()
def follow(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run on the cluster.")],
    stuck: Stuck = "5m",
    as_json: Json = False,
) -> None:
    """Follow the steps of a run on the cluster to its end."""
    from pipelines.repeat import interval

    cluster.follow(run, Settings.load(), stuck_s=interval(stuck), as_json=as_json)


@app.command()
def schedule(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="Without one, list what is scheduled.")] = "",
    package: Package = None,
    pause: Annotated[bool, typer.Option("--pause", help="Start nothing until it is scheduled again.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the recurring run away.")] = False,
    as_json: Json = False,
) -> None:
    """Make the cluster run a task as often as its file says."""
    if not task:
        cluster.list_schedules(Settings.load(), as_json=as_json)
        return
    settings, loaded = load(task)
    cluster.schedule(loaded, settings, package, pause=pause, remove=remove, as_json=as_json)


app.command()(cli_serve.serve)
app.command()(cli_serve.fetch)
app.command()(cli_serve.predict)
app.command()(cli_releases.models)
app.command()(cli_releases.releases)
app.command()(cli_releases.rollback)
app.command()(cli_releases.reconcile)
app.command()(cli_inbox.inbox)
app.command()(cli_tidy.tidy)


@app.command()
def finetune(task: TaskName) -> None:
    """Have the next run fine-tune the backbone, also where nothing is new."""
    from perennial.operations.finetuning import ask

    settings, loaded = load(task)
    ask(loaded, Objects.open(settings.store_url), "asked for by hand")
    console.print(f"The next run of {loaded.name} fine-tunes its backbone.", markup=False)


@app.command()
def report(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="By default the only one that ever ran here.")] = "",
    as_json: Json = False,
) -> None:
    """Tell what the runs learnt, from catalog and registry alone."""
    from perennial.operations.report import render
    from perennial.operations.report import report as make

    settings, loaded = load_or_find(task)
    facts = make(loaded, settings)
    if as_json:
        show_json(facts)
    else:
        console.print(render(facts))


@app.command()
def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End when the story is told.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bundled site's buildings and dates.")] = 0,
    as_json: Json = False,
) -> None:
    """Show the whole loop on the bundled site."""
    from perennial.operations.demo import tell

    facts = tell(Settings.load(), seed=seed, serve=not no_serve)
    if as_json:
        show_json(facts)


@app.command()
def dashboard(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="The one that is shown first.")] = "",
) -> None:
    """Start the dashboard's server, on loopback unless PERENNIAL_HOST says otherwise."""
    from perennial.operations.dashboard import start

    settings, first = Settings.load(), ""
    if task:
        settings, loaded = load(task)
        first = loaded.name
    elif settings.apart(DEMO).home.is_dir() and not tasks_that_ran(settings):
        settings = settings.apart(DEMO)
    console.print(f"The dashboard is at http://{settings.host}:{settings.dashboard_port}; Ctrl-C ends it.", markup=False)
    board = start(settings, first)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # in a pod, nothing would end the first process otherwise
    try:
        raise typer.Exit(board.wait())
    except KeyboardInterrupt:
        board.terminate()
        board.wait()


@app.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="file:///folder or s3://bucket/prefix.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Likewise.")],
    gathered: Annotated[
        bool, typer.Option("--gathered", help="Only images, labels and embeddings, for a new installation to learn from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy a store: a backup, its way back, or a move to a bucket. What is there already is left out."""
    from perennial.operations.copy import GATHERED
    from perennial.operations.copy import copy as copy_objects

    with RunView() as view:
        copied = copy_objects(
            Objects.open(source, make=False),
            Objects.open(target),
            folders=GATHERED if gathered else (),
            progress=lambda done, total: view("copy", "progress", f"{done} of {total}"),
        )
    if as_json:
        show_json({"objects": copied.objects, "bytes": copied.bytes, "kept": copied.kept})
        return
    console.print(
        f"{copied.objects} objects ({copied.bytes / 1e6:.1f} MB) copied, {copied.kept} were there already.", markup=False
    )


@app.command("set-up")
def set_up(
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for MinIO, and for MLflow.")] = 300,
    own_bucket: Annotated[
        bool, typer.Option("--own-bucket", help="The bucket and its users are looked after elsewhere; no MinIO is touched.")
    ] = False,
    every: Annotated[str, typer.Option(metavar="TIME", help="Do it again each TIME, as in a pod: 5m.")] = "",
    done: Annotated[Path | None, typer.Option(metavar="FILE", help="File to touch each time that all was done.")] = None,
    secrets: Annotated[
        Path | None, typer.Option(metavar="DIR", help="On one host: the folder of secrets, instead of a cluster's.")
    ] = None,
) -> None:
    """Make what an installation on a cluster or one host lacks: Secrets, bucket, users. Changes nothing that is there."""
    cluster.set_up(wait_s=wait, own_bucket=own_bucket, every=every, done=done, secrets=secrets)


@app.command()
def doctor(
    on_cluster: Annotated[bool, typer.Option("--cluster", help="The installation on the cluster, instead of this one.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is missing or wrong, and what to do about it."""
    cluster.doctor(Settings.load(), on_cluster=on_cluster, as_json=as_json)


def _run_once(task: Task, settings: Settings) -> dict[str, Any]:
    from pipelines.here import run_here

    with RunView() as view:
        ended = run_here(task, settings, view)
    console.print(f"{task.name}: {ended.outcome}", markup=False)
    return {"run": ended.run, "outcome": ended.outcome, "sentence": ended.sentence, "log": str(ended.log)}


def _serve(task: Task, settings: Settings) -> None:
    from perennial.serving.server import serve as serve_endpoint

    serve_endpoint(task.endpoint_name, settings)
