"""The compiled pipeline as it is sent to a cluster, and the name that its content gives it."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from perennial.errors import ClusterError
from perennial.settings import Settings
from pipelines.compile import compile_pipeline

PARAMETERS = frozenset({"task", "definition"})


@dataclass(frozen=True)
class Package:
    """A compiled pipeline: its file, and 12 hexadecimal digits that say what is in it."""

    path: Path
    digest: str


@contextlib.contextmanager
def package(settings: Settings, given: Path | None = None) -> Iterator[Package]:
    """Yield the package to send: the given file as it is, or the pipeline compiled now.

    Raises:
        ClusterError: the given file can't be read, or holds no package of this pipeline.
    """
    if given is not None:
        yield Package(given, digest_of_package(given))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "continual.yaml"
        compile_pipeline(path, settings)
        yield Package(path, digest_of_package(path))


def digest_of_package(path: Path) -> str:
    """Return the digest of a package's content; comments, order of keys and layout don't change it.

    Raises:
        ClusterError: the file can't be read, or holds no package of this pipeline.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ClusterError(f"The package {path} can't be read: {' '.join(str(error).split())}.") from None
    if not documents or not _takes_what_is_sent(documents[0]):
        raise ClusterError(
            f"{path} is no package of this pipeline, which takes {' and '.join(sorted(PARAMETERS))}. Write one with "
            "'python -m pipelines compile --output FILE'."
        )
    return hashlib.sha256(yaml.safe_dump_all(documents, sort_keys=True).encode()).hexdigest()[:12]


def _takes_what_is_sent(document: Any) -> bool:
    """Return whether a package has this pipeline's parameters, and needs no others."""
    try:
        parameters = document["root"]["inputDefinitions"]["parameters"]
        needed = {name for name, about in parameters.items() if not about.get("isOptional") and "defaultValue" not in about}
    except (KeyError, TypeError, AttributeError):
        return False
    return set(parameters) >= PARAMETERS >= needed
