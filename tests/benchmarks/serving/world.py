"""What is served: a seeded network with a head that was learnt from drawn pictures, in Perennial's form and as plain tensors.

Everything lies in one folder and is made once; a second call adds what is missing.
"""

import datetime as dt
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from pydantic import ValidationError

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.backbones.synthetic import pictures
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.deployment.releases import build_release
from perennial.errors import BackboneError
from perennial.learning.head import Head
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.rules import FolderRule
from perennial.serving.images import pixels
from perennial.serving.record import EndpointRecord, record_key
from perennial.serving.releases import ServedModel
from perennial.sources.images import normalise
from perennial.task import BackboneSpec, FolderSource, ReleaseSpec, Task

SIZE = (1200, 800)
QUALITY = 85
DRAWN = 400
TINTS = ("red", "green", "blue")
TASKS = ("tint", "light", "side", "contrast")
LEARNT, ASKED = 72, 8
DAY = dt.date(2026, 1, 1)


@dataclass(frozen=True)
class Variant:
    """An engine and a precision, and the endpoint that serves them."""

    engine: str
    precision: str

    @property
    def endpoint(self) -> str:
        """Such as ``openvino-fp32``."""
        return f"{self.engine}-{self.precision}"


VARIANTS = tuple(
    Variant(engine, precision)
    for engine, precision in (
        ("openvino", "fp32"),
        ("onnxruntime", "fp32"),
        ("openvino", "bf16"),
        ("openvino", "int8"),
        ("onnxruntime", "int8"),
    )
)
DEFAULT = VARIANTS[0]


@dataclass(frozen=True)
class Asked:
    """A picture that is asked for, and its class and probability, computed offline."""

    jpeg: bytes
    cls: str
    probability: float


class World:
    """One folder with a store, endpoints and the plain tensors."""

    def __init__(self, folder: Path, network: str, resize: int, crop: int, threads: int) -> None:
        """Make the pictures, the default backbone and its models."""
        self.home = folder
        self.threads = threads
        self.network, self.resize, self.crop = network, resize, crop
        self.catalog = Catalog.open(Objects.open((folder / "store").as_uri()))
        self.jpegs = [picture(number) for number in range(LEARNT + ASKED)]
        self.ids = self._learnable()
        self._backbones: dict[Variant, str] = {}
        self._models: dict[tuple[str, str], str] = {}

    def endpoint(self, variant: Variant, tasks: Sequence[str] = TASKS[:1], name: str = "") -> str:
        """Release models of these tasks on one backbone, and return the endpoint that serves them.

        Raises:
            BackboneError: this machine or this version has no such engine at that precision.
        """
        digest = self.backbone(variant)
        served = {task: ServedModel(model=self._model(task, digest), version=1, backbone=digest) for task in tasks}
        name = name or variant.endpoint
        release = build_release(self.catalog, name, served, self.threads)
        record = EndpointRecord(endpoint=name, stable=release)
        self.catalog.objects.put(record_key(name), record.model_dump_json().encode())
        return name

    def backbone(self, variant: Variant) -> str:
        """Return the digest of a variant's backbone, exported and with all pictures embedded.

        Raises:
            BackboneError: this machine or this version can't have it.
        """
        if variant in self._backbones:
            return self._backbones[variant]
        wanted = {"network": self.network, "weights": "random:0", "resize": self.resize, "crop": self.crop}
        try:
            spec = BackboneSpec.model_validate({**wanted, "engine": variant.engine, "precision": variant.precision})
        except ValidationError as error:
            raise BackboneError(f"This version has no {variant.precision} ({error.errors()[0]['msg']}).") from None
        digest = ensure(spec, self.catalog.objects)
        embed_missing(self.catalog, Backbone.load(self.catalog.objects, digest, self.threads), self.ids)
        self._backbones[variant] = digest
        return digest

    def asked(self, variant: Variant = DEFAULT) -> list[Asked]:
        """Return the pictures that are asked for with the answers that a variant gives them offline."""
        digest = self.backbone(variant)
        backbone, head = Backbone.load(self.catalog.objects, digest, self.threads), self._head(TASKS[0], digest)
        jpegs = self.jpegs[LEARNT:]
        vectors = backbone.embed(np.stack([pixels(jpeg, backbone) for jpeg in jpegs]))
        rows = head.probabilities(vectors)
        return [Asked(jpeg, head.classes[row.argmax()], float(row.max())) for jpeg, row in zip(jpegs, rows, strict=True)]

    def files(self) -> list[str]:
        """Return the pictures that are asked for as files."""
        folder = self.home / "asked"
        folder.mkdir(exist_ok=True)
        for number, jpeg in enumerate(self.jpegs[LEARNT:]):
            (folder / f"{number}.jpg").write_bytes(jpeg)
        return [str(folder / f"{number}.jpg") for number in range(ASKED)]

    def shrunk(self, side: int) -> list[bytes]:
        """Return the pictures that are asked for as small squares."""
        found = []
        for jpeg in self.jpegs[LEARNT:]:
            buffer = io.BytesIO()
            Picture.open(io.BytesIO(jpeg)).resize((side, side)).save(buffer, "JPEG", quality=QUALITY)
            found.append(buffer.getvalue())
        return found

    def plain(self) -> Path:
        """Write ``network.safetensors``, the network with its head as last layer, and ``network.json``; return their folder."""
        from safetensors.torch import save_file

        folder = self.home / "plain"
        digest = self.backbone(DEFAULT)
        head = self._head(TASKS[0], digest)
        described = {
            "network": self.network,
            "classes": list(head.classes),
            "resize": self.resize,
            "crop": self.crop,
            "of": digest,
        }
        said = folder / "network.json"
        if said.exists() and json.loads(said.read_text()) == described:
            return folder
        folder.mkdir(exist_ok=True)
        scale = Backbone.load(self.catalog.objects, digest, self.threads).description.scale
        save_file(state_dict(self.network, self.crop, head, scale), folder / "network.safetensors")
        said.write_text(json.dumps(described))
        return folder

    def _head(self, task: str, digest: str) -> Head:
        return load_model(self.catalog.objects, task, self._model(task, digest)).head()

    def _model(self, task: str, digest: str) -> str:
        if (task, digest) in self._models:
            return self._models[task, digest]
        trained = update(definition(task), self.catalog, digest, None)
        if trained is None:
            raise RuntimeError(f"nothing to learn for {task} in {self.home}; delete that folder")
        self._models[task, digest] = trained.digest
        return trained.digest

    def _learnable(self) -> list[str]:
        """Put the pictures that are learnt, and their labels, into the catalog."""
        rows = [_row(number, normalise(jpeg).jpeg) for number, jpeg in enumerate(self.jpegs[:LEARNT])]
        ids = [row.id for row, _ in rows]
        if not set(ids) <= set(self.catalog.image_ids()):
            self.catalog.add_images(rows)
        for task in TASKS:
            if not self.catalog.batches(task):
                events = [LabelEvent(id, task, label(task, number), "source", "folder", DAY) for number, id in enumerate(ids)]
                self.catalog.append_labels(task, events)
        return ids


def definition(task: str) -> Task:
    """Return one of the tasks."""
    classes = TINTS if task == TASKS[0] else ("no", "yes")
    source = FolderSource(type="folder", path=Path("pictures"))
    rules = ReleaseSpec(watch_s=2)
    return Task(name=task, classes=classes, label=FolderRule(rule="folder"), sources=(source,), release=rules)


def label(task: str, number: int) -> str:
    """Return a picture's class: its number says how it is drawn."""
    if task == TASKS[0]:
        return TINTS[number % 3]
    return ("no", "yes")[number // 3 >> TASKS.index(task) - 1 & 1]


def picture(number: int) -> bytes:
    """Draw a picture as a JPEG of 1200×800, tinted, lit, shaded and flattened as its number says."""
    drawn = pictures(1, DRAWN, seed=number)[0].astype(np.float32)
    drawn *= [1.0 if TINTS[channel] == label("tint", number) else 0.35 for channel in range(3)]
    if label("light", number) == "yes":
        drawn *= 0.5
    if label("side", number) == "yes":
        drawn[:, : DRAWN // 2] *= 0.3
    if label("contrast", number) == "yes":
        drawn = 0.5 * drawn + 0.5 * drawn.mean((0, 1))
    shown = Picture.fromarray(drawn.clip(0, 255).astype(np.uint8)).resize((SIZE[0], SIZE[0]), Picture.Resampling.BICUBIC)
    edge = (SIZE[0] - SIZE[1]) // 2
    buffer = io.BytesIO()
    shown.crop((0, edge, SIZE[0], edge + SIZE[1])).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def state_dict(network: str, crop: int, head: Head, scale: float) -> "dict[str, object]":
    """Return the seeded network's tensors with the head as its last layer, so that softmax of its output is the head's answer.

    Args:
        network: torchvision's name; its last layer is called ``fc``.
        crop: side of the input in pixels, for which the recipe calibrates.
        head: takes integers.
        scale: a feature is its integer times this.
    """
    import torch

    from perennial.backbones import networks, seeded
    from perennial.backbones.export import normalised

    bare = networks.create(network)
    seeded.seed(bare, normalised(bare), 0, crop)
    tensors = {name: tensor.contiguous() for name, tensor in bare.state_dict().items()}
    tensors["fc.weight"] = torch.from_numpy(head.readout.weight / scale / head.temperature).float()
    tensors["fc.bias"] = torch.from_numpy(head.readout.bias / head.temperature).float()
    return tensors


def _row(number: int, jpeg: bytes) -> tuple[Image, bytes]:
    post = f"pictures/{number}"
    return Image(digest_of_bytes(jpeg), "pictures", post, "", DAY, post, "", "photo", {}, *SIZE), jpeg
