"""The pods of a pipeline run: which step each one is, what it printed, and why it doesn't run."""

import re
from dataclasses import dataclass, field

from perennial.errors import ClusterError
from perennial.kube.api import Document, Kube
from perennial.kube.pod_reasons import log_command, out_of_memory, reason

RUN_LABEL = "pipeline/runid"
_NODE = "workflows.argoproj.io/node-name"
_STEP_LINE = re.compile(r"^\s*\[perennial\] (?P<step>[a-z]+) (?P<kind>progress|done|error): (?P<text>.*)$", re.MULTILINE)
_KFP_ERROR = re.compile(r"^F\d{4} \S+ +\d+ \S+\] (?!failed to execute component: exit status)(?P<text>.*)$", re.MULTILINE)
_EXECUTE = "failed to execute component: "
_NO_ACCOUNT = re.compile(r'serviceaccount "(?P<account>[^"]+)" not found')
_TOLD_BY_PODS = re.compile(r"Error \(exit code|OOMKilled|omitted|child |exit code \d+")
_KILLED = "signal: killed"
_TAIL = "200"


@dataclass(frozen=True)
class StepPod:
    """One pod of a run; ``driver`` is KFP's own pod that goes before the step's."""

    name: str
    step: str
    driver: bool
    phase: str
    created: str
    document: Document = field(repr=False, compare=False)

    @property
    def who(self) -> str:
        """What sentences call it."""
        return f"the driver of step {self.step}" if self.driver else f"step {self.step}"


class RunPods:
    """Reads the pods of pipeline runs; methods raise ClusterError where Kubernetes doesn't answer or refuses."""

    def __init__(self, namespace: str, kube: Kube | None = None) -> None:
        self._namespace = namespace
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._kube = kube or Kube()

    def of(self, run: str) -> list[StepPod]:
        """Return a run's pods, oldest first."""
        found = [step_pod(pod) for pod in self._kube.items(self._pods, labelSelector=f"{RUN_LABEL}={run}")]
        return sorted(found, key=lambda pod: (pod.created, pod.name))

    def log(self, pod: StepPod, tail: str = "") -> str:
        """Return what a step printed so far, each line behind the time at which it came."""
        query = {"tailLines": tail} if tail else {}
        return self._kube.text(f"{self._pods}/{pod.name}/log", container="main", timestamps="true", **query)

    def reasons(self, pods: list[StepPod]) -> list[str]:
        """Return a sentence for each step whose latest pod is stuck or died; the one that died first comes first."""
        latest = {(pod.step, pod.driver): pod for pod in pods}
        return [said for pod in latest.values() if (said := self._why(pod))]

    def unmade(self, run: str) -> list[str]:
        """Return a sentence for each pod of a run that was never made, or taken away, as Argo tells it."""
        workflows = f"/apis/argoproj.io/v1alpha1/namespaces/{self._namespace}/workflows"
        found = self._kube.items(workflows, labelSelector=f"{RUN_LABEL}={run}")
        nodes = [node for one in found for node in ((one.get("status") or {}).get("nodes") or {}).values()]
        dead = [node for node in nodes if node.get("phase") in ("Error", "Failed") and node.get("message")]
        return [_of_node(node, self._namespace) for node in dead if not _TOLD_BY_PODS.match(node["message"])]

    def _why(self, pod: StepPod) -> str | None:
        said = reason(pod.document, pod.who)
        if said is None or pod.phase == "Pending":
            return said and _sentence(said)
        try:
            log = self.log(pod, tail=_TAIL)
        except ClusterError:
            return _sentence(said)
        return _sentence(_of_dead(pod, re.sub(r"^\S+ ", "", log, flags=re.MULTILINE), said))


def why(run: str, namespace: str) -> str | None:
    """Return why a run's pods are stuck or dead, or None where they aren't or Kubernetes can't be asked."""
    try:
        reader = RunPods(namespace)
        said = reader.reasons(reader.of(run)) or reader.unmade(run)
    except ClusterError:
        return None
    return said[0] if said else None


def step_pod(pod: Document) -> StepPod:
    """Return a pod with its step's name, which Argo keeps in an annotation."""
    about = pod["metadata"]
    step, driver = _step_of((about.get("annotations") or {}).get(_NODE, ""))
    phase = (pod.get("status") or {}).get("phase", "")
    return StepPod(about["name"], step or about["name"], driver, phase, about.get("creationTimestamp") or "", pod)


def _step_of(node: str) -> tuple[str, bool]:
    """Return a step, and whether it is its driver, by Argo's name: ``WORKFLOW.root.loop.STEP.executor`` or ``….STEP-driver``."""
    parts = re.sub(r"\(\d+(:[^)]*)?\)", "", node).split(".")
    driver = parts[-1].endswith("-driver")
    return parts[-1].removesuffix("-driver") if driver or len(parts) < 2 else parts[-2], driver


def _of_node(node: Document, namespace: str) -> str:
    step, driver = _step_of(node.get("name", ""))
    who = f"The driver of step {step}" if driver else f"Step {step}"
    if account := _NO_ACCOUNT.search(node["message"]):
        missing = f"namespace {namespace} has no service account {account['account']}"
        return f"{who} can't start: {missing}. Apply the manifests, which make it."
    return f"{who} has no pod any more: {' '.join(node['message'].split()).rstrip('.')}."


def _of_dead(pod: StepPod, log: str, said: str) -> str:
    """Return why a pod died: in its own words, or by the step that was under way; ``said`` is what Kubernetes says."""
    lines = list(_STEP_LINE.finditer(log))
    errors = [line for line in lines if line["kind"] == "error"]
    if errors:
        return f"step {errors[-1]['step']}: {errors[-1]['text']}"
    who = f"step {lines[-1]['step']}" if lines else pod.who
    if _KILLED in log:  # where the node kills a child process alone, its container ends with an ordinary error
        return out_of_memory(pod.document, "main", who)
    if failed := _KFP_ERROR.findall(log):
        what = failed[-1].removeprefix(_EXECUTE).rstrip(".")
        return f"{who} failed in KFP's part: {what}; its log: {log_command(pod.document, 'main')}."
    return reason(pod.document, who) or said


def _sentence(said: str) -> str:
    return said[:1].upper() + said[1:]
