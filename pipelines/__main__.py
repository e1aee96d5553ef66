"""Compile a pipeline: ``python -m pipelines compile --output continual.yaml``."""

import argparse
from pathlib import Path

from perennial.errors import mistakes_told
from perennial.settings import Settings
from pipelines.compile import compile_pipeline


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compile_command = commands.add_parser("compile", help="write the pipeline as YAML, the same bytes each time")
    compile_command.add_argument("--output", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    with mistakes_told():
        compile_pipeline(arguments.output, Settings.load())


if __name__ == "__main__":
    main()
