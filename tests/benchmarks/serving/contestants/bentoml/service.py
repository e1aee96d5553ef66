"""A service with a batchable API, as BentoML's page on adaptive batching has it."""

from pathlib import Path

import bentoml
from usual import Classifier


@bentoml.service(workers=1)
class Pictures:
    def __init__(self) -> None:
        self.classify = Classifier()

    @bentoml.api(batchable=True)
    def predict(self, pictures: list[Path]) -> list[dict]:
        return self.classify([picture.read_bytes() for picture in pictures])
