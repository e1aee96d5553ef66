"""The usual way to a class: PIL, torchvision's transforms and eager torch. What all services but Perennial's own call.

``FOLDER`` in the environment holds ``network.json`` and ``network.safetensors``, which the benchmark wrote: the network that
Perennial exports, with the head that Perennial learnt as its last layer.
"""

import io
import json
import os
from pathlib import Path

import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torchvision import transforms


class Classifier:
    """Answers encoded pictures, several at once in one pass."""

    def __init__(self) -> None:
        folder = Path(os.environ["FOLDER"])
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        described = json.loads((folder / "network.json").read_text())
        self.classes = described["classes"]
        self.network = torchvision.models.get_model(described["network"], weights=None, num_classes=len(self.classes))
        self.network.load_state_dict(load_file(folder / "network.safetensors"))
        self.network.eval()
        self.prepare = transforms.Compose(
            [
                transforms.Resize(described["resize"]),
                transforms.CenterCrop(described["crop"]),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __call__(self, pictures: list[bytes]) -> list[dict]:
        """Return the likeliest class of each picture with its probability."""
        batch = torch.stack([self.prepare(Image.open(io.BytesIO(picture)).convert("RGB")) for picture in pictures])
        with torch.inference_mode():
            probabilities, positions = self.network(batch).softmax(1).max(1)
        return [
            {"class": self.classes[position], "probability": probability}
            for position, probability in zip(positions.tolist(), probabilities.tolist(), strict=True)
        ]
