"""A MinIO of the tests' own, on loopback, where there is one to start."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perennial.catalog.access import Keys
from perennial.processes import free_port

MINIO = os.environ.get("PERENNIAL_TEST_MINIO") or shutil.which("minio")
ROOT = Keys("root", "root-password")
needs_minio = pytest.mark.skipif(not MINIO, reason="put minio on PATH, or name it in PERENNIAL_TEST_MINIO")


@contextmanager
def running_minio(folder: Path, port: int = 0, **variables: str) -> Iterator[str]:
    """Run a server over ``folder``, with variables of its own beside the administrator's, and give its address."""
    place = f"127.0.0.1:{port or free_port()}"
    environment = {**os.environ, "MINIO_ROOT_USER": ROOT.access, "MINIO_ROOT_PASSWORD": ROOT.secret, "MINIO_UPDATE": "off"}
    command = [str(MINIO), "server", str(folder), "--address", place, "--console-address", "127.0.0.1:0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment | variables, stdout=quiet, stderr=quiet) as process:
        try:
            yield f"http://{place}"
        finally:
            process.terminate()
