"""What the routes take: images out of a raw body, JSON, or a V2 request."""

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

MOST_IMAGES = 64
INPUT = "image"
TIMEOUT_HEADER = "x-perennial-timeout"
_EXAMPLE = '{"instances": [{"image": {"b64": "…"}}]}'


class WrongRequest(ValueError):
    """A request that holds no images; its text is the answer's sentence."""


@dataclass(frozen=True)
class Tensor:
    """An input of a V2 request."""

    name: str
    datatype: Any
    data: Any


@dataclass(frozen=True)
class V2Request:
    """A V2 REST request: images, the client's id, which outputs it wants (all, if it names none), and whether as raw bytes."""

    images: list[bytes]
    id: str
    outputs: Mapping[str, bool]
    binary: bool


def images_of_body(body: bytes, content_type: str) -> list[bytes]:
    """Return the images of a V1 request; anything but JSON is one encoded image.

    Raises:
        WrongRequest: the body is empty, or JSON of another shape.
    """
    if not body:
        raise WrongRequest(f"The request is empty. Send an image as the body, or JSON such as {_EXAMPLE}.")
    if "json" not in content_type and body.lstrip()[:1] != b"{":
        return [body]
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WrongRequest(f"The request isn't JSON ({error}). Send an image as the body, or JSON such as {_EXAMPLE}.") from None
    return images_of_json(document)


def options_of_body(body: bytes) -> Mapping[str, Any]:
    """Return what stands beside the instances of a V1 request's JSON; nothing where it is an image."""
    if body.lstrip()[:1] != b"{":
        return {}
    document = json.loads(body)
    return document if isinstance(document, Mapping) else {}


def images_of_json(document: Any) -> list[bytes]:
    """Return the images of V1 JSON.

    Raises:
        WrongRequest: it has another shape.
    """
    instances = document.get("instances") if isinstance(document, Mapping) else None
    if not isinstance(instances, list):
        raise WrongRequest(f"The request has no list 'instances'. Send JSON such as {_EXAMPLE}.")
    _few_enough(instances)
    return [decoded(_encoded(instance), f"instances[{i}]") for i, instance in enumerate(instances)]


def images_of_tensors(inputs: Sequence[Any]) -> list[bytes]:
    """Return the images of a V2 request's inputs: one of type BYTES, raw over gRPC, base64 in JSON.

    Raises:
        WrongRequest: there isn't exactly one such input.
    """
    if len(inputs) != 1 or inputs[0].datatype != "BYTES":
        raise _wrong_inputs([(each.name, each.datatype) for each in inputs])
    elements = _elements(inputs[0])
    _few_enough(elements)
    return [element if isinstance(element, bytes) else decoded(element, f"data[{i}]") for i, element in enumerate(elements)]


def v2_request(body: bytes, json_length: str | None) -> "V2Request":
    """Return what a V2 REST request asks: JSON, or JSON and after it a tensor as raw bytes.

    KServe's own reading makes text of every BYTES tensor, which an encoded image isn't.

    Args:
        body: the request's body.
        json_length: the header ``Inference-Header-Content-Length``, of a request with raw bytes.

    Raises:
        WrongRequest: it has another shape, the lengths don't fit, or it isn't exactly one BYTES input.
    """
    try:
        head = int(json_length) if json_length is not None else len(body)
        document = json.loads(body[:head])
    except (ValueError, RecursionError):
        raise WrongRequest(
            "The request is neither JSON nor JSON followed by a binary tensor whose header Inference-Header-Content-Length "
            "gives the JSON's length. Send one of these."
        ) from None
    inputs, outputs = _tensors(document, "inputs"), _tensors(document, "outputs", optional=True)
    parameters, id = document.get("parameters"), document.get("id")
    whole = isinstance(parameters, Mapping) and parameters.get("binary_data_output") is True
    binary = {str(each["name"]): _binary(each, whole) for each in outputs}
    if json_length is None or "data" in (inputs[0] if inputs else {}):
        images = images_of_tensors([Tensor(str(each["name"]), each.get("datatype"), each.get("data")) for each in inputs])
    else:
        images = _images_of_binary(inputs, body[head:])
    return V2Request(images, id if isinstance(id, str) else "", binary, whole)


def decoded(text: Any, where: str) -> bytes:
    """Return base64's bytes.

    Raises:
        WrongRequest: it isn't base64.
    """
    if not isinstance(text, str):
        raise WrongRequest(f"{where} holds no image. Send base64 text, such as {_EXAMPLE}.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise WrongRequest(f"{where} isn't base64. Send the encoded image file as base64 text, such as {_EXAMPLE}.") from None


def seconds_of(text: str | None, most: float) -> float:
    """Return how long a client lets its request take, at most ``most`` seconds; that where it says nothing.

    Raises:
        WrongRequest: it is no positive number.
    """
    if text is None:
        return most
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise WrongRequest(f"The header {TIMEOUT_HEADER} is '{text[:40]}'. Send a number of seconds above 0, such as 2.5.")
    return min(seconds, most)


def _encoded(instance: Any) -> Any:
    image = instance.get("image", instance) if isinstance(instance, Mapping) else instance
    return image.get("b64") if isinstance(image, Mapping) else image


def _elements(tensor: Any) -> list[Any]:
    """Return a BYTES tensor's elements in order, whatever its shape."""
    try:
        empty = tensor.data is None or (isinstance(tensor.data, Sized) and not len(tensor.data))
        raw = tensor.as_numpy() if empty and hasattr(tensor, "as_numpy") else tensor.data
    except (ValueError, TypeError, IndexError) as error:
        raise WrongRequest(f"The input '{tensor.name}' can't be read: {error}.") from None
    elements = raw.tolist() if hasattr(raw, "tolist") else raw
    return list(_flat(elements if isinstance(elements, list) else [elements]))


def _tensors(document: Any, key: str, *, optional: bool = False) -> list[Mapping[str, Any]]:
    """Return the tensors that a V2 request lists under a key."""
    listed = document.get(key, [] if optional else None) if isinstance(document, Mapping) else None
    if optional and listed is None and isinstance(document, Mapping):
        return []
    if not isinstance(listed, list) or not all(
        isinstance(each, Mapping) and isinstance(each.get("name"), str) for each in listed
    ):
        raise WrongRequest(
            f"The request isn't as this route takes it: '{key}' is no list of tensors with name, shape and datatype. Send JSON "
            'such as {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["…"]}]}.'
        )
    return listed


def _binary(output: Mapping[str, Any], otherwise: bool) -> bool:
    parameters = output.get("parameters")
    return bool(parameters.get("binary_data", otherwise)) if isinstance(parameters, Mapping) else otherwise


def _images_of_binary(inputs: list[Mapping[str, Any]], data: bytes) -> list[bytes]:
    if len(inputs) != 1 or inputs[0].get("datatype") != "BYTES":
        raise _wrong_inputs([(each["name"], each.get("datatype")) for each in inputs])
    images = list(_prefixed(data))
    _few_enough(images)
    return images


def _prefixed(data: bytes) -> Iterator[bytes]:
    """Yield the elements of a binary BYTES tensor: each follows its length, 4 bytes little-endian."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + length > len(data):
            raise WrongRequest("The binary tensor is cut off: an element is longer than what was sent. Send it whole.")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _wrong_inputs(names: list[tuple[str, Any]]) -> WrongRequest:
    got = ", ".join(f"{name} ({datatype})" for name, datatype in names) or "none"
    return WrongRequest(f"The request needs exactly one input, '{INPUT}' of datatype BYTES with encoded images, got {got}.")


def _flat(elements: list[Any]) -> Iterator[Any]:
    """Yield the leaves of nested lists in order; their depth is the client's, so there is no recursion."""
    left = [iter(elements)]
    while left:
        for element in left[-1]:
            if isinstance(element, list):
                left.append(iter(element))
                break
            yield element
        else:
            left.pop()


def _few_enough(images: Sequence[Any]) -> None:
    if not 1 <= len(images) <= MOST_IMAGES:
        raise WrongRequest(f"The request holds {len(images)} images; send 1 to {MOST_IMAGES} at a time.")
