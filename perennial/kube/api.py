"""The Kubernetes API, read as plain documents."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from perennial.errors import ClusterError, ClusterUnavailable

Document = dict[str, Any]
_TIMEOUT_S = 10
_JSON = "application/json"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
MANAGER = "perennial"
"""The field manager under which this package applies; fields of others stay as they are."""


class Refused(ClusterError):
    """The API server refused a call; ``status`` is its HTTP status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Kube:
    """A connection with the API server, by the kubeconfig or as the pod's own service account."""

    def __init__(self) -> None:
        """Find out how to connect; nothing is asked of the server yet.

        Raises:
            ClusterUnavailable: there is no kubeconfig, and this is no pod.
        """
        from kubernetes import client, config

        configuration = client.Configuration()
        configuration.retries = False
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            try:
                config.load_kube_config(client_configuration=configuration)
            except (config.ConfigException, OSError) as error:
                raise ClusterUnavailable(
                    f"No Kubernetes cluster is named here: {str(error).rstrip('.')}. Set KUBECONFIG to the cluster's file."
                ) from None
        self.server = str(configuration.host)
        self._client = client.ApiClient(configuration)

    def get(self, path: str, **query: str) -> Document:
        """Return what lies at an API path.

        Raises:
            ClusterUnavailable: the server doesn't answer.
            Refused: it doesn't know the path, or the rights are missing.
        """
        return dict(json.loads(self._call("GET", path, query)))

    def find(self, path: str, **query: str) -> Document | None:
        """Return what lies at an API path, or None where nothing does; raises as :meth:`get`."""
        try:
            return self.get(path, **query)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: str) -> list[Document]:
        """Return the items of a list; raises as :meth:`get`."""
        return list(self.get(path, **query).get("items") or ())

    def text(self, path: str, **query: str) -> str:
        """Return a text such as a log; raises as :meth:`get`."""
        return self._call("GET", path, query).decode("utf-8", errors="replace")

    def post(self, path: str, document: Document) -> Document:
        """Send a document and return the answer; raises as :meth:`get`."""
        return dict(json.loads(self._call("POST", path, {}, document)))

    def patch(self, path: str, document: Document) -> Document:
        """Merge a document into what lies at a path and return the outcome; raises as :meth:`get`."""
        return dict(json.loads(self._call("PATCH", path, {"fieldManager": MANAGER}, document, _MERGE)))

    def apply(self, path: str, document: Document) -> Document:
        """Apply a document on the server, as our field manager, and return the outcome; raises as :meth:`get`."""
        query = {"fieldManager": MANAGER, "force": "true"}
        return dict(json.loads(self._call("PATCH", path, query, document, _APPLY)))

    def delete(self, path: str) -> None:
        """Delete what lies at a path, if anything does; raises as :meth:`get`."""
        try:
            self._call("DELETE", path, {})
        except Refused as error:
            if error.status != 404:
                raise

    def forward(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """Ask a Service or a pod through the API server's proxy; raises as :meth:`get`, with its status."""
        return self._call("POST" if body else "GET", path, {}, body, headers=headers)

    def _call(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        body: Document | bytes | None = None,
        kind: str = _JSON,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = self._client.call_api(
                f"{path}?{urlencode(query)}" if query else path,
                verb,
                header_params={"Accept": "application/json, */*", "Content-Type": kind, **(headers or {})},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT_S,
            )
            return bytes(answer.data)
        except ApiException as error:
            raise Refused(f"Kubernetes refused {verb} {path}: {_said(error)}", int(error.status or 0)) from None
        except HTTPError as error:
            raise ClusterUnavailable(
                f"Kubernetes doesn't answer at {self.server}: {' '.join(str(error).split())}. Check KUBECONFIG and the network."
            ) from None


def _said(error: Any) -> str:
    try:
        return f"{json.loads(error.body)['message']}."
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}."
