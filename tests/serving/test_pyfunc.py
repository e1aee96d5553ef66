"""A registered version as MLflow loads it."""

import warnings
from pathlib import Path

import pytest

from tests.small_world import picture, template


def test_mlflow_loads_the_champion_without_pickle(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    world = template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    source = f"{world.settings.store_url}/models/colours/{world.models[0]}"
    version = world.registry.register("colours", world.models[0], source, run_id="run-1")
    world.registry.point("colours", "champion", version.number)
    (tmp_path / "green.jpg").write_bytes(picture("green", 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
        import pandas as pd

        mlflow.set_tracking_uri(world.settings.mlflow_uri)
        model = mlflow.pyfunc.load_model("models:/colours@champion")
        answers = model.predict([picture("red", 1), str(tmp_path / "green.jpg")])
        framed = model.predict(pd.DataFrame({"image": [picture("blue", 2)]}))
    assert list(answers["class"]) == ["red", "green"]
    assert list(framed["class"]) == ["blue"]
    assert answers["probability"].between(0.34, 1).all()
    assert not list((world.settings.home / "store").rglob("*.pkl"))
