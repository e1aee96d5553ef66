"""A network and a linear head in training, with torch: on the GPU where there is one, in bf16 there."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from perennial.backbones.preprocess import Pixels
from perennial.learning.replay import Positions

LARGEST_GRADIENT = 1.0
NETWORK = "0.network."


class Trainer:
    """Trains a backbone's network under a linear head.

    The network stays in evaluation mode, as it will be served: batch normalisation keeps its statistics (its factors are
    trained), since those of a few balanced draws aren't those of the pictures that come, and dropout is off.
    """

    def __init__(self, pipeline: torch.nn.Module, threads: int) -> None:
        torch.set_num_threads(threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._pipeline = pipeline.eval().to(memory_format=torch.channels_last).to(self.device)
        self._head: torch.nn.Linear
        self._optimizer: torch.optim.AdamW

    @property
    def where(self) -> str:
        """What it computes on, in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    def start(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        """Put a head, weight [c, d] and bias [c], on the network, and start AdamW (Loshchilov and Hutter 2019) for both."""
        self._head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self._head.weight.copy_(torch.from_numpy(weight))
            self._head.bias.copy_(torch.from_numpy(bias))
        self._model = torch.nn.Sequential(self._pipeline, self._head.to(self.device))
        self._optimizer = torch.optim.AdamW(self._model.parameters())

    def features(self, parts: Iterable[tuple[Positions, Pixels]]) -> NDArray[np.float32]:
        """Return the features, float32 [n, d], of pictures in the order in which they come."""
        with torch.no_grad():
            return torch.cat([self._forward(pictures) for _, pictures in parts]).cpu().numpy()

    def learn(self, pictures: Pixels, classes: Positions, rate: float) -> torch.Tensor:
        """Take one step at a learning rate; return the mean loss before it, left on the device so that nothing waits for it."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        wanted = torch.from_numpy(classes).to(self.device, non_blocking=True)
        loss = torch.nn.functional.cross_entropy(self._head(self._forward(pictures)), wanted)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return loss.detach()

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the network's weights under torchvision's names."""
        state = self._model.state_dict()
        return {name.removeprefix(NETWORK): value.cpu() for name, value in state.items() if name.startswith(NETWORK)}

    def state(self) -> dict[str, torch.Tensor]:
        """Return all that going on takes: the weights, the head and what the optimiser keeps of each parameter."""
        steps = self._optimizer.state_dict()["state"]
        kept = {f"optimizer.{number}.{name}": value for number, of in steps.items() for name, value in of.items()}
        return {name: value.cpu() for name, value in {**self._model.state_dict(), **kept}.items()}

    def go_on(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what ``state`` gave, after ``start``."""
        steps: dict[int, dict[str, torch.Tensor]] = {}
        for key in [key for key in state if key.startswith("optimizer.")]:
            _, number, name = key.split(".")
            steps.setdefault(int(number), {})[name] = state[key]
        self._model.load_state_dict({key: value for key, value in state.items() if not key.startswith("optimizer.")})
        self._optimizer.load_state_dict({"state": steps, "param_groups": self._optimizer.state_dict()["param_groups"]})

    def _forward(self, pictures: Pixels) -> torch.Tensor:
        """Return features, float32 [n, d]; copying to a GPU doesn't hold up what computes there."""
        images = torch.from_numpy(pictures)
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            images = images.pin_memory().to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
            features: torch.Tensor = self._pipeline(images)
        return features.float()
