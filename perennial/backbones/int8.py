"""A graph in 8-bit integers, by ONNX Runtime's static quantisation, which both engines run.

Weights get a factor for each channel, activations one range each, taken from drawn pictures: real ones gave no better ranges.
Normalisation and the last pooling stay in floating point, since a feature is the mean of many 8-bit values and worth more bits.
"""

import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from perennial.backbones.preprocess import Pixels

RECIPE = 1
"""Raised whenever the same network would be quantised otherwise."""

_MULTIPLY = ("Conv", "Gemm", "MatMul")
_POOL = ("GlobalAveragePool", "ReduceMean")


def quantise_graph(path: Path, pictures: Pixels) -> None:
    """Replace an ONNX graph, from uint8 [n, side, side, 3], by the same in 8-bit integers.

    Args:
        path: the graph's file.
        pictures: uint8 [n, side, side, 3], on which the ranges are measured.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "float.onnx"
        network = onnx.shape_inference.infer_shapes(onnx.load(path))
        _part(network.graph)
        add_pre_process_metadata(network)  # or it warns that nobody prepared the graph, through the root logger
        onnx.save(network, prepared)
        quantize_static(
            prepared,
            path,
            _reader(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,  # the instructions multiply unsigned by signed
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_in_float(network.graph),
        )


def lacking_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this is an x86 CPU without VNNI: there, sums of 8-bit products overflow, and nothing is gained."""
    if platform.machine() not in ("x86_64", "AMD64") or not cpuinfo.is_file():
        return False
    return not {"avx512_vnni", "avx_vnni"} & set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())


def _part(graph: Any) -> None:
    """Give each node initial values of its own.

    The exporter lets layers share values that are equal. But a bias is quantised by the factors of its own layer's weights.
    """
    values = {value.name: value for value in graph.initializer}
    named = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity" and node.input[0] in values}
    for number, node in enumerate(graph.node):
        for place, name in enumerate(node.input):
            source = named.get(name, name)
            if source in values and node.op_type in _MULTIPLY:
                copy = graph.initializer.add()
                copy.CopyFrom(values[source])
                node.input[place] = copy.name = f"{source}_of_{number}"
    used = {name for node in graph.node for name in node.input}
    for value in values.values():
        if value.name not in used:
            graph.initializer.remove(value)


def _in_float(graph: Any) -> list[str]:
    """Return the names of the nodes before the first layer with weights, and from the last pooling on."""
    nodes = list(graph.node)
    first = next((place for place, node in enumerate(nodes) if node.op_type in _MULTIPLY), 0)
    last = max((place for place, node in enumerate(nodes) if node.op_type in _POOL), default=len(nodes))
    return [node.name for node in nodes[:first] + nodes[last:]]


def _reader(pictures: Pixels) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[np.ndarray[Any, Any]] = iter(pictures)

        def get_next(self) -> dict[str, Any] | None:
            picture = next(self._left, None)
            return None if picture is None else {"images": picture[None]}

    return Reader()
