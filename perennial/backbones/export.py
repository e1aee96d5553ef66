"""Export a network once, with torch, into a folder that an engine runs without it."""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perennial.backbones.abilities import check_precision, import_openvino
from perennial.backbones.description import MARKER, MEAN, STD, BackboneDescription, Preprocessing
from perennial.backbones.displacement import displacement
from perennial.backbones.engines import FILES, open_engine
from perennial.backbones.int8 import RECIPE, quantise_graph
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import quantise, scale_for
from perennial.backbones.synthetic import pictures
from perennial.backbones.weights import AUTO, RANDOM_RECIPE, Weights, identity, read, seed_of
from perennial.catalog.digests import digest_of, digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError
from perennial.processes import usable_cores
from perennial.task import BackboneSpec

if TYPE_CHECKING:
    import torch

PREFIX = "backbones"
OPSET = 18
SCALE_PICTURES = 32
GROUP = 4
"""Larger ones compute hardly faster, and make more clients wait for each other."""

MAP_PICTURES = 6


def ensure(spec: BackboneSpec, objects: Objects) -> str:
    """Return the digest of the backbone that a task asks for, exported to the store if it isn't there yet.

    An edited weights file is another backbone. Where the file is gone, what was last exported from that path is taken.

    Raises:
        WeightsMissing: its weights aren't on this machine and it was never exported to this store.
        BackboneError: the network is unknown, the weights don't fit, or the engine can't be used here at the precision.
    """
    check_precision(spec.engine, spec.precision)
    told = identity(spec.weights)
    ref = _ref_of(spec, told)
    digest = _referred(objects, ref)
    if digest is None:
        digest = publish(spec, objects)
        objects.put_json(ref, {"digest": digest})
    if told is not None and told != AUTO and seed_of(spec.weights) is None:
        _remember(objects, _ref(spec, f"last {Path(spec.weights).expanduser().resolve()}"), digest)
    return digest


def known(spec: BackboneSpec, objects: Objects) -> str | None:
    """Return the digest of the backbone that a task asks for if it is in the store, without torch; None if it isn't.

    Raises:
        BackboneError: ``weights`` is none of auto, random:SEED, a .safetensors or a .pth file.
    """
    return _referred(objects, _ref_of(spec, identity(spec.weights)))


def publish(spec: BackboneSpec, objects: Objects) -> str:
    """Export a network to the store, its weights beside it unless they are seeded, and return its digest.

    Raises:
        WeightsMissing: its weights aren't on this machine.
        BackboneError: the network is unknown or can't be exported, or the weights don't fit it.
    """
    with tempfile.TemporaryDirectory() as folder:
        description, weights = export(spec, Path(folder))
        if weights is not None:
            _keep(objects, weights)
        objects.publish(f"{PREFIX}/{description.digest}", Path(folder))
    return description.digest


def export(spec: BackboneSpec, folder: Path) -> tuple[BackboneDescription, Weights | None]:
    """Export a network into an empty folder: the graph, from uint8 [n, crop, crop, 3] to float32 [n, d], and backbone.json.

    Where the network has a last feature map, that is the graph's second output: float32 [n, d, h, w].

    Returns:
        the description, and the weights that were read unless they were seeded.

    Raises:
        WeightsMissing: its weights aren't on this machine.
        BackboneError: the network is unknown or can't be exported, or the weights don't fit it.
    """
    import torch

    from perennial.backbones.maps import with_map

    pipeline, weights = _pipeline(spec)
    samples = pictures(SCALE_PICTURES, spec.crop)
    with torch.inference_mode():
        features = pipeline(torch.from_numpy(samples)).numpy()
        mapped = with_map(pipeline, torch.from_numpy(samples[:2]))
        shape, beside = _map(mapped, samples[:MAP_PICTURES]) if mapped else (None, 0.0)
    _write(mapped or pipeline, spec, folder, samples, mapped=mapped is not None)
    description = BackboneDescription(
        network=spec.network,
        weights=weights.sha256 if weights else f"{spec.weights} recipe {RANDOM_RECIPE}",
        preprocessing=Preprocessing(resize=spec.resize, crop=spec.crop),
        engine=spec.engine,
        precision=spec.precision,
        quantisation=RECIPE if spec.precision == "int8" else None,
        dims=features.shape[1],
        scale=scale_for(features),
        map=shape,
        map_beside=beside,
        exporter=_versions(),
        files={name: digest_of_bytes((folder / name).read_bytes()) for name in FILES[spec.engine]},
    )
    description = description.model_copy(update={"group": _group(description, folder, samples)})
    (folder / MARKER).write_text(description.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return description, weights


def _map(mapped: "torch.nn.Module", samples: Pixels) -> tuple[tuple[int, int, int], float]:
    """Return the shape of a network's map, and how far it lies beside the picture."""
    import torch

    def maps_of(images: Pixels) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = mapped(torch.from_numpy(images))[1].numpy()
        return found

    depth, height, width = maps_of(samples[:1]).shape[1:]
    return (depth, height, width), displacement(maps_of, samples)


def _pipeline(spec: BackboneSpec) -> "tuple[torch.nn.Module, Weights | None]":
    """Return normalisation and network as one module with its weights in it."""
    from perennial.backbones import networks, seeded

    network = networks.create(spec.network)
    pipeline = normalised(network)
    number = seed_of(spec.weights)
    if number is not None:
        seeded.seed(network, pipeline, number, spec.crop)
        return pipeline, None
    weights = read(spec.network, spec.weights)
    networks.fill(network, weights.tensors, source=spec.weights)
    return pipeline, weights


def normalised(network: "torch.nn.Module") -> "torch.nn.Module":
    """Return normalisation and network as one module, from uint8 [n, side, side, 3] to features [n, d]."""
    import torch

    class Pipeline(torch.nn.Module):
        mean: torch.Tensor
        factor: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("mean", 255 * torch.tensor(MEAN, dtype=torch.float64).view(1, 3, 1, 1))
            self.register_buffer("factor", 1 / (255 * torch.tensor(STD, dtype=torch.float64).view(1, 3, 1, 1)))
            self.float()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            planes = images.permute(0, 3, 1, 2).to(self.mean.dtype)
            return torch.flatten(self.network((planes - self.mean) * self.factor), 1)

    return Pipeline().eval()


def _onnx(pipeline: "torch.nn.Module", spec: BackboneSpec, path: Path, *, mapped: bool) -> None:
    import torch

    example = torch.zeros(2, spec.crop, spec.crop, 3, dtype=torch.uint8)
    names = ["features", "map"] if mapped else ["features"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every shape that it takes as fixed, and of its own age
            torch.onnx.export(
                pipeline,
                (example,),
                str(path),
                dynamo=False,  # the newer exporter takes 5 to 10 times as long and gives the same graph
                opset_version=OPSET,
                input_names=["images"],
                output_names=names,
                dynamic_axes={name: {0: "n"} for name in ("images", *names)},
            )
    except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        first = " ".join(str(error).split())[:200]
        raise BackboneError(
            f"The network {spec.network} can't be exported at {spec.crop} pixels: {first}. Choose another crop or network."
        ) from None


def _write(pipeline: "torch.nn.Module", spec: BackboneSpec, folder: Path, samples: Pixels, *, mapped: bool) -> None:
    """Write the graph as the engine reads it."""
    graph = folder / FILES["onnxruntime"][0]
    _onnx(pipeline, spec, graph, mapped=mapped)
    if spec.precision == "int8":
        quantise_graph(graph, samples)
    if spec.engine == "openvino":
        openvino = import_openvino()
        openvino.save_model(openvino.Core().read_model(graph), folder / FILES["openvino"][0], compress_to_fp16=False)
        graph.unlink()


def _group(description: BackboneDescription, folder: Path, samples: Pixels) -> int:
    """Return how many images to compute at once: several, if that gives the very integers that one at a time does."""
    engine = open_engine(description, folder, threads=usable_cores())
    few = samples[: 2 * GROUP]
    together = np.concatenate([engine.run(few[:GROUP]), engine.run(few[GROUP:])])
    alone = np.concatenate([engine.run(image[None]) for image in few])
    return GROUP if np.array_equal(quantise(together, description.scale)[0], quantise(alone, description.scale)[0]) else 1


def _versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "openvino", "onnxruntime"))


def _keep(objects: Objects, weights: Weights) -> None:
    """Keep what a backbone came from as safetensors, so that it can be trained further when the file is gone."""
    from safetensors.torch import save

    key = weights_key(weights.sha256)
    if not objects.exists(key):
        objects.put(key, save({name: tensor.contiguous().clone() for name, tensor in weights.tensors.items()}))


def weights_key(sha256: str) -> str:
    """Return the key of weights that came from a file with this sha256."""
    return f"{PREFIX}/weights/{sha256}.safetensors"


def _ref_of(spec: BackboneSpec, told: str | None) -> str:
    return _ref(spec, told or f"last {Path(spec.weights).expanduser().resolve()}")


def _ref(spec: BackboneSpec, weights: str) -> str:
    return f"{PREFIX}/refs/{digest_of({**spec.model_dump(mode='json'), 'weights': weights})}.json"


def _referred(objects: Objects, ref: str) -> str | None:
    if not objects.exists(ref):
        return None
    digest = str(objects.get_json(ref)["digest"])
    return digest if objects.exists(f"{PREFIX}/{digest}/{MARKER}") else None


def _remember(objects: Objects, ref: str, digest: str) -> None:
    if _referred(objects, ref) != digest:
        objects.put_json(ref, {"digest": digest})
