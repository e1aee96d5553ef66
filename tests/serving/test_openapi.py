"""The OpenAPI says what the server does: drawn requests get answers of the shapes that stand there, and never a 500."""

import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving.conftest import Served

EXAMPLES = 8
CHECKS: list[CheckFunction] = [status_code_conformance, content_type_conformance, response_schema_conformance]
INFERENCE = {"/v1/models/{task}:predict", "/v1/models/{task}:explain", "/v1/endpoint:predict", "/v2/models/{task}/infer"}


@pytest.fixture(scope="module")
def document(shared: Served) -> dict[str, Any]:
    return httpx.get(f"{shared.url}/openapi.json").json()


def test_drawn_requests_get_answers_as_described(shared: Served, document: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        seen.add(operation.path)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def drawn(case: Any) -> None:
            if "task" in case.path_parameters and len(case.path_parameters["task"]) % 2:
                case.path_parameters["task"] = "colours"
            response = case.call(base_url=shared.url, timeout=30)
            assert response.status_code < 500 or response.status_code in (503, 504), response.text
            case.validate_response(response, checks=CHECKS)

        drawn()
    assert seen >= INFERENCE


def test_the_examples_are_answered(shared: Served, document: dict[str, Any]) -> None:
    asked = 0
    for path, methods in document["paths"].items():
        for content in methods.get("post", {}).get("requestBody", {}).get("content", {}).values():
            for example in content.get("examples", {}).values():
                url = shared.url + path.replace("{task}", "colours").replace("{version}", "1")
                response = httpx.post(url, json=example["value"], timeout=30)
                assert response.status_code == 200, (path, response.text)
                asked += 1
    assert asked >= len(INFERENCE)


def test_every_route_is_described_with_its_errors(document: dict[str, Any]) -> None:
    for path in INFERENCE:
        operation = document["paths"][path]["post"]
        assert {"200", "400", "404", "413", "503", "504"} <= operation["responses"].keys()
        assert operation["description"]
        assert len(operation["requestBody"]["content"]) >= 2
        assert "422" not in operation["responses"]
    assert "repository" not in json.dumps(list(document["paths"]))
    assert document["paths"].keys() >= {
        "/metrics",
        "/v1/endpoint",
        "/v1/models/{task}",
        "/v2/models/{task}/ready",
        "/v2/health/ready",
    }


def test_the_documentation_is_a_page(shared: Served) -> None:
    page = httpx.get(f"{shared.url}/docs")
    assert page.status_code == 200
    assert "/openapi.json" in page.text
