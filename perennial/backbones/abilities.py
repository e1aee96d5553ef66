"""Which engines and precisions this machine can compute with."""

import sys
from types import ModuleType
from typing import cast

from perennial.backbones.int8 import lacking_instructions
from perennial.errors import BackboneError

PACKAGES = {"openvino": "openvino", "onnxruntime": "onnxruntime", "onnxruntime-cuda": "onnxruntime-gpu"}
CUDA = "CUDAExecutionProvider"


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which forks a process that reports usage to an analytics service."""
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    import openvino

    return cast(ModuleType, openvino)


def check_precision(engine: str, precision: str) -> None:
    """Check that this machine can compute with an engine at a precision.

    Raises:
        BackboneError: it can't; the text says what can.
    """
    if engine == "onnxruntime-cuda":
        _check_cuda()
        if precision != "fp32":
            raise BackboneError(f"The engine {engine} computes in fp32, not in {precision}. Set backbone.precision to fp32.")
    elif precision == "int8" and lacking_instructions():
        raise BackboneError(
            "This machine's CPU has no VNNI (avx512_vnni or avx_vnni), without which sums of 8-bit products overflow. "
            "Run this backbone on one that has, or set backbone.precision to fp32, which is another backbone."
        )
    elif precision == "bf16":
        _check_bf16(engine)


def not_installed(engine: str) -> BackboneError:
    """Return the error that an engine's package is missing."""
    return BackboneError(f"The engine {engine} isn't installed. Install it with: pip install {PACKAGES[engine]}")


def no_cuda(why: str) -> BackboneError:
    """Return the error that ONNX Runtime has no GPU to compute with."""
    return BackboneError(
        f"The engine onnxruntime-cuda can't compute here: {why}. Run it where there is an NVIDIA GPU with its driver and "
        "cuDNN, with the package onnxruntime-gpu in place of onnxruntime, or set backbone.engine to onnxruntime, which is "
        "another backbone."
    )


def _check_cuda() -> None:
    try:
        import onnxruntime
    except ImportError:
        raise not_installed("onnxruntime-cuda") from None
    if CUDA not in onnxruntime.get_available_providers():
        raise no_cuda("the installed ONNX Runtime was built without CUDA")


def _check_bf16(engine: str) -> None:
    if engine != "openvino":
        raise BackboneError(
            f"The engine {engine} has no bf16 on CPUs. Set backbone.engine to openvino or backbone.precision to fp32 or int8."
        )
    try:
        openvino = import_openvino()
    except ImportError:
        raise not_installed(engine) from None
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise BackboneError(
            "This machine's CPU has no bf16 (avx512_bf16 or amx_bf16), which this backbone computes with. "
            "Run it on one that has, or set backbone.precision to fp32, which is another backbone."
        )
