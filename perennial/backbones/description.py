"""What a backbone is, as ``backbone.json`` says it, and the digest that names it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perennial.backbones.preprocess import VERSION
from perennial.catalog.digests import digest_of, digest_of_bytes
from perennial.errors import BackboneError
from perennial.task import EngineName, Precision

MARKER = "backbone.json"
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Preprocessing(_Part):
    """How a picture becomes the network's input."""

    resize: int
    crop: int
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    version: int = VERSION


class BackboneDescription(_Part):
    """One backbone. Its digest covers what it is, and nothing that says how it was exported: ``map`` and what follows."""

    format: Literal[1] = 1
    network: str
    weights: str = Field(description="random:SEED and the recipe's version, or the sha256 of the file they came from.")
    preprocessing: Preprocessing
    engine: EngineName
    precision: Precision
    quantisation: int | None = Field(None, description="Version of the recipe by which it became int8.")
    dims: int
    scale: float = Field(gt=0, description="A feature is its integer times this.")
    map: tuple[int, int, int] | None = Field(None, description="Shape of its last feature map, if the graph gives that too.")
    map_beside: float = Field(0.0, description="How many cells the map lies too far right and down.")
    group: int = Field(1, ge=1, description="Images that are computed at once where there are many; the result is the same.")
    exporter: str = Field("", description="Versions of the packages that exported it.")
    files: dict[str, str] = Field(default_factory=dict, description="File name → sha256.")

    @property
    def digest(self) -> str:
        """The name of this backbone."""
        how = {"map", "map_beside", "exporter", "group", "files"}
        return digest_of(self.model_dump(mode="json", exclude=how | ({"quantisation"} if self.quantisation is None else set())))


def read_description(folder: Path, digest: str) -> BackboneDescription:
    """Read and check a backbone's folder.

    Raises:
        BackboneError: a file is missing or damaged, or it is another backbone.
    """
    try:
        description = BackboneDescription.model_validate_json((folder / MARKER).read_bytes())
        damaged = [name for name, sha256 in description.files.items() if digest_of_bytes((folder / name).read_bytes()) != sha256]
    except OSError as error:
        raise _corrupt(folder, digest, f"{Path(error.filename or MARKER).name} can't be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise _corrupt(
            folder, digest, f"{MARKER} is wrong at '{'.'.join(map(str, first['loc']))}': {first['msg'].lower()}"
        ) from None
    if damaged:
        raise _corrupt(folder, digest, f"{', '.join(damaged)} isn't what was exported")
    if description.digest != digest:
        raise _corrupt(folder, digest, f"{MARKER} describes the backbone {description.digest[:12]}")
    return description


def _corrupt(folder: Path, digest: str, why: str) -> BackboneError:
    return BackboneError(
        f"The backbone {digest[:12]} in {folder} is damaged: {why}. Delete that folder and run again, "
        "and the embed step exports it anew."
    )
