"""The pipeline as YAML, the same bytes for the same code."""

from pathlib import Path


def compile_pipeline(output: Path) -> None:
    """Write the continual pipeline's package to ``output``."""
    from kfp.compiler import Compiler

    from pipelines.continual import continual

    output.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(continual, str(output))
