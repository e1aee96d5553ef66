"""Why a pod doesn't run, in one sentence, from what Kubernetes says of it."""

import re
from typing import Any

Document = dict[str, Any]
_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_CONFIG = {"CreateContainerConfigError"}
_CREATE = {"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"}
_SECRET = re.compile(r'secret "(?P<secret>[^"]+)" not found')
_KEY = re.compile(r"couldn't find key (?P<key>\S+) in Secret (?P<namespace>[^/\s]+)/(?P<secret>\S+)")
_INSUFFICIENT = re.compile(r"Insufficient (?P<resource>[\w./-]+?)\.?(?=[,\s]|$)")


def reason(pod: Document, who: str) -> str | None:
    """Return the sentence for a pod that can't start, died or keeps dying, or None where nothing is wrong with it.

    Args:
        pod: the pod as the API gives it.
        who: what the sentence calls it, such as "step train".
    """
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return None
    return (
        _taken_away(pod, status, who)
        or _unscheduled(pod, status, who)
        or next(filter(None, (_waiting(pod, one, who) for one in _containers(status))), None)
        or next(filter(None, (_died(pod, one, who) for one in _containers(status))), None)
    )


def _taken_away(pod: Document, status: Document, who: str) -> str | None:
    if status.get("reason") == "DeadlineExceeded":
        seconds = pod["spec"].get("activeDeadlineSeconds")
        limit = f" of {seconds} s" if seconds else ""
        if image := _never_began(status):
            return (
                f"{who} never began within its time limit{limit}: its image {image} can't be pulled, or what it mounts isn't "
                f"there; '{_describe(pod)}' says which."
            )
        return f"{who} ran past its time limit{limit} and was ended; the next run goes on where it stopped."
    if status.get("reason") in ("Evicted", "Preempting", "NodeLost", "NodeShutdown", "Terminated"):
        said = _plain(status.get("message") or status["reason"])
        return f"{who} was taken off its node: {said}. The next run goes on where it stopped."
    return None


def _never_began(status: Document) -> str | None:
    """Return the image of a container that was ended before it was made; by then Kubernetes has forgotten what it waited for."""
    for container in status.get("containerStatuses") or ():
        ended = container.get("state", {}).get("terminated") or {}
        if ended and not ended.get("startedAt") and not container.get("imageID"):
            return str(container.get("image", "?"))
    return None


def _unscheduled(pod: Document, status: Document, who: str) -> str | None:
    found = [
        one for one in status.get("conditions") or () if one["type"] == "PodScheduled" and one.get("reason") == "Unschedulable"
    ]
    if status.get("phase") != "Pending" or not found:
        return None
    said = str(found[0].get("message", "")).split(" preemption:")[0].split(" no new claims")[0]
    missing = sorted({match["resource"] for match in _INSUFFICIENT.finditer(said)})
    return f"{who} waits for a node: {_plain(said)}. {_room(missing, _devices(pod))}"


def _devices(pod: Document) -> list[str]:
    """Return what a pod asks for besides processors and memory, such as nvidia.com/gpu."""
    asked = [one.get("resources", {}).get("limits", {}) for one in pod["spec"].get("containers", ())]
    return sorted({name for limits in asked for name in limits if "/" in name})


def _room(missing: list[str], devices: list[str]) -> str:
    """Say what to do; a node without a pod's device lacks its label as well, and the scheduler may name that alone."""
    if devices and not set(missing) - set(devices):
        return f"Add a node with {' and '.join(devices)}, or set PERENNIAL_ACCELERATOR to what the nodes have (empty: none)."
    if missing:
        return f"Free {' and '.join(missing)} or add a node."
    return "Look at 'kubectl describe node' for labels, taints and volumes that keep it off."


def _waiting(pod: Document, container: Document, who: str) -> str | None:
    waiting = container.get("state", {}).get("waiting") or {}
    kind, said = waiting.get("reason", ""), waiting.get("message", "")
    if kind in _IMAGE:
        image = container.get("image") or _spec(pod, container["name"]).get("image", "?")
        return (
            f"{who} can't start: its image {image} can't be pulled ({_cause(said) or kind}). "
            "Push it to where the nodes pull from, or correct its name (PERENNIAL_IMAGES and PERENNIAL_TAG, or the manifests)."
        )
    if kind in _CONFIG:
        return f"{who} can't start: {_config(said, pod['metadata'].get('namespace', ''))}"
    if kind in _CREATE:
        return f"{who} can't start: {_plain(said) or kind}. See '{_describe(pod)}'."
    if kind == "CrashLoopBackOff":
        last = (container.get("lastState", {}).get("terminated") or {}).get("exitCode", "?")
        return f"{who} keeps ending with exit code {last}; its log: {log_command(pod, container['name'], previous=True)}."
    return None


def _config(said: str, namespace: str) -> str:
    if found := _KEY.search(said):
        return (
            f"the Secret {found['secret']} in namespace {found['namespace']} has no key {found['key']}. "
            "Add the key; set-up makes it by itself where the Secret is one of Perennial's own."
        )
    if found := _SECRET.search(said):
        return (
            f"the Secret {found['secret']} is missing in namespace {namespace}. Perennial's own are made by set-up: read its log."
        )
    return f"{_plain(said)}. Create what is missing there."


def _died(pod: Document, container: Document, who: str) -> str | None:
    ended = container.get("state", {}).get("terminated") or {}
    if not ended or ended.get("exitCode") == 0:
        return None
    if ended.get("reason") == "OOMKilled":
        return out_of_memory(pod, container["name"], who)
    return f"{who} ended with exit code {ended.get('exitCode')}; its log: {log_command(pod, container['name'])}."


def out_of_memory(pod: Document, container: str, who: str) -> str:
    """Return the sentence for a container whose process was killed for its memory."""
    limit = _spec(pod, container).get("resources", {}).get("limits", {}).get("memory")
    room = f"more memory than its limit of {limit}" if limit else "more memory than its node has"
    return f"{who} was killed: it needed {room}. Raise the limit, or make the task smaller."


def log_command(pod: Document, container: str, *, previous: bool = False) -> str:
    """Return the command that prints a container's log."""
    about = pod["metadata"]
    return f"kubectl -n {about.get('namespace')} logs {about['name']} -c {container}{' --previous' if previous else ''}"


def _describe(pod: Document) -> str:
    return f"kubectl -n {pod['metadata'].get('namespace')} describe pod {pod['metadata']['name']}"


def _containers(status: Document) -> list[Document]:
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _spec(pod: Document, name: str) -> Document:
    containers = [*pod["spec"].get("initContainers", ()), *pod["spec"].get("containers", ())]
    return next((one for one in containers if one["name"] == name), {})


def _cause(said: str) -> str:
    """Return the last link of a chain of wrapped errors, such as "no such host"."""
    plain = _plain(said)
    return plain.rsplit(": ", 1)[-1] if plain else ""


def _plain(said: str) -> str:
    return " ".join(said.split()).rstrip(".")
