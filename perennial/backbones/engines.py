"""Run an exported network: OpenVINO or ONNX Runtime, the same integers whatever the batch and however many threads."""

import itertools
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from perennial.backbones.abilities import CUDA, check_precision, import_openvino, no_cuda, not_installed
from perennial.backbones.description import MARKER, BackboneDescription, read_description
from perennial.backbones.preprocess import Pixels, preprocess
from perennial.backbones.quantise import Features, Vectors, quantise
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError

Maps = npt.NDArray[np.float32]
FILES = {
    "openvino": ("network.xml", "network.bin"),
    "onnxruntime": ("network.onnx",),
    "onnxruntime-cuda": ("network.onnx",),
}


class Engine(Protocol):
    """Computes features, float32 [n, d], of images, uint8 [n, crop, crop, 3]; may be called from several threads."""

    def run(self, images: Pixels) -> Features:
        """Return the features of a batch, all computed at once."""
        ...

    def run_with_map(self, images: Pixels) -> tuple[Features, Maps]:
        """Return the features of a batch and their maps; only where the backbone's description has a map."""
        ...


class OpenVinoEngine:
    """A network compiled by OpenVINO, once for each batch size that it is asked for; with its map, only if that is asked for."""

    def __init__(self, description: BackboneDescription, folder: Path, threads: int) -> None:
        openvino = import_openvino()
        self._core = openvino.Core()
        whole = self._core.read_model(folder / "network.xml")
        features = openvino.Model(whole.get_results()[:1], whole.get_parameters(), "features")
        self._networks = {False: features, True: whole}
        self._side = description.preprocessing.crop
        self._options = {
            "INFERENCE_PRECISION_HINT": "bf16" if description.precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: dict[tuple[int, bool], Any] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def run(self, images: Pixels) -> Features:
        """Return the features of a batch, all computed at once."""
        request = self._request(len(images), mapped=False)
        request.infer({0: images}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data, np.float32)

    def run_with_map(self, images: Pixels) -> tuple[Features, Maps]:
        """Return the features of a batch and their maps."""
        request = self._request(len(images), mapped=True)
        request.infer({0: images}, share_inputs=True)
        features, maps = (np.array(request.get_output_tensor(place).data, np.float32) for place in range(2))
        return features, maps

    def _request(self, count: int, *, mapped: bool) -> Any:
        """Return this thread's request for batches of ``count``."""
        requests = self._local.__dict__.setdefault("requests", {})
        kind = count, mapped
        if kind not in requests:
            with self._lock:
                if kind not in self._compiled:
                    network = self._networks[mapped].clone()
                    network.reshape([count, self._side, self._side, 3])
                    self._compiled[kind] = self._core.compile_model(network, "CPU", self._options)
            requests[kind] = self._compiled[kind].create_infer_request()
        return requests[kind]


class OnnxEngine:
    """A network run by ONNX Runtime, on the CPU or on a GPU."""

    def __init__(self, folder: Path, threads: int, *, cuda: bool = False) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # by default, sums of products are rounded to TF32's 10 bits, and the fastest algorithm of the day is taken
        gpu = [(CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})] if cuda else []
        self._session = onnxruntime.InferenceSession(folder / "network.onnx", options, providers=[*gpu, "CPUExecutionProvider"])
        if cuda and CUDA not in self._session.get_providers():
            raise no_cuda("ONNX Runtime finds no GPU that it can use")
        self._way = onnxruntime.RunOptions()
        self._way.only_execute_path_to_fetches = True

    def run(self, images: Pixels) -> Features:
        """Return the features of a batch, all computed at once."""
        features: Features = self._session.run(["features"], {"images": images}, self._way)[0]
        return features

    def run_with_map(self, images: Pixels) -> tuple[Features, Maps]:
        """Return the features of a batch and their maps."""
        features, maps = self._session.run(["features", "map"], {"images": images})
        return features, maps


def open_engine(description: BackboneDescription, folder: Path, threads: int) -> Engine:
    """Open the engine that a backbone names.

    Raises:
        BackboneError: its package isn't installed, it can't compute here at the precision, or it can't read the network.
    """
    check_precision(description.engine, description.precision)
    try:
        if description.engine == "openvino":
            return OpenVinoEngine(description, folder, threads)
        return OnnxEngine(folder, threads, cuda=description.engine == "onnxruntime-cuda")
    except ImportError:
        raise not_installed(description.engine) from None
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise BackboneError(
            f"{description.engine} can't read the network in {folder} ({first}). Delete that folder and run again."
        ) from None


class Backbone:
    """A frozen network at work: pictures in, 13-bit integers out. Needs no torch."""

    def __init__(self, description: BackboneDescription, engine: Engine) -> None:
        self.description = description
        self.digest = description.digest
        """The digest that names this backbone."""
        self._engine = engine

    @classmethod
    def load(cls, where: Objects | Path, digest: str, threads: int) -> "Backbone":
        """Load a backbone from a store, from its own folder, or from a folder of backbones.

        Raises:
            BackboneError: it isn't there, is damaged, or can't be run on this machine.
        """
        folder = _folder(where, digest)
        description = read_description(folder, digest)
        return cls(description, open_engine(description, folder, threads))

    @property
    def dims(self) -> int:
        """Length of a vector."""
        return self.description.dims

    def preprocess(self, data: bytes) -> Pixels:
        """Return an encoded picture as this network's input, uint8 [crop, crop, 3].

        Raises:
            ImageRejected: the bytes are no picture, are cut short, or hold too many pixels.
        """
        return preprocess(data, self.description.preprocessing.resize, self.description.preprocessing.crop)

    def embed(self, batch: Pixels) -> Vectors:
        """Return the vectors, int16 [n, d], of preprocessed images, uint8 [n, crop, crop, 3]."""
        return self.embed_counted(batch)[0]

    def embed_counted(self, batch: Pixels) -> tuple[Vectors, int]:
        """Return what :meth:`embed` does, and how many values had to be clipped."""
        self._check(batch)
        if not len(batch):
            return np.empty((0, self.dims), np.int16), 0
        features = np.concatenate([self._engine.run(part) for part in self._parts(batch)])
        return quantise(features, self.description.scale)

    def embed_with_map(self, batch: Pixels) -> tuple[Vectors, Maps | None]:
        """Return what :meth:`embed` does, and the last feature map, float32 [n, d, h, w].

        A map's mean is the feature that was rounded to the vector. None where the network has no map, or was exported without.
        """
        if self.description.map is None or not len(batch):
            return self.embed(batch), None
        self._check(batch)
        pairs = [self._engine.run_with_map(part) for part in self._parts(batch)]
        features, maps = (np.concatenate(found) for found in zip(*pairs, strict=True))
        return quantise(features, self.description.scale)[0], maps

    def _check(self, batch: Pixels) -> None:
        side = self.description.preprocessing.crop
        if batch.dtype != np.uint8 or batch.shape[1:] != (side, side, 3):
            raise BackboneError(
                f"This backbone takes images as uint8 [n, {side}, {side}, 3], not {batch.dtype} {list(batch.shape)}."
            )

    def _parts(self, batch: Pixels) -> list[Pixels]:
        """Cut a batch into whole groups and what remains one by one, so that two sizes are all that is ever compiled."""
        whole = len(batch) - len(batch) % self.description.group
        bounds = [*range(0, whole, self.description.group), *range(whole, len(batch) + 1)]
        return [batch[start:stop] for start, stop in itertools.pairwise(bounds)]


def _folder(where: Objects | Path, digest: str) -> Path:
    if isinstance(where, Objects):
        return where.folder(f"backbones/{digest}")
    return where if (where / MARKER).is_file() else where / digest
