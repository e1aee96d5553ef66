"""Asking an endpoint, over plain HTTP."""

import functools
import time
from typing import Any

import httpx

from perennial.errors import EndpointError, ImageRejected
from perennial.serving.address import Address, read_address
from perennial.settings import Settings

RELEASE_HEADER = "x-perennial-release"
JOURNAL_HEADER = "x-perennial-journal"
UNNOTED = "off"
TIMEOUT_S = 60.0


def predict(
    url: str, task: str, jpeg: bytes, *, release: str | None = None, noted: bool = True, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """Return the endpoint's answer for one image; while it is busy it is asked again when it says, until the time is over.

    Its keys are class, probability, top, unfamiliar, model_version, release, backbone and prediction_id. Unless ``noted``, the
    prediction log doesn't get it.

    Raises:
        ImageRejected: the endpoint takes no such image; the text is its reason.
        EndpointError: nothing answers at ``url``, or it has no such task or release.
    """
    return _asked(url, task, "predict", jpeg, {}, _headers(release, noted=noted), timeout_s)


def predict_all(url: str, jpeg: bytes, *, timeout_s: float = TIMEOUT_S) -> dict[str, dict[str, Any]]:
    """Return the answers of all tasks of the endpoint for one image, by task, each as :func:`predict` gives it.

    Raises:
        ImageRejected: the endpoint takes no such image; the text is its reason.
        EndpointError: nothing answers at ``url``.
    """
    return _asked(url, None, "predict", jpeg, {}, _headers(None), timeout_s)


def explain(
    url: str,
    task: str,
    picture: bytes,
    *,
    neighbours: int = 5,
    cls: str | None = None,
    overlay: bool = False,
    release: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, Any]:
    """Return the endpoint's answer for one image, and why: with ``neighbours`` and ``map`` beside what :func:`predict` gives.

    Args:
        url: the endpoint's address.
        task: the task's name.
        picture: an encoded image.
        neighbours: how many of the nearest training images to name, up to 50.
        cls: the class to map; None: the answered one.
        overlay: also draw the map over the picture: a JPEG, in base64, in ``map`` under ``overlay``.
        release: a release's digest, to ask that one.
        timeout_s: how long to wait for the answer.

    Raises:
        ImageRejected: the endpoint takes no such image, or the model knows no such class; the text says which.
        EndpointError: nothing answers at ``url``, or it has no such task or release.
    """
    options = {"neighbours": str(neighbours)} | ({"class": cls} if cls else {}) | ({"overlay": "jpeg"} if overlay else {})
    return _asked(url, task, "explain", picture, options, _headers(release), timeout_s)


def report(url: str, *, timeout_s: float = 5.0) -> dict[str, Any] | None:
    """Return what the endpoint at ``url`` serves, by ``GET /v1/endpoint``; None where nothing answers."""
    try:
        response = _http().get(f"{url}/v1/endpoint", timeout=timeout_s)
        facts = response.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def running(endpoint: str, settings: Settings) -> Address | None:
    """Return the address of this installation's server of an endpoint, if it answers and serves that endpoint from this store."""
    address = read_address(settings, endpoint)
    facts = report(address.url) if address else None
    same = facts and facts.get("endpoint") == endpoint and facts.get("store") == settings.store_url.rstrip("/")
    return address if same else None


def address(endpoint: str, settings: Settings) -> str:
    """Return the URL of an endpoint: as the settings say, else where its server runs here, else where it would."""
    if settings.endpoint_url:
        return settings.endpoint_url.replace("{endpoint}", endpoint).rstrip("/")
    found = running(endpoint, settings)
    return found.url if found else f"http://{settings.host}:{settings.http_port}"


def _asked(
    url: str, task: str | None, verb: str, picture: bytes, options: dict[str, str], headers: dict[str, str], timeout_s: float
) -> dict[str, Any]:
    until = time.monotonic() + timeout_s
    path = f"{url}/v1/{f'models/{task}' if task else 'endpoint'}:{verb}"
    while True:
        try:
            response = _http().post(path, content=picture, params=options, headers=headers, timeout=timeout_s)
        except (httpx.HTTPError, httpx.InvalidURL):
            raise EndpointError(f"No endpoint answers at {url}. Start one with 'perennial serve {task or 'TASK'}'.") from None
        again = response.headers.get("retry-after", "") if response.status_code == 503 else ""
        if not again.isdigit() or time.monotonic() + int(again) > until:
            break
        time.sleep(int(again))
    if response.status_code in (400, 413):
        raise ImageRejected(_sentence(response))
    if response.is_error:
        raise EndpointError(_sentence(response))
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer


@functools.cache
def _http() -> httpx.Client:
    """Return this process's client, since making one takes longer than asking; servers come and go, so no connection is kept."""
    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


def _headers(release: str | None, *, noted: bool = True) -> dict[str, str]:
    named = {RELEASE_HEADER: release} if release else {}
    return {"content-type": "image/jpeg", **named, **({} if noted else {JOURNAL_HEADER: UNNOTED})}


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The endpoint answered {response.status_code}: {response.text[:200]}"
