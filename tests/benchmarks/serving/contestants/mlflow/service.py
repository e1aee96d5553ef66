"""A pyfunc model from code, with type hints, as MLflow's guide to PythonModel has it."""

import base64
from typing import Any

import mlflow
from usual import Classifier


class Pictures(mlflow.pyfunc.PythonModel):
    def load_context(self, context) -> None:
        self.classify = Classifier()

    def predict(self, model_input: list[str], params=None) -> list[Any]:
        return self.classify([base64.b64decode(text) for text in model_input])


mlflow.models.set_model(Pictures())
