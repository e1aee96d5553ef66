"""MLflow's users, brought in line with their Secrets through its own REST API."""

import time
from collections.abc import Callable, Mapping

import httpx

from perennial.errors import RegistryError, RegistryUnavailable

_USERS = "/api/2.0/mlflow/users"
_POLL_S = 2.0
_TIMEOUT_S = 30
_UNKNOWN = 401


def set_up_users(
    uri: str,
    admin: tuple[str, str],
    users: Mapping[str, str],
    *,
    wait_s: float = 0,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Make the users that are missing, and give each its password; one who can log in already is left alone.

    A new user reads everything and may make experiments and models, which are then its own.

    Args:
        uri: MLflow's address.
        admin: its administrator's name and password.
        users: password of each user, by name.
        wait_s: seconds to wait for MLflow to answer.
        say: takes a line for each user.

    Raises:
        RegistryUnavailable: MLflow doesn't answer in time.
        RegistryError: it refuses the administrator, or a user.
    """
    with httpx.Client(base_url=uri.rstrip("/"), timeout=_TIMEOUT_S) as client:
        _wait(client, uri, wait_s)
        try:
            if not _lets_in(client, uri, *admin):
                raise RegistryError(
                    f"MLflow at {uri} refuses its administrator '{admin[0]}'. If the Secret mlflow-admin was changed, "
                    "restart MLflow, which then takes it over; else correct the Secret."
                )
            for name, password in users.items():
                say(f"MLflow user {name}: {_bring_in_line(client, uri, admin, name, password)}")
        except httpx.HTTPError as error:
            raise _away(uri, error) from None


def _bring_in_line(client: httpx.Client, uri: str, admin: tuple[str, str], name: str, password: str) -> str:
    if _lets_in(client, uri, name, password):
        return "kept"
    known = client.get(f"{_USERS}/get", params={"username": name}, auth=admin).is_success
    document = {"username": name, "password": password}
    answer = (
        client.patch(f"{_USERS}/update-password", json=document, auth=admin)
        if known
        else client.post(f"{_USERS}/create", json=document, auth=admin)
    )
    if not answer.is_success:
        raise RegistryError(
            f"MLflow at {uri} refuses the user '{name}' ({_said(answer)}). Correct that user's Secret, and run set-up again."
        )
    return "new password" if known else "made"


def _lets_in(client: httpx.Client, uri: str, name: str, password: str) -> bool:
    answer = client.get(f"{_USERS}/current", auth=(name, password))
    if answer.is_success or answer.status_code == _UNKNOWN:
        return answer.is_success
    raise RegistryError(
        f"MLflow at {uri} doesn't say who '{name}' is ({_said(answer)}). Check that PERENNIAL_MLFLOW names an MLflow with basic "
        "auth, by a host name that it answers to."
    )


def _wait(client: httpx.Client, uri: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            client.get("/health").raise_for_status()
            return
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if time.monotonic() > deadline:
                raise _away(uri, error) from None
        time.sleep(_POLL_S)


def _said(answer: httpx.Response) -> str:
    return f"{answer.status_code}: {' '.join(answer.text.split())[:200]}"


def _away(uri: str, error: Exception) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"MLflow at {uri} doesn't answer as it should ({' '.join(str(error).split())[:200]}). Look at its pod's log, and run "
        "set-up again."
    )
