"""``POST /v1/models/{task}/feedback``: people say what a picture shows; it waits until somebody approves it."""

import asyncio
import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from perennial.catalog.digests import digest_of, digest_of_bytes
from perennial.errors import ImageRejected, SettingsError
from perennial.serving.journal import Journal
from perennial.serving.pictures import catalog_form
from perennial.serving.prediction_ids import PredictionIds
from perennial.serving.tokens import Tokens
from perennial.sources.images import MAX_BYTES

Classes = Callable[[str], Sequence[str] | None]
"""Returns the classes of a task that the endpoint answers for, None for any other."""

MOST_COMMENT = 2_000
MOST_BODY = MAX_BYTES * 4 // 3 + 64 * 1024
_REMEMBERED = 10_000
_AT_ONCE = 2
_RETRY_S = 10
_CLOSE = {"connection": "close"}


class EncodedImage(BaseModel):
    """An encoded image file as base64 text."""

    model_config = ConfigDict(extra="forbid")

    b64: str


class Statement(BaseModel):
    """What a person says: of an earlier answer, by its ``prediction_id``, or of the image that is sent along."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"prediction_id": "regions.aR8…", "class": "Asia", "comment": "It stands in Kyoto."}]},
    )

    prediction_id: str | None = Field(None, description="The prediction_id of an answer.")
    image: EncodedImage | None = Field(None, description="The picture, where the server doesn't keep those it is asked about.")
    cls: str = Field(alias="class", min_length=1, max_length=512, description="The class that is right.")
    comment: str = Field("", description=f"Why; up to {MOST_COMMENT} characters.")


class Refused(Exception):
    """A statement that isn't taken; its text is the answer's sentence."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class Box:
    """Takes statements for one endpoint and notes them in its journal."""

    def __init__(self, endpoint: str, tokens: Tokens, journal: Journal, ids: PredictionIds, classes: Classes) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._journal = journal
        self._ids = ids
        self._classes = classes
        self._noted: OrderedDict[str, None] = OrderedDict()
        self._checking = asyncio.Semaphore(_AT_ONCE)

    async def take(self, task: str, request: Request) -> dict[str, Any]:
        """Return the answer to one statement.

        Raises:
            Refused: it isn't taken, with the status and the reason.
        """
        user = self._user(request.headers.get("authorization", ""))
        classes = self._classes(task)
        if classes is None:
            raise Refused(404, f"The endpoint '{self._endpoint}' has no model '{task}'.")
        body = await _body(request)
        async with self._checking:
            record, picture, learnable = await asyncio.to_thread(self._checked, task, classes, user, body)
        self._note(record, picture)
        answer = {"feedback": record["feedback"], "state": "pending", "task": task, "class": record["cls"]}
        return answer | {"learnable": learnable, "note": _note_about(learnable)}

    def _user(self, authorization: str) -> str:
        """Return who speaks, counted."""
        if not self._tokens.there:
            raise Refused(
                403,
                "This endpoint takes no feedback, because nobody has a token. Whoever runs it makes one with "
                "'perennial feedback token USER', which takes effect at once.",
            )
        scheme, _, token = authorization.partition(" ")
        try:
            user = self._tokens.user_of(token.strip()) if scheme.lower() == "bearer" else None
        except SettingsError as error:
            raise Refused(503, str(error), {"retry-after": str(_RETRY_S)}) from None
        if user is None:
            sentence = "The request has no token that is known here. Send the header 'Authorization: Bearer TOKEN' with yours."
            raise Refused(401, sentence, {"www-authenticate": "Bearer"})
        if wait_s := self._tokens.take(user):
            sentence = (
                f"'{user}' has sent {self._tokens.daily} pieces of feedback today, as many as are taken. Go on tomorrow (UTC)."
            )
            raise Refused(429, sentence, {"retry-after": str(wait_s)})
        return user

    def _checked(self, task: str, classes: Sequence[str], user: str, body: bytes) -> tuple[dict[str, Any], bytes | None, bool]:
        """Return a statement as the journal takes it, its picture, and whether it can be learnt."""
        said = _statement(body)
        if said.cls not in classes:
            raise Refused(400, f"'{said.cls[:80]}' is no class of '{task}'. Its classes: {', '.join(classes)}.")
        kept = said.prediction_id is not None and self._kept(task, said.prediction_id)
        picture = _picture(said.image.b64) if said.image else None
        about = [task, user, said.prediction_id, digest_of_bytes(picture) if picture else None, said.cls]
        record = {
            "kind": "feedback",
            "feedback": digest_of(["feedback", self._endpoint, *about]),
            "at": time.time(),
            "endpoint": self._endpoint,
            "task": task,
            "who": user,
            "cls": said.cls,
            "comment": said.comment,
            "prediction_id": said.prediction_id,
        }
        return record, picture, kept or picture is not None

    def _kept(self, task: str, prediction_id: str) -> bool:
        known = self._ids.check(prediction_id)
        if known is None:
            raise Refused(404, "This endpoint never gave that prediction_id. Send one that stands in an answer, or the image.")
        if known.task != task:
            raise Refused(404, f"That prediction_id is of an answer for '{known.task}', not '{task}'. Send it there.")
        return known.kept

    def _note(self, record: dict[str, Any], picture: bytes | None) -> None:
        """Note a statement, once however often it is sent."""
        if record["feedback"] in self._noted:
            return
        if self._journal.full:
            sentence = "The store doesn't take what was said before, so that no more can be kept. Send it again later."
            raise Refused(503, sentence, {"retry-after": str(_RETRY_S)})
        self._journal.note(record, picture)
        self._noted[record["feedback"]] = None
        if len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)


def routes(endpoint: str, tokens: Tokens, journal: Journal, ids: PredictionIds, classes_of_task: Classes) -> APIRouter:
    """Return the route that takes feedback for an endpoint's tasks."""
    router, box = APIRouter(), Box(endpoint, tokens, journal, ids, classes_of_task)

    async def give(task: str, request: Request) -> JSONResponse:
        try:
            return JSONResponse(await box.take(task, request), 202)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status, refused.headers)

    router.add_api_route(
        "/v1/models/{task}/feedback",
        give,
        methods=["POST"],
        tags=["Feedback"],
        summary="Say what a picture shows",
        status_code=202,
        responses={status: {"description": text} for status, text in _STATUSES.items()},
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": Statement.model_json_schema()}}},
        },
    )
    return router


_STATUSES: dict[int | str, str] = {
    202: "It waits for somebody to approve it",
    400: "A class that isn't known, a comment that is too long, no image, or JSON of another shape",
    401: "No token that is known",
    403: "Nobody may say anything here: there are no tokens",
    404: "No such task, or a prediction_id that was never given",
    413: "The body is too large",
    429: "The user's limit for today is reached",
    503: "Not now: what was said before couldn't be stored yet",
}


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BODY:
            raise Refused(413, f"The request has more than {MOST_BODY // 2**20} MiB. Send a smaller image.", _CLOSE)
    return b"".join(parts)


def _statement(body: bytes) -> Statement:
    try:
        said = Statement.model_validate_json(body)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, wrong["loc"])) or "the body"
        raise Refused(
            400, f'{where}: {wrong["msg"]}. Send JSON such as {{"prediction_id": "…", "class": "…", "comment": "…"}}.'
        ) from None
    if said.prediction_id is None and said.image is None:
        raise Refused(400, "It isn't said which picture is meant. Send the prediction_id of an answer, or an image, or both.")
    if len(said.comment) > MOST_COMMENT:
        raise Refused(400, f"The comment has {len(said.comment)} characters; at most {MOST_COMMENT} are kept. Shorten it.")
    return said


def _picture(b64: str) -> bytes:
    try:
        return catalog_form(base64.b64decode(b64, validate=True))
    except (binascii.Error, ValueError):
        raise Refused(400, "image.b64 isn't base64. Send the encoded image file as base64 text.") from None
    except ImageRejected as error:
        raise Refused(400, str(error)) from None


def _note_about(learnable: bool) -> str:
    if learnable:
        return "It is learnt once somebody has approved it."
    return (
        "The picture of that answer isn't kept, so it can be learnt only if the catalog has it already: "
        "send the image as well to be sure."
    )
