"""What could be seen so far of a run on a cluster: the lines of its steps, or at least KFP's word for their states."""

import re
import time
from collections.abc import Callable
from datetime import datetime

from perennial.errors import ClusterError
from perennial.operations.pods import RunPods, StepPod
from pipelines.here import LINE
from pipelines.records import Run

TimedListener = Callable[[str, str, str, float], None]
"""Takes step, kind (progress, done or error), text and time, in seconds, of a line that a step printed."""

_STEP = re.compile(r"(?!root|executor|loop|condition)[a-z]+(-\d+)?")
_STATES = {"RUNNING": ("progress", "started"), "SUCCEEDED": ("done", "succeeded"), "FAILED": ("error", "failed")}


class Seen:
    """Looks at a run again and again, and hands on what is new since the last look.

    ``outcome`` and ``sentence`` are what the steps said of the run, ``error`` what a step said of its own end, ``trouble`` why a
    pod can't start or died; each is empty until it is known.
    """

    def __init__(self, run: str, pods: RunPods | None, listener: TimedListener, notice: Callable[[str], None]) -> None:
        """Begin to look at a run; without ``pods``, or once they can't be asked any more, only KFP's states are seen."""
        self.outcome = self.sentence = self.error = self.trouble = ""
        self._run = run
        self._pods = pods
        self._listener = listener
        self._notice = notice
        self._read: dict[str, int] = {}
        self._over: set[str] = set()
        self._told: set[str] = set()
        self._once: set[str] = set()
        self._states: dict[str, str] = {}
        self._stuck_since: float | None = None

    def look(self, run: Run) -> None:
        """Take in what is new."""
        if self._pods is not None:
            try:
                self._look_at_pods(self._pods)
                if run.ended and not self.trouble:
                    self.trouble = next(iter(self._pods.unmade(self._run)), "")
            except ClusterError as error:
                self._pods = None
                self._notice(no_lines(error))
        if self._pods is None:
            self._look_at_states(run)

    def stuck_for(self) -> float:
        """Return for how many seconds a pod has been unable to start."""
        return time.monotonic() - self._stuck_since if self._stuck_since is not None else 0.0

    def _look_at_pods(self, reader: RunPods) -> None:
        pods = reader.of(self._run)
        for pod in pods:
            if not pod.driver and pod.phase not in ("Pending", "") and pod.name not in self._over:
                self._take_lines(pod, reader.log(pod).splitlines())
                if pod.phase != "Running":
                    self._over.add(pod.name)
        reasons = reader.reasons(pods)
        self.trouble = reasons[0] if reasons else ""
        for reason in reasons:
            if reason in self._once and reason not in self._told:  # what is so at one look alone passes by itself
                self._told.add(reason)
                self._notice(reason)
        self._once = set(reasons)
        waiting = [pod for pod in pods if pod.phase == "Pending"]
        if not waiting or not reader.reasons(waiting):
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = time.monotonic()

    def _take_lines(self, pod: StepPod, lines: list[str]) -> None:
        for line in lines[self._read.get(pod.name, 0) :]:
            when, _, printed = line.partition(" ")
            if match := LINE.match(printed):
                self._take(match["step"], match["kind"], match["text"], datetime.fromisoformat(when).timestamp())
        self._read[pod.name] = len(lines)

    def _take(self, step: str, kind: str, text: str, at: float) -> None:
        if step == "record" and kind == "done":
            self.outcome = text
        elif kind == "done":
            self.sentence, self.error = text, ""
        elif kind == "error":
            self.error = f"{step}: {text}"
        self._listener(step, kind, text, at)

    def _look_at_states(self, run: Run) -> None:
        for step, state in run.tasks.items():
            if _STEP.fullmatch(step) and state in _STATES and self._states.get(step) != state:
                self._states[step] = state
                self._listener(step, *_STATES[state], time.time())


def no_lines(error: ClusterError) -> str:
    """Return the sentence for a cluster whose pods can't be asked."""
    return f"What the steps print can't be read: {error} KFP's own states are followed instead."
