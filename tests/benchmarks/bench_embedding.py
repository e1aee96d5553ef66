"""Embedding from JPEG files against a plain loop of PIL, torchvision's transforms and eager torch, one picture at a time."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from perennial.backbones.embed import embed_all
from perennial.backbones.engines import Backbone, check_precision
from perennial.backbones.export import ensure
from perennial.backbones.synthetic import pictures
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError
from perennial.task import BackboneSpec
from tests.benchmarks.rows import Row

SIZE = (640, 480)
THREADS = 2


def run(quick: bool = False) -> list[Row]:
    """Measure in turn, so that a machine whose speed drifts slows both alike; medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = _files(home, 32 if quick else 64)
        weights = _weights(home)
        objects = Objects.open((home / "store").as_uri())
        plain = _plain(weights)
        rows = [_against(plain, files, objects, weights, precision, 3 if quick else 7) for precision in ("fp32", "bf16")]
        return [*rows, _demo(files, objects)]


def _against(
    plain: Callable[[list[str]], object], files: list[str], objects: Objects, weights: Path, precision: str, rounds: int
) -> Row:
    name, goal = f"embedding, resnet50 {precision} / plain eager loop", "≥ 3" if precision == "bf16" else "≥ 2"
    try:
        check_precision("openvino", precision)
    except BackboneError as error:
        return Row(name, float("inf"), goal, "x", f"not measured: {error}")
    ours = _ours(objects, BackboneSpec(weights=str(weights), precision="bf16" if precision == "bf16" else "fp32"))
    turns = [(_seconds(plain, files[:16]), _seconds(ours, files)) for _ in range(rounds + 1)][1:]
    slow, fast = statistics.median(turn[0] / 16 for turn in turns), statistics.median(turn[1] / len(files) for turn in turns)
    ratio = statistics.median(turn[0] / 16 / (turn[1] / len(files)) for turn in turns)
    note = f"{1000 * fast:.1f} ms / {1000 * slow:.1f} ms a picture of {SIZE[0]}×{SIZE[1]}; {THREADS} threads; eager is fp32"
    return Row(name, ratio, goal, "x", note)


def _demo(files: list[str], objects: Objects) -> Row:
    ours = _ours(objects, BackboneSpec(network="resnet18", weights="random:0", resize=128, crop=128))
    seconds = min(_seconds(ours, files) for _ in range(4)) / len(files)
    return Row("embedding, the demo's resnet18 at 128 pixels", 1000 * seconds, "≤ 10", "ms", "a picture, decoding included")


def _files(home: Path, count: int) -> list[str]:
    for number, picture in enumerate(pictures(count, 160)):
        Image.fromarray(picture).resize(SIZE, Image.Resampling.BICUBIC).save(home / f"{number}.jpg", quality=90)
    return [str(home / f"{number}.jpg") for number in range(count)]


def _weights(home: Path) -> Path:
    import torch
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(torchvision.models.resnet50().state_dict(), home / "resnet50.safetensors")
    return home / "resnet50.safetensors"


def _ours(objects: Objects, spec: BackboneSpec) -> Callable[[list[str]], object]:
    backbone = Backbone.load(objects, ensure(spec, objects), THREADS)

    def embed(files: list[str]) -> object:
        return np.concatenate(
            [found[0] for found in embed_all(backbone, files, lambda file: backbone.preprocess(Path(file).read_bytes()))]
        )

    return embed


def _plain(weights: Path) -> Callable[[list[str]], object]:
    import torch
    import torchvision
    from safetensors.torch import load_file
    from torchvision import transforms

    torch.set_num_threads(THREADS)
    network = torchvision.models.resnet50()
    network.load_state_dict(load_file(weights))
    network.fc = torch.nn.Identity()
    network.eval()
    normalise = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), normalise])

    def embed(files: list[str]) -> object:
        with torch.inference_mode():
            return [network(prepare(Image.open(file).convert("RGB"))[None]) for file in files]

    return embed


def _seconds(embed: Callable[[list[str]], object], files: list[str]) -> float:
    began = time.perf_counter()
    embed(files)
    return time.perf_counter() - began
