"""Secrets and the ConfigMap on a cluster: what is missing is made, what exists is kept."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from perennial.errors import ClusterError, ClusterUnavailable

CONFIG = "perennial"
"""The name of the ConfigMap that says where everything is."""

LABELS = {"app.kubernetes.io/part-of": "perennial", "app.kubernetes.io/managed-by": "perennial-set-up"}
Values = dict[str, str]
_TIMEOUT_S = 30
_CONFLICT, _MISSING, _REFUSED = 409, 404, (401, 403)


def random_password() -> str:
    """Return 32 characters that nobody can guess, all of them safe in a URL."""
    return secrets.token_urlsafe(24)


class ClusterSecrets:
    """The Secrets of an installation, through the cluster's API: from inside a pod, else as KUBECONFIG says."""

    def __init__(self, api: Any = None) -> None:
        """Open the cluster's API, unless one is given.

        Raises:
            ClusterUnavailable: this is no pod, and KUBECONFIG names no cluster.
        """
        self._api = api or _open()

    def config(self, namespace: str) -> Values:
        """Return the values of the ConfigMap ``perennial``.

        Raises:
            ClusterError: it isn't there, or may not be read.
        """
        with _told(f"Reading the ConfigMap {namespace}/{CONFIG}"):
            found = self._api.read_namespaced_config_map(CONFIG, namespace, _request_timeout=_TIMEOUT_S)
        return dict(found.data or {})

    def owner(self, namespace: str, account: str) -> dict[str, Any]:
        """Return a service account as the owner of Secrets in its namespace, which then go when it goes.

        Raises:
            ClusterError: it isn't there, or may not be read.
        """
        with _told(f"Reading the service account {namespace}/{account}"):
            found = self._api.read_namespaced_service_account(account, namespace, _request_timeout=_TIMEOUT_S)
        return {"apiVersion": "v1", "kind": "ServiceAccount", "name": account, "uid": found.metadata.uid}

    def read(self, namespace: str, name: str) -> Values | None:
        """Return a Secret's values, or None where there is no such Secret."""
        with _told(f"Reading the Secret {namespace}/{name}"):
            found = self._read(namespace, name)
        return None if found is None else _values(found)

    def ensure(
        self,
        namespace: str,
        name: str,
        *,
        made: Mapping[str, Callable[[], str]],
        fixed: Mapping[str, str] | None = None,
        owner: Mapping[str, Any] | None = None,
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
        doing = f"Writing the Secret {namespace}/{name}"
        with _told(doing):
            found = self._read(namespace, name)
            old = _values(found) if found is not None else {}
            new = old | {key: old.get(key) or make() for key, make in made.items()} | dict(fixed or {})
            owned = owner is None or (found is not None and owner["uid"] in _owners(found))
            if new == old and owned:
                return old, "kept"
            metadata: dict[str, Any] = {"labels": LABELS} | ({} if owned else {"ownerReferences": [owner]})
            if found is not None:
                body: dict[str, Any] = {"metadata": metadata, "stringData": new}
                self._api.patch_namespaced_secret(name, namespace, body, _request_timeout=_TIMEOUT_S)
                return new, "changed"
            body = {"metadata": {"name": name, **metadata}, "type": "Opaque", "stringData": new}
            if self._create(namespace, body):
                return new, "made"
        return self.ensure(namespace, name, made=made, fixed=fixed, owner=owner)  # somebody else made it just now

    def _read(self, namespace: str, name: str) -> Any:
        from kubernetes.client import ApiException

        try:
            return self._api.read_namespaced_secret(name, namespace, _request_timeout=_TIMEOUT_S)
        except ApiException as error:
            if error.status != _MISSING:
                raise
        return None

    def _create(self, namespace: str, body: dict[str, Any]) -> bool:
        from kubernetes.client import ApiException

        try:
            self._api.create_namespaced_secret(namespace, body, _request_timeout=_TIMEOUT_S)
        except ApiException as error:
            if error.status != _CONFLICT:
                raise
            return False
        return True


def _open() -> Any:
    from kubernetes import client, config
    from kubernetes.config import ConfigException

    try:
        config.load_config()
    except (ConfigException, OSError) as error:
        raise ClusterUnavailable(
            f"There is no cluster to set up ({' '.join(str(error).split())}). Name a kubeconfig file in KUBECONFIG."
        ) from None
    return client.CoreV1Api()


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Raise what the API refuses as a sentence."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        said = _message(error)
        if error.status in _REFUSED:
            raise ClusterError(
                f"{doing} was refused: {said}. Apply the manifests, which give the Job set-up that right."
            ) from None
        if error.status == _MISSING:
            raise ClusterError(f"{doing} failed: {said}. Apply the manifests, after Kubeflow Pipelines was installed.") from None
        raise ClusterError(f"{doing} failed: {said}. Mend that, and run set-up again.") from None
    except HTTPError as error:
        raise ClusterUnavailable(
            f"{doing} failed: the cluster's API doesn't answer ({getattr(error, 'reason', None) or error}). Check KUBECONFIG."
        ) from None


def _message(error: Any) -> str:
    """Return the API's own words, which name the object and the right."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"


def _values(secret: Any) -> Values:
    return {key: base64.b64decode(value).decode() for key, value in (secret.data or {}).items()}


def _owners(secret: Any) -> list[str]:
    return [owner.uid for owner in secret.metadata.owner_references or []]
