"""Setting up an installation, on a cluster or on one host: Secrets, the bucket and its users, MLflow's users.

It may be run any number of times. The Secrets are the truth for names and passwords: what exists is kept and the servers are
brought in line with it, so that rotating a password is changing its Secret and running set-up again.
"""

import os
from collections.abc import Callable
from typing import NoReturn

from perennial.catalog.access import Keys, Place
from perennial.catalog.bucket import set_up_bucket
from perennial.errors import ClusterError
from perennial.operations.cluster_secrets import CONFIG, ClusterSecrets, Values
from perennial.operations.mlflow_users import set_up_users
from perennial.operations.secret_files import SecretFiles
from perennial.operations.wanted import ACCESS, OWN, PASSWORD, PIPELINES, SECRET, USER, Wanted
from perennial.settings import Settings

ACCOUNT = "perennial-pipeline"
"""The service account of the pipelines' pods; the Secrets beside it go when it goes."""

Say = Callable[[str], None]


def set_up(
    settings: Settings,
    say: Say,
    *,
    wait_s: float = 300,
    own_bucket: bool = False,
    cluster: ClusterSecrets | SecretFiles | None = None,
) -> None:
    """Make what is missing and bring MinIO's and MLflow's users in line with their Secrets.

    Args:
        settings: the namespaces. MinIO and MLflow are reached where AWS_ENDPOINT_URL and PERENNIAL_MLFLOW say, if they are
            set, else where the ConfigMap says.
        say: takes a line for each thing done.
        wait_s: seconds to wait for MinIO, and then for MLflow.
        own_bucket: the bucket is one that its owner looks after: its Secrets must be there, with empty keys where pods have
            roles instead, and no MinIO is touched.
        cluster: instead of the cluster that this pod is on or that KUBECONFIG names; files, on one host.

    Raises:
        ClusterError: the cluster's API is away or refuses something, or a Secret is missing that can't be made.
        StoreError: MinIO is away or refuses something.
        RegistryError: MLflow is away or refuses something.
    """
    cluster = cluster or ClusterSecrets()
    config = cluster.config(settings.namespace)
    found = _secrets(cluster, settings, config, own_bucket, say)
    if not own_bucket:
        place = Place.of(os.environ.get("AWS_ENDPOINT_URL") or _of(config, "AWS_ENDPOINT_URL"), _of(config, "PERENNIAL_STORE"))
        root = Keys(found["minio-root"]["MINIO_ROOT_USER"], found["minio-root"]["MINIO_ROOT_PASSWORD"])
        named = {"pipeline": "perennial-store"} | {name: f"store-{name}" for name in ("server", "dashboard", "inbox", "mlflow")}
        users = {service: Keys(found[secret][ACCESS], found[secret][SECRET]) for service, secret in named.items()}
        set_up_bucket(place, root, users, wait_s=wait_s, say=say)
    admin = found["mlflow-admin"]["MLFLOW_ADMIN_USERNAME"], found["mlflow-admin"]["MLFLOW_ADMIN_PASSWORD"]
    people = {found[name][USER]: found[name][PASSWORD] for name in ("perennial-mlflow", "mlflow-dashboard")}
    set_up_users(settings.mlflow or _of(config, "PERENNIAL_MLFLOW"), admin, people, wait_s=wait_s, say=say)


def _secrets(
    cluster: ClusterSecrets | SecretFiles, settings: Settings, config: Values, own_bucket: bool, say: Say
) -> dict[str, Values]:
    """Make what is missing in both namespaces, and return all values by the Secrets' names."""
    found: dict[str, Values] = {}
    owner = cluster.owner(settings.kfp_namespace, ACCOUNT)
    places = [(settings.namespace, wanted, None) for wanted in OWN]
    for namespace, wanted, owned in [*places, *((settings.kfp_namespace, wanted, owner) for wanted in PIPELINES)]:
        if own_bucket and wanted.bucket:
            if wanted.name == "minio-root":
                continue
            if wanted.optional and not cluster.read(namespace, wanted.name):
                continue
            _refuse_missing(cluster, namespace, wanted)
        made = {} if own_bucket and wanted.bucket else wanted.made
        repeated = {key: config[key] for key in wanted.repeated if key in config}
        found[wanted.name], done = cluster.ensure(namespace, wanted.name, made=made, fixed=repeated, owner=owned)
        say(f"Secret {cluster.called(namespace, wanted.name)}: {done}")
    return found


def _refuse_missing(cluster: ClusterSecrets | SecretFiles, namespace: str, wanted: Wanted) -> None:
    there = cluster.read(namespace, wanted.name)
    keyless = wanted.made.keys() <= there.keys() and not any(there[key] for key in wanted.made)
    missing = [key for key in wanted.made if not there.get(key)]
    if missing and not keyless:
        raise ClusterError(
            f"The Secret {namespace}/{wanted.name} lacks {' and '.join(missing)}, which can't be made for a bucket of your own. "
            "Make it with the keys of a user of that bucket, or with both of them empty where the pods have a role."
        )


def _of(config: Values, key: str) -> str:
    return config.get(key) or _lacking(key)


def _lacking(key: str) -> NoReturn:
    raise ClusterError(f"The ConfigMap {CONFIG} has no {key}. Apply the manifests again.")
