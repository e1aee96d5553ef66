"""The pipeline as YAML, the same bytes for the same code and settings."""

from pathlib import Path

from perennial.settings import Settings


def compile_pipeline(output: Path, settings: Settings) -> None:
    """Write the continual pipeline's package for a cluster to ``output``; settings name the images and the accelerator.

    Raises:
        SettingsError: nothing says which tag the images have.
    """
    from kfp.compiler import Compiler

    from pipelines.continual import pipeline
    from pipelines.needs import fit_for

    output.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(pipeline(fit_for(settings)), str(output))
