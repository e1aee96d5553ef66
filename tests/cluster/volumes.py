"""Volumes for a cluster without a storage class: folders on its only node, kept when their claims go."""

import json
from typing import Any

from tests.cluster import kubectl as k

FOLDER = "/var/lib/perennial-test"
CLAIMS = ("data-minio-0", "data-postgres-0")


def needed() -> bool:
    """Return whether nothing makes volumes by itself."""
    default = "storageclass.kubernetes.io/is-default-class"
    classes = k.objects("storageclass")
    return not any(found["metadata"].get("annotations", {}).get(default) == "true" for found in classes)


def make_volumes(image: str) -> None:
    """Make one volume for each claim, where they aren't there yet; one whose claim went takes the next one."""
    if not needed():
        return
    node = k.objects("node")[0]["metadata"]["name"]
    _make_folders(image)
    for claim in CLAIMS:
        k.kubectl("apply", "-f", "-", stdin=json.dumps(_volume(claim, node)))
        if k.objects("pv", _name(claim))[0]["status"].get("phase") == "Released":
            free = [{"op": "remove", "path": f"/spec/claimRef/{key}"} for key in ("uid", "resourceVersion")]
            k.kubectl("patch", "pv", _name(claim), "--type=json", f"-p={json.dumps(free)}")


def _make_folders(image: str) -> None:
    """Make the folders on the node; a volume of the kind ``local`` wants them there, and gets its pod's group by the kubelet."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "perennial-test-folders", "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "mkdir",
                    "image": image,
                    "command": ["mkdir", "-p", *(f"/node/{claim}" for claim in CLAIMS)],
                    "securityContext": {"runAsUser": 0},
                    "volumeMounts": [{"name": "node", "mountPath": "/node"}],
                }
            ],
            "volumes": [{"name": "node", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}],
        },
    }
    k.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    k.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/perennial-test-folders", "--timeout=120s")
    k.kubectl("delete", "pod", "perennial-test-folders")


def _name(claim: str) -> str:
    return f"perennial-test-{claim}"


def _volume(claim: str, node: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _name(claim)},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": k.NAMESPACE, "name": claim},
            "local": {"path": f"{FOLDER}/{claim}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
