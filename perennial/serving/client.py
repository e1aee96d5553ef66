"""Asking an endpoint, over plain HTTP."""

from typing import Any

import httpx

from perennial.errors import EndpointError, ImageRejected
from perennial.serving.address import Address, read_address
from perennial.settings import Settings

RELEASE_HEADER = "x-perennial-release"
TIMEOUT_S = 60.0


def predict(url: str, task: str, jpeg: bytes, *, release: str | None = None, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the endpoint's answer for one image.

    Its keys are class, probability, top, unfamiliar, model_version, release, backbone and prediction_id.

    Raises:
        ImageRejected: the endpoint takes no such image; the text is its reason.
        EndpointError: nothing answers at ``url``, or it has no such task or release.
    """
    headers = {"content-type": "image/jpeg"} | ({RELEASE_HEADER: release} if release else {})
    try:
        response = httpx.post(f"{url}/v1/models/{task}:predict", content=jpeg, headers=headers, timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise EndpointError(f"No endpoint answers at {url}. Start one with 'perennial serve {task}'.") from None
    if response.status_code in (400, 413):
        raise ImageRejected(_sentence(response))
    if response.is_error:
        raise EndpointError(_sentence(response))
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer


def report(url: str, *, timeout_s: float = 5.0) -> dict[str, Any] | None:
    """Return what the endpoint at ``url`` serves, by ``GET /v1/endpoint``; None where nothing answers."""
    try:
        response = httpx.get(f"{url}/v1/endpoint", timeout=timeout_s)
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


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The endpoint answered {response.status_code}: {response.text[:200]}"
