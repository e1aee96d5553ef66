"""What the routes take and give, as ``/openapi.json`` says it; nothing is checked by it while requests are answered."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from perennial.serving.calls import REQUEST_ID
from perennial.serving.client import JOURNAL_HEADER, RELEASE_HEADER, UNNOTED
from perennial.serving.requests import INPUT, MOST_IMAGES, TIMEOUT_HEADER

DESCRIPTION = """\
Classifies pictures by models that keep learning. Send encoded pictures (JPEG, PNG, WebP), never tensors; they are brought to the
form in which the model learnt.

* **V1**: a picture as the body, or JSON with several in base64. The least work for both sides.
* **V2** (Open Inference Protocol), over REST and gRPC.
* **All tasks at once**: `POST /v1/endpoint:predict` answers for every task of the endpoint at the price of little more than one.

Every error is JSON, `{"error": "a sentence"}`.
"""
_PICTURE = {"type": "string", "format": "binary", "description": "An encoded picture, at most 20 MiB."}
_BASE64 = {"type": "string", "format": "byte", "description": "An encoded picture in base64."}
_TINY = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"


class Error(BaseModel):
    """What went wrong, with what, and what to do next."""

    error: str


class Class(BaseModel):
    """A class and how likely it is."""

    model_config = ConfigDict(populate_by_name=True)

    cls: str = Field(alias="class")
    probability: float = Field(ge=0, le=1, description="Calibrated.")


class Answer(Class):
    """What one picture shows."""

    top: list[Class] = Field(description="The likeliest classes, likeliest first; at most 10.")
    unfamiliar: bool = Field(description="The picture is farther from what was learnt than 99 % of the calibration images.")
    model_version: int
    release: str = Field(description="Digest of the release that answered.")
    backbone: str = Field(description="Digest of the network that the picture was seen through.")
    prediction_id: str = Field(description="Names this answer in feedback.")


class Neighbour(BaseModel):
    """A picture that the model learnt from."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    cls: str = Field(alias="class")


class Explanation(Answer):
    """An answer, and why it is so."""

    neighbours: list[Neighbour] = Field(description="The pictures learnt from that are nearest, with their links and credits.")
    map: dict[str, Any] | None = Field(
        description="Which parts of the picture spoke for the class; null where that can't be told."
    )


class Explanations(BaseModel):
    """An answer for each picture, in their order, and why."""

    predictions: list[Explanation]


class Predictions(BaseModel):
    """An answer for each picture, in their order."""

    predictions: list[Answer]


class PredictionsOfAll(BaseModel):
    """An answer for each picture and task."""

    predictions: list[dict[str, Answer]]


class Names(BaseModel):
    """The tasks that are answered for."""

    models: list[str]


class Ready(BaseModel):
    """A task that is answered for."""

    name: str
    ready: bool


class Alive(BaseModel):
    """The process answers."""

    status: str


class Live(BaseModel):
    """The process answers."""

    live: bool


class AllReady(BaseModel):
    """At least one release is loaded."""

    ready: bool


class Server(BaseModel):
    """Who answers."""

    name: str
    version: str
    extensions: list[str]


class TensorKind(BaseModel):
    """Name, datatype and shape of an input or an output; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class Model(BaseModel):
    """What a task's model takes and gives over V2."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class Output(TensorKind):
    """One output tensor, an element for each picture."""

    data: list[Any]


class Inferred(BaseModel):
    """What V2 answers."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str | None = None
    id: str
    outputs: list[Output]


class Served(BaseModel):
    """One release and what it answered since this server loaded it."""

    model_config = ConfigDict(extra="allow")

    role: str = Field(description="stable, canary or previous.")
    ready: bool
    reason: str = Field(description="Why it can't be loaded.")
    tasks: dict[str, dict[str, Any]]
    requests: int
    errors: int = Field(description="Requests on which the server itself failed.")
    rejected: int = Field(description="Requests whose images were refused.")
    seconds: float
    images: int = Field(description="Images answered, one for each task that answered.")
    unfamiliar: int = Field(description="Those unlike anything learnt.")
    latency: list[int] = Field(
        description="Requests by how long they took: at most latency_bounds[i] and more than the bound before; the last: longer. "
        "Those that were refused and those whose client had gone aren't among them."
    )


class Report(BaseModel):
    """What is served."""

    model_config = ConfigDict(extra="allow")

    endpoint: str
    store: str
    store_trouble: str = Field(description="Why the store can't be read; what is loaded serves on.")
    pid: int
    tasks: list[str]
    stable: str | None
    canary: str | None
    share: int = Field(description="The canary's part of the traffic, in percent.")
    fence: int
    latency_bounds: list[float] = Field(description="Upper bounds, in seconds, of the buckets of each release's latency.")
    releases: dict[str, Served]


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of a route."""
    return {code: {"model": Error, "description": _ERRORS[code]} for code in codes}


def describe(app: FastAPI) -> None:
    """Leave out the answer 422, which FastAPI adds to every route that has parameters: here that is a 400."""
    document = app.openapi()
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def answered(model: type[BaseModel], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the good answer of a route."""
    return {200: {"model": model, "description": description, "headers": _HEADERS}}


INFERENCE = (400, 404, 408, 413, 500, 503, 504)
_ERRORS = {
    400: "The request holds no picture that is taken in: wrong JSON, no base64, a damaged picture, another format, too many.",
    404: "There is no such task, version or release.",
    408: "The body didn't come in time.",
    413: "The body has more than 64 MiB.",
    500: "The server failed; its log says why, under the request's id.",
    503: "Too much waits already, or nothing is released yet. The header Retry-After says when to try again.",
    504: "The request's time was over before its answer was there.",
}
_HEADERS = {
    REQUEST_ID: {"schema": {"type": "string"}, "description": "The request's id, the client's own if it sent one."},
}
_GIVEN = [
    {
        "name": RELEASE_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "Digest of the release that is to answer, instead of one by the shares of traffic.",
    },
    {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "number", "exclusiveMinimum": 0},
        "description": "Seconds after which the request is given up, at most what the server allows.",
    },
    {
        "name": JOURNAL_HEADER,
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": f"{UNNOTED}: the prediction log doesn't get this answer; for probes and tests.",
    },
    {
        "name": REQUEST_ID,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 128},
        "description": "An id to find the request by in logs and traces.",
    },
]
_INSTANCES = {
    "type": "object",
    "required": ["instances"],
    "properties": {
        "instances": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_IMAGES,
            "items": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "object", "required": ["b64"], "properties": {"b64": _BASE64}}},
            },
        }
    },
}
_TENSORS = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"type": "string", "enum": [INPUT]},
                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                    "datatype": {"type": "string", "enum": ["BYTES"]},
                    "data": {"type": "array", "minItems": 1, "maxItems": MOST_IMAGES, "items": _BASE64},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"enum": ["answer", "class", "probability"]}},
            },
        },
    },
}
PICTURES: dict[str, Any] = {
    "parameters": _GIVEN,
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": _PICTURE} for kind in ("image/jpeg", "image/png", "image/webp")},
            "application/json": {
                "schema": _INSTANCES,
                "examples": {"one": {"value": {"instances": [{"image": {"b64": _TINY}}]}}},
            },
        },
    },
}
TENSORS: dict[str, Any] = {
    "parameters": _GIVEN,
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _TENSORS,
                "examples": {"one": {"value": {"inputs": [{"name": INPUT, "shape": [1], "datatype": "BYTES", "data": [_TINY]}]}}},
            },
            "application/octet-stream": {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "JSON, then a tensor as raw bytes; Inference-Header-Content-Length says how long the JSON is.",
                }
            },
        },
    },
}
EXPLAINED: dict[str, Any] = {
    **PICTURES,
    "parameters": [
        *_GIVEN,
        {
            "name": "neighbours",
            "in": "query",
            "schema": {"type": "integer", "minimum": 0, "maximum": 50, "default": 5},
            "description": "How many of the pictures learnt from are shown.",
        },
        {
            "name": "class",
            "in": "query",
            "schema": {"type": "string"},
            "description": "The class to explain, by default the answered one.",
        },
        {
            "name": "overlay",
            "in": "query",
            "schema": {"enum": ["", "jpeg"]},
            "description": "Also draw the map over the picture.",
        },
    ],
}
