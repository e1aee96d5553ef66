"""What the routes take: images out of a raw body, JSON, or a V2 request."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_IMAGES = 64
INPUT = "image"
_EXAMPLE = '{"instances": [{"image": {"b64": "…"}}]}'


class WrongRequest(ValueError):
    """A request that holds no images; its text is the answer's sentence."""


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


def images_of_binary(body: bytes, json_length: str | None) -> list[bytes]:
    """Return the images of a V2 REST request whose tensor follows the JSON as raw bytes.

    KServe's own reading of it makes text of every BYTES tensor, which an encoded image isn't.

    Raises:
        WrongRequest: the lengths don't fit, or it isn't exactly one BYTES input.
    """
    try:
        head = int(json_length or "")
        inputs = json.loads(body[:head])["inputs"]
        names = [(str(each["name"]), str(each["datatype"])) for each in inputs]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WrongRequest(
            "The request is neither JSON nor JSON followed by a binary tensor whose header Inference-Header-Content-Length "
            "gives the JSON's length. Send one of these."
        ) from None
    if len(names) != 1 or names[0][1] != "BYTES":
        raise _wrong_inputs(names)
    images = list(_prefixed(body[head:]))
    _few_enough(images)
    return images


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


def _encoded(instance: Any) -> Any:
    image = instance.get("image", instance) if isinstance(instance, Mapping) else instance
    return image.get("b64") if isinstance(image, Mapping) else image


def _elements(tensor: Any) -> list[Any]:
    """Return a BYTES tensor's elements in order, whatever its shape."""
    try:
        raw = tensor.as_numpy() if tensor.data is None or not len(tensor.data) else tensor.data
    except (ValueError, TypeError, IndexError) as error:
        raise WrongRequest(f"The input '{tensor.name}' can't be read: {error}.") from None
    return list(_flat(raw.tolist() if hasattr(raw, "tolist") else list(raw)))


def _prefixed(data: bytes) -> Iterator[bytes]:
    """Yield the elements of a binary BYTES tensor: each follows its length, 4 bytes little-endian."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if at + 4 + length > len(data):
            raise WrongRequest("The binary tensor is cut off: an element is longer than what was sent. Send it whole.")
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _wrong_inputs(names: list[tuple[str, str]]) -> WrongRequest:
    got = ", ".join(f"{name} ({datatype})" for name, datatype in names) or "none"
    return WrongRequest(f"The request needs exactly one input, '{INPUT}' of datatype BYTES with encoded images, got {got}.")


def _flat(elements: list[Any]) -> list[Any]:
    return [leaf for element in elements for leaf in (_flat(element) if isinstance(element, list) else [element])]


def _few_enough(images: Sequence[Any]) -> None:
    if not 1 <= len(images) <= MOST_IMAGES:
        raise WrongRequest(f"The request holds {len(images)} images; send 1 to {MOST_IMAGES} at a time.")
