"""The bodies of the commands that act on a cluster."""

from dataclasses import asdict
from pathlib import Path

import typer

from perennial.errors import SettingsError
from perennial.settings import Settings
from perennial.task import Task
from perennial.terminal import RunView, console, show, show_json

_BAD = 2
_INTERRUPTED = 130
_STATES = {
    "created": "is scheduled now",
    "updated": "is scheduled anew",
    "resumed": "is scheduled again",
    "paused": "is paused",
    "unchanged": "is scheduled as before",
    "removed": "is scheduled no more",
    "none": "was not scheduled",
}


def run(task: Task, settings: Settings, package: Path | None, *, wait: bool, stuck_s: float, as_json: bool) -> None:
    """Start a run on the cluster, and follow it where ``wait`` says so."""
    from pipelines.cluster import start

    started = start(task, settings, package)
    console.print(f"Run {started} of task {task.name} is started.", markup=False)
    if wait:
        follow(started, settings, stuck_s=stuck_s, as_json=as_json, own=True)
        return
    console.print(f"Follow it: perennial follow {started}", markup=False)
    if as_json:
        show_json({"run": started})


def follow(run: str, settings: Settings, *, stuck_s: float, as_json: bool, own: bool = False) -> None:
    """Show a run's steps until it ends; a stuck one is ended where it is our ``own``. Ctrl-C leaves it alone."""
    from pipelines.cluster import follow as watch

    try:
        with RunView() as view:
            ended = watch(run, settings, view, _notice, stuck_s=stuck_s, end_stuck=own)
    except KeyboardInterrupt:
        console.print(f"The run goes on. Follow it again: perennial follow {run}", markup=False)
        raise typer.Exit(_INTERRUPTED) from None
    console.print(f"{ended.outcome}: {ended.sentence}", markup=False)
    if as_json:
        show_json({"run": ended.run, "outcome": ended.outcome, "sentence": ended.sentence})


def schedule(task: Task, settings: Settings, package: Path | None, *, pause: bool, remove: bool, as_json: bool) -> None:
    """Bring a task's recurring run in line with its file, or take it away."""
    from pipelines import schedules

    became = schedules.remove(task.name, settings) if remove else schedules.schedule(task, settings, package, pause=pause)
    if as_json:
        show_json({"task": task.name, "state": became.state, "cron": task.schedule, "left": list(became.left)})
        return
    off = pause or not task.schedule
    state = "paused" if off and became.state in ("created", "updated", "unchanged") else became.state
    when = "" if state in ("paused", "removed", "none") else f": {task.schedule} (UTC)"
    console.print(f"{task.name} {_STATES[state]}{when}", markup=False)
    again = f"perennial schedule {task.name}{' --remove' if remove else ' --pause' if pause else ''}"
    for run in became.left:
        console.print(
            f"The run {run} is under way and would end with the recurring run that started it, so that one is kept, paused; "
            f"'{again}' takes it away after its end.",
            markup=False,
        )


def list_schedules(settings: Settings, *, as_json: bool) -> None:
    """Print what is scheduled."""
    from pipelines.schedules import schedules

    found = schedules(settings)
    if as_json:
        show_json(found)
        return
    rows = [
        (one["task"], one["cron"], "on" if one["on"] else "paused", one["version"], one["state"], one["started"], one["run"])
        for one in found
    ]
    show(("task", "cron (UTC)", "state", "version", "last run", "started", "id"), rows)


def set_up(*, wait_s: float, own_bucket: bool, every: str, done: Path | None, secrets: Path | None) -> None:
    """Make what an installation lacks, once or again and again; what was said the time before isn't said again."""
    from perennial.operations.secret_files import SecretFiles
    from perennial.operations.set_up import set_up as make

    if own_bucket and secrets:
        raise SettingsError("--own-bucket is for clusters: on one host, MinIO and its users are set-up's. Leave one of both out.")
    said: set[str] = set()

    def once() -> None:
        lines: list[str] = []

        def say(line: str) -> None:
            lines.append(line)
            if line not in said:
                console.print(line, markup=False)

        make(Settings.load(), say, wait_s=wait_s, own_bucket=own_bucket, cluster=SecretFiles(secrets) if secrets else None)
        said.clear()
        said.update(lines)
        if done:
            done.touch()

    if not every:
        once()
        return
    from pipelines.repeat import interval, repeat

    repeat(once, interval(every), announce=False)


def doctor(settings: Settings, *, on_cluster: bool, as_json: bool) -> None:
    """Print what is there, missing or wrong; exit code 2 where something has to be done."""
    from perennial.operations.doctor import examine_cluster, examine_here
    from pipelines.doctor import examine_pipelines

    checks = [*examine_cluster(settings), *examine_pipelines(settings)] if on_cluster else examine_here(settings)
    if as_json:
        show_json([asdict(check) for check in checks])
    else:
        show(("what", "state", ""), [(check.what, check.state, check.sentence) for check in checks])
    if any(check.bad for check in checks):
        raise typer.Exit(_BAD)


def _notice(sentence: str) -> None:
    console.print(sentence, markup=False)
