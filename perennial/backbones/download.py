"""Fetch a weights file, whole and checked, or say how to put it there by hand."""

import hashlib
import re
import tempfile
from pathlib import Path

import httpx

from perennial.errors import WeightsMissing

TIMEOUT = httpx.Timeout(30, connect=5)


def download(url: str, path: Path, *, what: str) -> None:
    """Fetch ``url`` to ``path``; the hash in its name must be true.

    Raises:
        WeightsMissing: it can't be fetched or is another file; the text says where to put it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, path)
    except (httpx.HTTPError, OSError) as error:
        raise WeightsMissing(
            f"{what} aren't on this machine and can't be fetched ({' '.join(str(error).split()) or type(error).__name__}). "
            f"Put {url} at {path}, or name a file of yours by backbone.weights: FILE.safetensors; "
            "for a try-out without pretraining, write random:0."
        ) from None


def _fetch(url: str, path: Path) -> None:
    hashed = hashlib.sha256()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        partial = Path(folder) / path.name
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=True) as answer, partial.open("wb") as file:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                hashed.update(chunk)
                file.write(chunk)
        said = re.search(r"-([0-9a-f]{8,64})\.pth$", path.name)
        if said and not hashed.hexdigest().startswith(said[1]):
            raise OSError(f"what was sent has the sha256 {hashed.hexdigest()[:16]}…")
        partial.replace(path)
