"""Secrets and the ConfigMap on a cluster: what is missing is made, what exists is kept."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from perennial.errors import ClusterError
from perennial.kube.api import Document, Kube, Refused

CONFIG = "perennial"
"""The name of the ConfigMap that says where everything is."""

LABELS = {"app.kubernetes.io/part-of": "perennial", "app.kubernetes.io/managed-by": "perennial-set-up"}
Values = dict[str, str]
_CONFLICT = 409
_NEXT = {
    403: "Apply the manifests, which give set-up that right.",
    404: "Apply the manifests, after Kubeflow Pipelines was installed.",
}


class Api(Protocol):
    """The part of :class:`Kube` that is needed here."""

    def get(self, path: str) -> Document: ...
    def find(self, path: str) -> Document | None: ...
    def post(self, path: str, document: Document) -> Document: ...
    def patch(self, path: str, document: Document) -> Document: ...


class ClusterSecrets:
    """The Secrets of an installation, through the cluster's API."""

    def __init__(self, api: Api | None = None) -> None:
        """Open the API, as a pod's own account or else as KUBECONFIG says, unless one is given.

        Raises:
            ClusterUnavailable: this is no pod, and KUBECONFIG names no cluster.
        """
        self._api = api or Kube()

    def config(self, namespace: str) -> Values:
        """Return the values of the ConfigMap ``perennial``.

        Raises:
            ClusterError: it isn't there, or may not be read.
        """
        with _what_next():
            return dict(self._api.get(f"/api/v1/namespaces/{namespace}/configmaps/{CONFIG}").get("data") or {})

    def owner(self, namespace: str, account: str) -> Document:
        """Return a service account as the owner of Secrets in its namespace, which then go when it goes.

        Raises:
            ClusterError: it isn't there, or may not be read.
        """
        with _what_next():
            found = self._api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}")
        return {"apiVersion": "v1", "kind": "ServiceAccount", "name": account, "uid": found["metadata"]["uid"]}

    def called(self, namespace: str, name: str) -> str:
        """Return what people call a Secret."""
        return f"{namespace}/{name}"

    def read(self, namespace: str, name: str) -> Values:
        """Return a Secret's values, none where there is no such Secret.

        Raises:
            ClusterError: it may not be read.
        """
        with _what_next():
            return _values(self._api.find(_path(namespace, name)))

    def ensure(
        self,
        namespace: str,
        name: str,
        *,
        made: Mapping[str, Callable[[], str]],
        fixed: Mapping[str, str] | None = None,
        owner: Document | None = None,
    ) -> tuple[Values, str]:
        """Give a Secret what it lacks, and return its values and whether it was "made", "changed" or "kept".

        Args:
            namespace: the Secret's namespace.
            name: the Secret's name.
            made: values that are kept where they are and else made by calling these.
            fixed: values that it must have, whatever it had.
            owner: what the Secret goes with.

        Raises:
            ClusterError: it may not be read or written.
        """
        with _what_next():
            found = self._api.find(_path(namespace, name))
            old = _values(found)
            new = old | {key: old.get(key) or make() for key, make in made.items()} | dict(fixed or {})
            owned = owner is None or owner["uid"] in _owners(found)
            if new == old and owned and found:
                return old, "kept"
            metadata: dict[str, Any] = {"labels": LABELS} | ({} if owned else {"ownerReferences": [owner]})
            if found:
                self._api.patch(_path(namespace, name), {"metadata": metadata, "stringData": new})
                return new, "changed"
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **metadata}, "stringData": new}
            try:
                self._api.post(_path(namespace), secret)
                return new, "made"
            except Refused as error:
                if error.status != _CONFLICT:
                    raise
        return self.ensure(namespace, name, made=made, fixed=fixed, owner=owner)  # somebody else made it just now


@contextmanager
def _what_next() -> Iterator[None]:
    """Add to what the API refuses what can be done about it."""
    try:
        yield
    except Refused as error:
        raise ClusterError(f"{error} {_NEXT.get(error.status, 'Mend that, and run set-up again.')}") from None


def _path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def _values(secret: Document | None) -> Values:
    data = (secret or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _owners(secret: Document | None) -> list[str]:
    return [owner["uid"] for owner in (secret or {}).get("metadata", {}).get("ownerReferences") or []]
