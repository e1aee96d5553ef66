"""Where the running server of an endpoint is, as the server wrote it down."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.processes import alive
from perennial.settings import Settings


class Address(BaseModel):
    """A server's REST and gRPC addresses and its process."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    grpc: str
    pid: int


def write_address(settings: Settings, endpoint: str, address: Address) -> None:
    """Write down where a server listens."""
    path = _path(settings, endpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(address.model_dump_json(), encoding="utf-8")
    partial.replace(path)


def read_address(settings: Settings, endpoint: str) -> Address | None:
    """Return where the endpoint's server listens, or None where none runs on this machine."""
    try:
        address = Address.model_validate_json(_path(settings, endpoint).read_bytes())
    except (OSError, ValidationError):
        return None
    return address if alive(address.pid) else None


def clear_address(settings: Settings, endpoint: str) -> None:
    """Take this process's own address away."""
    address = read_address(settings, endpoint)
    if address and address.pid == os.getpid():
        _path(settings, endpoint).unlink(missing_ok=True)


def _path(settings: Settings, endpoint: str) -> Path:
    return settings.home / "run" / f"{endpoint}.json"
