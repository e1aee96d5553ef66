"""Why an answer is as it is: the training images nearest to the picture, and which parts of it spoke for the class."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import FORMATS, kept_box
from perennial.learning.head import Head
from perennial.serving.activation import class_map
from perennial.serving.overlay import Box, overlay
from perennial.serving.releases import Release
from perennial.serving.requests import WrongRequest

USUAL, MOST = 5, 50
DIGITS = 4
OPTIONS = ("neighbours", "class", "overlay")


@dataclass(frozen=True)
class Wish:
    """What a client wants explained: how many neighbours, which class (None: the answered one), and whether as a picture too."""

    neighbours: int = USUAL
    cls: str | None = None
    overlay: bool = False

    @classmethod
    def of(cls, *told: Mapping[str, Any]) -> "Wish":
        """Return the wish that query parameters or a JSON body tell; the first that names an option decides it.

        Raises:
            WrongRequest: an option has a value that isn't allowed.
        """
        given = {name: next((each[name] for each in told if name in each), None) for name in OPTIONS}
        if given["class"] is not None and not isinstance(given["class"], str):
            raise WrongRequest("The option 'class' isn't a text. Give the name of one of the model's classes.")
        if given["overlay"] not in (None, "", "jpeg"):
            raise WrongRequest(f"The option 'overlay' is {given['overlay']!r:.40}. Leave it out, or ask for 'jpeg'.")
        return cls(_count(given["neighbours"]), given["class"] or None, given["overlay"] == "jpeg")


def explain(
    release: Release,
    task: str,
    vector: NDArray[np.int16],
    features: NDArray[np.float32] | None,
    picture: bytes,
    wish: Wish,
) -> dict[str, Any]:
    """Return what is to be added to an answer: ``neighbours`` and ``map``, which is None where the network has none.

    Args:
        release: what answered.
        task: one of its tasks.
        vector: the picture's vector, int16 [d], and
        features: its last feature map, float32 [d, h, w], both from one pass (``Backbone.embed_with_map``); None: there is none.
        picture: the picture as it was sent; its pixels are looked at only for an overlay.
        wish: what the client asked for.

    Raises:
        WrongRequest: the class that the client names isn't one that the model has learnt.
    """
    head = release.heads[task]
    cls = _position(head, task, wish.cls) if wish.cls else int(head.predict(vector[None])[0])
    neighbours = release.neighbours.get(task)
    return {
        "neighbours": neighbours.nearest(vector, wish.neighbours) if neighbours and wish.neighbours else [],
        "map": None if features is None else _map(head, release.backbones[task], cls, vector, features, picture, wish),
    }


def seen_of(picture: bytes, backbone: Backbone) -> Box:
    """Return the part of a picture that a network sees: left, top, right and bottom as fractions of its upright sides."""
    with Image.open(io.BytesIO(picture), formats=FORMATS) as opened:
        width, height = opened.size
        turned = opened.getexif().get(ExifTags.Base.Orientation, 1) if "exif" in opened.info else 1
    if turned in (5, 6, 7, 8):
        width, height = height, width
    way = backbone.description.preprocessing
    left, top, right, bottom = kept_box((width, height), way.resize, way.crop)
    return left / width, top / height, right / width, bottom / height


def _map(
    head: Head,
    backbone: Backbone,
    cls: int,
    vector: NDArray[np.int16],
    features: NDArray[np.float32],
    picture: bytes,
    wish: Wish,
) -> dict[str, Any]:
    found = class_map(head, features, vector, backbone.description.scale, cls)
    seen = seen_of(picture, backbone)
    box = _covered(seen, backbone.description.map_beside, *found.shown.shape)
    told: dict[str, Any] = {
        "class": head.classes[cls],
        "values": found.shown.round(DIGITS).tolist(),
        "contributions": found.contributions.round(DIGITS).tolist(),
        "bias": round(found.bias, DIGITS),
        "lead": round(found.lead, DIGITS),
        "exact": found.exact,
        "box": [round(side, DIGITS) for side in box],
    }
    if wish.overlay:
        told["overlay"] = base64.b64encode(overlay(picture, seen, found.shown, box)).decode()
    return told


def _covered(seen: Box, beside: float, rows: int, columns: int) -> Box:
    """Return the part that a map covers, which lies some cells further up and left than what the network sees."""
    left, top, right, bottom = seen
    across, down = beside * (right - left) / columns, beside * (bottom - top) / rows
    return left - across, top - down, right - across, bottom - down


def _position(head: Head, task: str, name: str) -> int:
    learnt = [cls for cls, bias in zip(head.classes, head.readout.bias, strict=True) if np.isfinite(bias)]
    if name not in learnt:
        state = "has learnt nothing of" if name in head.classes else "has no class"
        raise WrongRequest(f"The model of '{task}' {state} '{name:.60}'. Name one of: {', '.join(learnt)}.")
    return head.classes.index(name)


def _count(given: Any) -> int:
    text = str(USUAL if given is None or given == "" else given)
    if isinstance(given, bool) or not (text.isascii() and text.isdigit()) or len(text) > 4 or int(text) > MOST:
        raise WrongRequest(f"The option 'neighbours' is {given!r:.40}. Give a whole number from 0 to {MOST}.")
    return int(text)
