"""The way to a colour's Service and its pods: straight from a pod of the cluster, else through the API server's proxy."""

import json
import os
from typing import Any

from perennial.deployment.documents import PORT, service_of
from perennial.errors import ClusterError, EndpointError, ImageRejected
from perennial.kube.api import Document, Kube, Refused
from perennial.serving.client import JOURNAL_HEADER, RELEASE_HEADER, UNNOTED, predict, report

_POD_PORT = 8080


class Reach:
    """Asks servers of one namespace."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._inside = "KUBERNETES_SERVICE_HOST" in os.environ

    def pod(self, pod: Document) -> dict[str, Any] | None:
        """Return what a pod's server reports; None where it doesn't answer."""
        if self._inside:
            return report(f"http://{pod['status'].get('podIP')}:{_POD_PORT}")
        return self._report(f"pods/http:{pod['metadata']['name']}:{_POD_PORT}")

    def colour(self, colour: str) -> dict[str, Any] | None:
        """Return what a server behind a colour's Service reports; None where none answers."""
        if self._inside:
            return report(self._url(colour))
        return self._report(f"services/http:{service_of(colour)}:{PORT}")

    def ask(self, colour: str, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        """Return a release's answer for one image, through its colour's Service; the prediction log doesn't get it.

        Raises:
            EndpointError, ImageRejected: it wasn't answered.
        """
        if self._inside:
            return predict(self._url(colour), task, jpeg, release=release, noted=False)
        headers = {"Content-Type": "image/jpeg", RELEASE_HEADER: release, JOURNAL_HEADER: UNNOTED}
        path = self._proxy(f"services/http:{service_of(colour)}:{PORT}", f"v1/models/{task}:predict")
        try:
            answer: dict[str, Any] = json.loads(self._kube.forward(path, jpeg, headers))["predictions"][0]
        except Refused as error:
            raise (ImageRejected if error.status in (400, 413) else EndpointError)(str(error)) from None
        except (ClusterError, ValueError, LookupError) as error:
            raise EndpointError(f"{service_of(colour)} doesn't answer: {error}") from None
        return answer

    def _report(self, where: str) -> dict[str, Any] | None:
        try:
            told = json.loads(self._kube.forward(self._proxy(where, "v1/endpoint")))
        except (ClusterError, ValueError):
            return None
        return told if isinstance(told, dict) else None

    def _proxy(self, where: str, path: str) -> str:
        return f"/api/v1/namespaces/{self._namespace}/{where}/proxy/{path}"

    def _url(self, colour: str) -> str:
        return f"http://{service_of(colour)}.{self._namespace}"
