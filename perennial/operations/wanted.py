"""The Secrets of an installation: which there are, and what is made for each."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ACCESS, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
CONTACT = "PERENNIAL_CONTACT"
_PLACES = ("AWS_ENDPOINT_URL", "AWS_REGION", "PERENNIAL_STORE", "PERENNIAL_ENDPOINT_URL", CONTACT)
MAY_BE_EMPTY = frozenset((ACCESS, SECRET, CONTACT))
"""Keys whose values may be empty: where pods have roles, and where no site on the web is asked."""

Made = Mapping[str, Callable[[], str]]


@dataclass(frozen=True)
class Wanted:
    """A Secret: the values that are made where it lacks them, and those of the ConfigMap that it repeats.

    Those in the pipelines' namespace are whole connections: older Kubeflow back ends mount Secrets and no ConfigMaps. Of those
    with keys to the ``bucket``, the ``optional`` ones may be missing where the bucket is looked after elsewhere.
    """

    name: str
    made: Made
    repeated: tuple[str, ...] = ()
    bucket: bool = field(default=False, kw_only=True)
    optional: bool = field(default=False, kw_only=True)


def random_password() -> str:
    """Return 32 characters that nobody can guess, all of them safe in a URL."""
    return secrets.token_urlsafe(24)


def _named(name: str) -> Callable[[], str]:
    return lambda: name


def _keys(service: str) -> Made:
    return {ACCESS: _named(service), SECRET: random_password}


def _user(name: str) -> Made:
    return {USER: _named(name), PASSWORD: random_password}


OWN = (
    Wanted("minio-root", {"MINIO_ROOT_USER": _named("root"), "MINIO_ROOT_PASSWORD": random_password}, bucket=True),
    Wanted("postgres", {"POSTGRES_PASSWORD": random_password, "MLFLOW_DB_PASSWORD": random_password}),
    Wanted(
        "mlflow-admin",
        {
            "MLFLOW_ADMIN_USERNAME": _named("admin"),
            "MLFLOW_ADMIN_PASSWORD": random_password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": random_password,
        },
    ),
    *(Wanted(f"store-{service}", _keys(service), bucket=True) for service in ("mlflow", "server", "dashboard")),
    Wanted("store-inbox", _keys("inbox"), bucket=True, optional=True),
    Wanted("inbox-notifications", {"PERENNIAL_INBOX_TOKEN": random_password}),
    Wanted("mlflow-dashboard", _user("dashboard")),
)
PIPELINES = (
    Wanted("perennial-store", _keys("pipeline"), _PLACES, bucket=True),
    Wanted("perennial-mlflow", _user("pipeline"), ("PERENNIAL_MLFLOW",)),
)
