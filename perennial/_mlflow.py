"""How MLflow is opened: quietly, once, and with a sentence where it can't be. For ``perennial.registry`` alone."""

import fcntl
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from perennial.errors import RegistryError, RegistryUnavailable

_SQLITE = "sqlite:///"
_PROBE_TIMEOUT_S = 5.0
# MLflow's own defaults send usage events and repeat a failed request for minutes.
_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


def open_client(uri: str) -> Any:
    """Return an ``MlflowClient`` on a tracking URI whose database or server was seen to answer.

    Raises:
        RegistryUnavailable: it is away, read-only, locked, or no database.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not uri.startswith(_SQLITE):
        _probe_server(uri)
        return _client(uri)
    database = _path(uri)
    _probe_database(uri, database)
    # Two processes that create MLflow's tables at once both fail, so that one waits here for the other.
    with Path(f"{database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _client(uri)


def artifacts_url(uri: str) -> str | None:
    """Return where artifacts go: beside an SQLite file; None leaves it to the MLflow server."""
    return (_path(uri).parent / "mlflow-artifacts").as_uri() if uri.startswith(_SQLITE) else None


@contextmanager
def said(uri: str, what: str) -> Iterator[None]:
    """Turn what MLflow raises into a sentence that says what could not be done.

    Raises:
        RegistryUnavailable: the database or the server doesn't take it.
        RegistryError: MLflow refuses the request itself.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|pydantic)\b")
            yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        text = " ".join(str(error).split())[:300]
        if "not authenticated" in text:
            raise RegistryError(
                f"MLflow at {uri} doesn't know this user or the password is wrong, so it can't {what}. Correct "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, then run again."
            ) from None
        if isinstance(error, MlflowException) and error.get_http_status_code() < 500:
            raise RegistryError(f"MLflow at {uri} refuses {what}: {text}") from None
        raise _unavailable(uri, f"can't {what}: {text}") from None


def _client(uri: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):  # only now: importing MLflow sets its level
            logging.getLogger(name).setLevel(logging.WARNING)
        with said(uri, "be opened"):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _path(uri: str) -> Path:
    return Path(uri.removeprefix(_SQLITE).removeprefix("file:").partition("?")[0])


def _probe_database(uri: str, path: Path) -> None:
    """Write nothing, but as a writer would: MLflow itself would repeat a failing connection for an hour."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = uri.removeprefix(_SQLITE)
        with sqlite3.connect(name, timeout=_PROBE_TIMEOUT_S, uri=name.startswith("file:"), isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            database.execute(f"PRAGMA user_version = {int(version)}")
            database.execute("ROLLBACK")
        database.close()
    except (OSError, sqlite3.Error) as error:
        raise _unavailable(uri, f"can't be written: {error}") from None


def _probe_server(uri: str) -> None:
    try:
        httpx.get(f"{uri.rstrip('/')}/health", timeout=_PROBE_TIMEOUT_S).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(uri, f"doesn't answer: {str(error).partition(chr(10))[0].rstrip('.')}") from None


def _unavailable(uri: str, seen: str) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"The model registry {uri} {seen}. Check that it is there, that this user may write it and that the disk has room, "
        "or name another one in PERENNIAL_MLFLOW. Nothing else was changed; run the command again then."
    )
