"""What ``mlflow.pyfunc.load_model("models:/TASK@champion")`` loads: this module by name, so that nothing is unpickled."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.catalog.objects import Objects
from perennial.learning.head import Head
from perennial.serving.images import pixels
from perennial.settings import Settings


class Classifier:
    """A model folder and its backbone as one Python function."""

    def __init__(self, head: Head, backbone: Backbone) -> None:
        self._head = head
        self._backbone = backbone

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Return a DataFrame with the columns class, probability and unfamiliar, a row for each image.

        Args:
            model_input: encoded images as bytes, or their paths: a list, an array, or a DataFrame's only column.
            params: none are known.
        """
        del params
        import pandas as pd  # type: ignore[import-untyped]

        batch = np.stack([pixels(_bytes(image), self._backbone) for image in _elements(model_input)])
        vectors = self._backbone.embed(batch)
        probabilities = self._head.probabilities(vectors)
        best = probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "class": [self._head.classes[i] for i in best],
                "probability": probabilities[np.arange(len(best)), best],
                "unfamiliar": self._head.unfamiliar(vectors),
            }
        )


def _load_pyfunc(path: str) -> Classifier:
    """Load a model folder; its backbone lies in the same store, or in that of the settings where MLflow made a copy."""
    folder = Path(path)
    digest = json.loads((folder / "model.json").read_text(encoding="utf-8"))["backbone"]
    store = folder.resolve().parents[2]
    beside = (store / "backbones" / digest).is_dir()
    settings = Settings.load()
    objects = Objects.open(store.as_uri() if beside else settings.store_url)
    return Classifier(Head.load(folder), Backbone.load(objects, digest, settings.inference_threads))


def _elements(model_input: Any) -> Iterable[Any]:
    if hasattr(model_input, "iloc"):
        return list(model_input.iloc[:, 0])
    return [model_input] if isinstance(model_input, bytes | str) else list(model_input)


def _bytes(image: Any) -> bytes:
    return image if isinstance(image, bytes) else Path(str(image)).read_bytes()
