"""Where a run's time goes on a cluster, from its pods and their logs: ``python -m tests.cluster.timing RUN_ID``."""

import datetime as dt
import itertools
import re
import sys
from dataclasses import dataclass
from typing import Any

from tests.cluster import kubectl as k

LINE = re.compile(r"(?P<at>\S+) \[perennial\] (?P<step>[a-z]+) (?P<kind>progress|done|error): ")


@dataclass(frozen=True)
class PodTime:
    """Seconds of one pod, in the order in which they pass.

    ``waited`` from the end of what came before until the pod was made, ``scheduled`` until its containers start,
    ``imports`` until its first step begins (launcher and Python), ``work`` until its last step is done, ``ended`` until the
    pod is.
    """

    name: str
    waited: float
    scheduled: float
    imports: float
    work: float
    ended: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.waited + self.scheduled + self.imports + self.work + self.ended


def pod_times(run: str) -> list[PodTime]:
    """Return the times of a run's pods, in the order in which they were made."""
    pods = sorted(k.objects("pod", "-n", k.PIPELINES, "-l", f"pipeline/runid={run}"), key=_made)
    ends: list[dt.datetime] = []
    rows = []
    for pod in pods:
        made, (began, ended) = _made(pod), _ran(pod)
        before = max((end for end in ends if end <= began), default=made)
        said = _lines(pod["metadata"]["name"])
        first, last = (said[0], said[-1]) if said else (ended, ended)
        points = (min(before, made), made, began, first, last, ended)
        spans = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(points)]
        rows.append(PodTime(_name(pod), *(max(0.0, span) for span in spans)))
        ends.append(ended)
    return rows


def seconds(run: Any) -> float:
    """Return how long a run of KFP's took, from its creation to its end."""
    return float((run.finished_at - run.created_at).total_seconds())


def table(rows: list[PodTime]) -> str:
    """Return the rows as Markdown."""
    head = ("pod", "waited", "scheduled", "imports", "work", "ended", "total")
    cells = [
        (row.name, *(f"{v:.1f}" for v in (row.waited, row.scheduled, row.imports, row.work, row.ended, row.total)))
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *cells))


def _name(pod: dict[str, Any]) -> str:
    parts = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"].split(".")[1:]
    return ".".join(part for part in parts if not part.startswith(("root", "exit-handler", "condition-branches")))


def _made(pod: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def _ran(pod: dict[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    main = next(one for one in pod["status"]["containerStatuses"] if one["name"] == "main")["state"]["terminated"]
    return dt.datetime.fromisoformat(main["startedAt"]), dt.datetime.fromisoformat(main["finishedAt"])


def _lines(pod: str) -> list[dt.datetime]:
    log = k.kubectl("-n", k.PIPELINES, "logs", pod, "-c", "main", "--timestamps")
    found = [LINE.match(line) for line in log.splitlines()]
    return [dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", match["at"])) for match in found if match]


if __name__ == "__main__":
    sys.stdout.write(table(pod_times(sys.argv[1])) + "\n")
