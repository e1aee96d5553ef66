"""KServe's model server as this endpoint has it: its models, its data plane for gRPC, its REST server with our routes.

Importing this module imports KServe, which costs seconds and reads ``sys.argv``: ``perennial.serving.server`` does it when it
serves, and nothing else does.
"""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from kserve import InferOutput, InferResponse, Model, ModelRepository
from kserve.errors import InvalidInput
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import RequestedOutput
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from perennial.errors import EndpointError
from perennial.serving.answers import Answer, Answers
from perennial.serving.calls import UNKNOWN, current
from perennial.serving.client import JOURNAL_HEADER, RELEASE_HEADER, UNNOTED
from perennial.serving.limits import PatientProtocol
from perennial.serving.requests import INPUT, TIMEOUT_HEADER, V2Request, WrongRequest, images_of_tensors, seconds_of

OUTPUTS = (
    ("answer", "BYTES", json.dumps),
    ("class", "BYTES", lambda answer: answer["class"]),
    ("probability", "FP64", lambda answer: answer["probability"]),
)


class TaskModel(Model):  # type: ignore[misc]
    """One task of the endpoint as a KServe model, or all of them under the endpoint's name: gRPC asks these."""

    def __init__(self, name: str, task: str | None, answers: Answers) -> None:
        super().__init__(name)
        self.ready = True
        self._task = task
        self._answers = answers

    def validate(self, payload: Any) -> Any:
        """Leave checking to ``predict``."""
        return payload

    async def predict(self, payload: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Answer a V2 request by the release that its headers name or the shares choose."""
        headers = headers or {}
        asked = await self._answers.answer(
            self._task,
            images_of_tensors(payload.inputs),
            release=headers.get(RELEASE_HEADER),
            version=payload.model_version or None,
            timeout_s=seconds_of(headers.get(TIMEOUT_HEADER), self._answers.deadline_s),
            noted=headers.get(JOURNAL_HEADER) != UNNOTED,
        )
        told: list[Any] = [answer if self._task is None else answer[self._task] for answer in asked.answers]
        raw = bool(payload.use_binary_outputs)  # clients that send raw tensors expect them
        wanted = V2Request([], payload.id or "", {each.name: raw for each in payload.request_outputs or ()}, raw)
        return tensors(told, self.name, wanted, OUTPUTS if self._task is not None else OUTPUTS[:1])

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the V2 input: encoded images."""
        return [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the V2 outputs, one element for each image; ``answer`` holds the whole answer as JSON."""
        outputs = OUTPUTS if self._task is not None else OUTPUTS[:1]
        return [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype, _ in outputs]


class Models(ModelRepository):  # type: ignore[misc]
    """The endpoint's tasks, as they are at the moment of asking."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers
        self._all = TaskModel(answers.endpoint.name, None, answers)
        self._known: dict[str, Any] = {}

    def get_models(self) -> dict[str, Any]:
        """Return a model for each task that some ready release answers for."""
        tasks = self._answers.endpoint.tasks
        self._known = {task: self._known.get(task) or TaskModel(task, task, self._answers) for task in tasks}
        return self._known

    def get_model(self, name: str) -> Any:
        """Return a task's model, or under the endpoint's name, where no task has it, that of all its tasks.

        Raises:
            EndpointError: no ready release answers for it.
        """
        found = self.get_models().get(name)
        if found is None and name == self._all.name and self._known:
            found = self._all
        call = current.get()
        if call is not None:
            call.task = name if found is not None else UNKNOWN
        if found is None:
            raise EndpointError(self._answers.endpoint.lacks(name))
        return found


class NoAdmin(ModelRepositoryExtension):  # type: ignore[misc]
    """Refuses to load and unload: what is served is what the endpoint record says."""

    async def load(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"'{model_name}' can't be loaded by request: releases are deployed by 'perennial run'.")

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"'{model_name}' can't be unloaded by request: releases are changed by 'perennial rollback'.")


class Plane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, except that it is ready once a release is loaded, not always."""

    async def ready(self) -> bool:
        """Return whether some release is loaded."""
        return bool(self.model_registry.get_models())


class Rest(RESTServer):  # type: ignore[misc]
    """KServe's REST server on a given address, with an application of our own."""

    def __init__(self, app: FastAPI, models: Models, host: str, port: int, grace_s: int) -> None:
        super().__init__("", Plane(models), NoAdmin(models), port, grace_period=grace_s, event_loop="asyncio")
        self.config.app = app
        self.config.host = host
        self.config.http = PatientProtocol
        self.config.access_log = False
        self.uvicorn = self._server


def metadata(task: str, versions: list[str]) -> dict[str, Any]:
    """Return what a task takes and gives over V2."""
    outputs = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype, _ in OUTPUTS]
    inputs = [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}]
    return {"name": task, "versions": versions, "platform": "perennial", "inputs": inputs, "outputs": outputs}


def tensors(answers: list[Answer], model: str, wanted: V2Request, known: Any = OUTPUTS) -> Any:
    """Return answers as the tensors that a client wants, an element for each image.

    Raises:
        WrongRequest: it wants one that isn't known.
    """
    names = [name for name, _, _ in known]
    if odd := next((name for name in wanted.outputs if name not in names), None):
        raise WrongRequest(f"There is no output '{odd[:60]}'. Ask for {', '.join(names)}, or for none to get them all.")
    outputs = [
        InferOutput(name, [len(answers)], datatype, [value(answer) for answer in answers])
        for name, datatype, value in known
        if not wanted.outputs or name in wanted.outputs
    ]
    request_id = wanted.id or answers[0].get("prediction_id", "")
    version = str(answers[0]["model_version"]) if "model_version" in answers[0] else None
    asked = [RequestedOutput(name, {"binary_data": binary}) for name, binary in wanted.outputs.items()]
    return InferResponse(request_id, model, outputs, version, use_binary_outputs=wanted.binary, requested_outputs=asked or None)
