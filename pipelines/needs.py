"""What each pod asks of a cluster: image, credentials, resources, time and retries."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perennial.errors import ClusterError
from perennial.settings import Settings

STORE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "PERENNIAL_STORE",
    "PERENNIAL_ENDPOINT_URL",
    "PERENNIAL_CONTACT",
)
MLFLOW = ("PERENNIAL_MLFLOW", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
"""Keys of the Secrets perennial-store and perennial-mlflow, and the variables of the same names.

They hold whole connections, addresses too: older KFP back ends give pods Secrets but no ConfigMaps.
"""

USER = 10001
"""User and group of the images."""

HOUR = 3600


@dataclass(frozen=True)
class Needs:
    """What one pod gets; ``cpu`` and ``memory`` are what it asks for and what it may use at most."""

    cpu: tuple[str, str]
    memory: tuple[str, str]
    timeout_s: int
    image: str = "perennial-step"
    mlflow: bool = False
    gpu: bool = False


NEEDS = {
    "scrape": Needs(cpu=("100m", "2"), memory=("256Mi", "2Gi"), timeout_s=6 * HOUR),
    "embed": Needs(cpu=("250m", "4"), memory=("512Mi", "4Gi"), timeout_s=6 * HOUR),
    "export": Needs(cpu=("250m", "4"), memory=("1Gi", "8Gi"), timeout_s=6 * HOUR, image="perennial-train"),
    "finetune": Needs(cpu=("500m", "8"), memory=("2Gi", "32Gi"), timeout_s=24 * HOUR, image="perennial-train", gpu=True),
    "learn": Needs(cpu=("250m", "4"), memory=("512Mi", "8Gi"), timeout_s=6 * HOUR, mlflow=True),
    "deploy": Needs(cpu=("250m", "2"), memory=("512Mi", "4Gi"), timeout_s=HOUR, mlflow=True),
    "record": Needs(cpu=("100m", "1"), memory=("256Mi", "2Gi"), timeout_s=HOUR, mlflow=True),
}
"""By component. Requests are small, so that a small cluster can run them: most pods wait for the network or are gone soon."""


def fit_for(settings: Settings) -> Callable[[Any], Any]:
    """Return what gives a pod all that it needs on the cluster that ``settings`` are about.

    Raises:
        SettingsError: nothing says which tag the images have.
    """
    from components.images import tag

    if importlib.util.find_spec("kfp.kubernetes") is None:
        raise ClusterError(
            "The pipeline can't be compiled for a cluster here, as kfp-kubernetes isn't installed. Install it with "
            "pip install 'perennial[core,cluster]', or give a compiled package with --package FILE."
        )

    version = settings.tag or tag()

    def fit(pod: Any) -> Any:
        needs = NEEDS[pod.component_spec.name]
        pod.set_container_image(f"{settings.images}{needs.image}:{version}")
        _bound(pod, needs)
        _let_in(pod, needs)
        pod.set_env_variable("PERENNIAL_KFP_NAMESPACE", settings.kfp_namespace)
        if needs.gpu and settings.accelerator:
            _accelerate(pod, settings.accelerator)
        return pod

    return fit


def _bound(pod: Any, needs: Needs) -> None:
    """Set resources, time and retries. Nothing is cached: what is outside a pod's arguments decides what it finds."""
    from kfp import kubernetes

    pod.set_caching_options(False)
    pod.set_retry(2, backoff_duration="15s", backoff_factor=3, backoff_max_duration="120s")
    kubernetes.set_timeout(pod, needs.timeout_s)
    pod.set_cpu_request(needs.cpu[0]).set_cpu_limit(needs.cpu[1])
    pod.set_memory_request(needs.memory[0]).set_memory_limit(needs.memory[1])


def _let_in(pod: Any, needs: Needs) -> None:
    """Set user and credentials."""
    from kfp import kubernetes

    kubernetes.set_image_pull_policy(pod, "IfNotPresent")
    kubernetes.set_security_context(pod, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    kubernetes.use_secret_as_env(pod, "perennial-store", {key: key for key in STORE})
    if needs.mlflow:
        kubernetes.use_secret_as_env(pod, "perennial-mlflow", {key: key for key in MLFLOW})


def _accelerate(pod: Any, accelerator: str) -> None:
    """Ask for one accelerator, on the nodes that are kept for those who do."""
    from kfp import kubernetes

    pod.set_accelerator_type(accelerator).set_accelerator_limit(1)
    kubernetes.add_toleration(pod, key=accelerator, operator="Exists", effect="NoSchedule")
    kubernetes.add_node_selector(pod, f"{accelerator}.present", "true")
    # CUDA's libraries share memory between processes there, of which a container has 64 MiB by itself.
    kubernetes.empty_dir_mount(pod, "shm", "/dev/shm", medium="Memory", size_limit="8Gi")  # noqa: S108
