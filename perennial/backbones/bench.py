"""What each engine and precision costs on this machine, and how far its vectors are from those in fp32."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from perennial.backbones.abilities import check_precision
from perennial.backbones.engines import Backbone
from perennial.backbones.export import export, known
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import Vectors
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError, WeightsMissing
from perennial.task import BackboneSpec, EngineName, Precision

Progress = Callable[[str, int, int], None]
BATCHES = (1, 8)
FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16", "i8mm")


@dataclass(frozen=True)
class Figures:
    """One engine at one precision: milliseconds an image and times as fast as the baseline, by batch size.

    ``cosine`` is the mean likeness of its vectors to those in fp32. The baseline is what the specification asks for.
    """

    engine: str
    precision: str
    digest: str
    ms: dict[int, float]
    faster: dict[int, float]
    cosine: float
    baseline: bool


@dataclass(frozen=True)
class Measured:
    """Figures of each backbone, its vectors of the pictures, and how many rounds were done; ``exact`` is where fp32 stands."""

    figures: tuple[Figures, ...]
    vectors: tuple[Vectors, ...]
    rounds: int
    exact: int


def candidates(
    spec: BackboneSpec, store: Objects, folder: Path, threads: int, progress: Progress
) -> tuple[list[Backbone], dict[str, str]]:
    """Open a network at each engine and precision: from the store where it is there, otherwise exported to ``folder``.

    Returns:
        the backbones, and for each engine and precision that this machine can't do, why.

    Raises:
        WeightsMissing: the network's weights aren't on this machine.
        BackboneError: nothing can be opened, or torch is missing, which exports.
    """
    pairs = [(engine, precision) for engine in get_args(EngineName) for precision in get_args(Precision)]
    found: list[Backbone] = []
    left_out: dict[str, str] = {}
    for number, (engine, precision) in enumerate(pairs):
        progress("export", number, len(pairs))
        wanted = spec.model_copy(update={"engine": engine, "precision": precision})
        try:
            check_precision(engine, precision)
            found.append(_opened(wanted, store, folder / f"{engine}-{precision}", threads))
        except WeightsMissing:
            raise
        except BackboneError as error:
            left_out[f"{engine} {precision}"] = str(error)
    if not found:
        raise BackboneError(f"Nothing can be measured here. {' '.join(dict.fromkeys(left_out.values()))}")
    return found, left_out


def measure(spec: BackboneSpec, backbones: Sequence[Backbone], pictures: Pixels, rounds: int, progress: Progress) -> Measured:
    """Time backbones in turns, one and eight pictures at once, and compare their vectors.

    Interrupted after a whole round, it gives what was found up to then.

    Args:
        spec: names the baseline by its engine and precision; where that isn't among them, the first is the baseline.
        backbones: the same network at several engines and precisions.
        pictures: preprocessed, at least one.
        rounds: how often each has its turn, at least once.
        progress: called with a word, turns done and all turns.
    """
    vectors = tuple(backbone.embed(pictures) for backbone in backbones)
    asked = [(it.description.engine, it.description.precision) for it in backbones]
    base = asked.index((spec.engine, spec.precision)) if (spec.engine, spec.precision) in asked else 0
    exact = next((place for place, (_, precision) in enumerate(asked) if precision == "fp32"), base)
    times = _times(backbones, pictures, rounds, progress)
    figures = tuple(
        Figures(
            engine=backbone.description.engine,
            precision=backbone.description.precision,
            digest=backbone.digest,
            ms={batch: statistics.median(times[batch][place]) for batch in BATCHES},
            faster={batch: _ratio(times[batch][base], times[batch][place]) for batch in BATCHES},
            cosine=cosine(vectors[exact], vectors[place]),
            baseline=place == base,
        )
        for place, backbone in enumerate(backbones)
    )
    return Measured(figures, vectors, len(times[BATCHES[-1]][0]), exact)


def cosine(one: Vectors, other: Vectors) -> float:
    """Return the mean cosine between vectors of the same pictures."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    sizes = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(((first * second).sum(axis=1) / np.where(sizes > 0, sizes, 1)).mean())


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return which instructions this CPU has, of those that decide how fast a network runs."""
    if not cpuinfo.is_file():
        return ()
    words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    return tuple(flag for flag in FLAGS if flag in words)


def _opened(spec: BackboneSpec, store: Objects, folder: Path, threads: int) -> Backbone:
    digest = known(spec, store)
    if digest is not None:
        return Backbone.load(store, digest, threads)
    folder.mkdir()
    try:
        description, _ = export(spec, folder)
    except ModuleNotFoundError as error:
        raise BackboneError(
            f"To measure what isn't in the store yet, networks are exported, which needs {error.name}. "
            "Install it with: pip install 'perennial[train]'"
        ) from None
    return Backbone.load(folder, description.digest, threads)


def _times(backbones: Sequence[Backbone], pictures: Pixels, rounds: int, progress: Progress) -> dict[int, list[list[float]]]:
    """Return milliseconds an image by batch size, backbone and round; only whole rounds, and at least one."""
    turns = {batch: np.resize(pictures, (batch, *pictures.shape[1:])) for batch in BATCHES}
    for backbone in backbones:
        for some in turns.values():
            backbone.embed(some)  # compiles
    times: dict[int, list[list[float]]] = {batch: [[] for _ in backbones] for batch in BATCHES}
    for number in range(rounds):
        try:
            progress("measure", number, rounds)
            found = {batch: [_ms(backbone, some) for backbone in backbones] for batch, some in turns.items()}
        except KeyboardInterrupt:
            if not number:
                raise
            break
        for batch, row in found.items():
            for place, ms in enumerate(row):
                times[batch][place].append(ms)
    return times


def _ms(backbone: Backbone, images: npt.NDArray[np.uint8]) -> float:
    began = time.perf_counter()
    backbone.embed(images)
    return (time.perf_counter() - began) * 1000 / len(images)


def _ratio(base: Sequence[float], own: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(base, own, strict=True))
