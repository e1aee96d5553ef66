"""The last feature map of a network, which its pooling turns into features: found by watching one pass, not by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def with_map(pipeline: "torch.nn.Module", images: "torch.Tensor") -> "torch.nn.Module | None":
    """Return a module that gives features [n, d] and their map [n, d, h, w]; None where the network pools no map.

    The map's mean over its positions is the features, where nothing but a head follows the pooling. Layers that do follow it
    (ConvNeXt's normalisation, MobileNetV3's hidden layer) are applied to each position by itself.

    Args:
        pipeline: from uint8 [n, side, side, 3] to features [n, d].
        images: some, on which it is tried whether the map explains the features.
    """
    import torch

    class WithMap(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pipeline = pipeline

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            with _watched(self.pipeline) as passed:
                features = self.pipeline(images)
            return features, passed.map()

    with torch.inference_mode():
        with _watched(pipeline) as passed:
            features = pipeline(images)
        found = passed.explains(features)
    return WithMap().eval() if found else None


@dataclass
class _Pass:
    """What was seen of one pass: the inputs of its global poolings, and the layers after the last one."""

    pooled: "list[torch.Tensor]" = field(default_factory=list)
    after: "list[torch.nn.Module]" = field(default_factory=list)

    def map(self) -> "torch.Tensor":
        """Return what went into the last pooling, with the layers after it applied to each position by itself."""
        last = self.pooled[-1]
        if not self.after:
            return last
        n, c, h, w = last.shape
        each = self._rest(last.permute(0, 2, 3, 1).reshape(n * h * w, c, 1, 1))
        return each.reshape(n, h, w, -1).permute(0, 3, 1, 2)

    def explains(self, features: "torch.Tensor") -> bool:
        """Return whether the last pooling and the layers after it, as they were seen, give the features."""
        if not self.pooled:
            return False
        try:
            again = self._rest(self.pooled[-1].mean((2, 3), keepdim=True))
        except RuntimeError:  # a layer takes something else than what the one before it gives
            return False
        return again.shape == features.shape and float((again - features).abs().max()) <= 1e-3 * float(features.abs().max())

    def _rest(self, vectors: "torch.Tensor") -> "torch.Tensor":
        import torch

        for layer in self.after:
            vectors = layer(vectors.flatten(1) if isinstance(layer, torch.nn.Linear) else vectors)
        return vectors.flatten(1)


@contextmanager
def _watched(pipeline: "torch.nn.Module") -> "Iterator[_Pass]":
    """Watch what is computed inside: every function that pools, and every layer without parts that isn't idle by then."""
    import torch
    from torch.overrides import TorchFunctionMode

    idle = (torch.nn.Identity, torch.nn.Dropout, torch.nn.Flatten, torch.nn.AdaptiveAvgPool2d)
    passed = _Pass()

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if args and _pools(args[0], result):
                passed.pooled.append(args[0])
                passed.after.clear()
            return result

    leaves = [layer for layer in pipeline.modules() if not list(layer.children()) and not isinstance(layer, idle)]
    hooks = [layer.register_forward_hook(lambda layer, _, __: passed.after.append(layer)) for layer in leaves]
    watch: Any = Watch()
    try:
        with watch:
            yield passed
    finally:
        for hook in hooks:
            hook.remove()


def _pools(given: Any, result: Any) -> bool:
    """Return whether the shapes are those of a global pooling, from [n, c, h, w] to [n, c] or [n, c, 1, 1]."""
    import torch

    if not isinstance(given, torch.Tensor) or not isinstance(result, torch.Tensor) or given.ndim != 4:
        return False
    one = all(size == 1 for size in result.shape[2:])
    return one and result.ndim in (2, 4) and result.shape[:2] == given.shape[:2] and given.shape[2:].numel() > 1
