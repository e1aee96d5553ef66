"""The deployer in a process of its own, which may be killed: ``python -m tests.cluster.deployer offer TASK_FILE VERSION``.

``offer`` is the pipeline's deploy step without its pod, for a version that is registered already; it prints how that ended as
JSON. ``perennial ...`` is the command line. KILL_AFTER=3 kills the process, as kill -9 does, as soon as the API server has done
the third change that it was asked for.
"""

import dataclasses
import json
import os
import signal
import sys
from typing import Any

from perennial.kube.api import Kube


def kill_after(changes: int) -> None:
    """Count what this process changes on the cluster, and end it without any warning after so many changes."""
    call, done = Kube._call, 0

    def counted(self: Kube, verb: str, path: str, *arguments: Any, **named: Any) -> bytes:
        nonlocal done
        answer = call(self, verb, path, *arguments, **named)
        if verb != "GET" and "/proxy" not in path:
            done += 1
            if done == changes:
                sys.stderr.write(f"killed after {verb} {path}\n")
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Kube._call = counted  # type: ignore[method-assign]


def offer(task_file: str, number: str) -> dict[str, Any]:
    """Deploy a version as a run's challenger that was judged against the present champion."""
    from perennial.cli_tasks import load, open_catalog
    from perennial.deployment.deploy import deploy
    from perennial.registry import Registry

    settings, task = load(task_file)
    registry = Registry(settings.mlflow_uri)
    champion = registry.champion(task.name)
    deployed = deploy(
        task,
        open_catalog(settings),
        registry,
        settings,
        registry.version(task.name, int(number)).digest,
        champion.digest if champion else None,
        run_id="offered-by-a-test",
    )
    return dataclasses.asdict(deployed)


def main(what: str, *arguments: str) -> None:
    """Do what is asked for."""
    if changes := int(os.environ.get("KILL_AFTER", "0")):
        kill_after(changes)
    if what == "offer":
        sys.stdout.write(json.dumps(offer(*arguments)) + "\n")
        return
    from perennial.cli import main as perennial

    sys.argv = ["perennial", *arguments]
    perennial()


if __name__ == "__main__":
    main(*sys.argv[1:])
