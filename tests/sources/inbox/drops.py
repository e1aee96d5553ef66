"""Dropping objects into an inbox, as others do: into a folder, or into a bucket as its administrator."""

import io
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from perennial.catalog.access import Place, policy
from tests.minio_server import ROOT


def picture(number: int) -> bytes:
    """Return a picture that is like no other number's, a PNG."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 48)).save(buffer, "PNG")
    return buffer.getvalue()


def sidecar(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


class Dropping(Protocol):
    """An inbox from outside."""

    def drop(self, key: str, data: bytes, tags: Mapping[str, str] | None = None) -> None: ...
    def keys(self) -> list[str]: ...


class IntoFolder:
    """Files that nobody has touched for a while, or that were written just now."""

    def __init__(self, url: str, *, age_s: float = 60) -> None:
        self.root = Path(urlsplit(url).path) / "inbox"
        self.age_s = age_s

    def drop(self, key: str, data: bytes, tags: Mapping[str, str] | None = None) -> None:
        assert not tags
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(".partial")
        partial.write_bytes(data)
        os.utime(partial, (time.time() - self.age_s,) * 2)
        partial.replace(path)

    def keys(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())


class IntoBucket:
    """Objects, some with tags."""

    def __init__(self, endpoint: str, bucket: str = "perennial", root: str = "store/inbox/") -> None:
        from minio import Minio

        self.endpoint = endpoint.removeprefix("http://")
        self.client = Minio(self.endpoint, ROOT.access, ROOT.secret, secure=False)
        self.bucket, self.root = bucket, root
        self.denied: list[dict[str, Any]] = []

    def drop(self, key: str, data: bytes, tags: Mapping[str, str] | None = None) -> None:
        from minio.commonconfig import Tags

        named = Tags.new_object_tags()
        named.update(tags or {})
        self.client.put_object(self.bucket, self.root + key, io.BytesIO(data), len(data), tags=named if tags else None)

    def keys(self) -> list[str]:
        found = self.client.list_objects(self.bucket, self.root, recursive=True)
        return [str(one.object_name).removeprefix(self.root) for one in found]

    def versions(self) -> int:
        """Count what is left in the inbox, old versions and marks too."""
        return len(list(self.client.list_objects(self.bucket, self.root, recursive=True, include_version=True)))

    def forbid(self, key: str, actions: list[str]) -> None:
        """Deny the service something with one object, beside what it was denied before."""
        from minio import MinioAdmin
        from minio.credentials.providers import StaticProvider

        keys = StaticProvider(ROOT.access, ROOT.secret)
        admin = MinioAdmin(endpoint=self.endpoint, credentials=keys, secure=False)
        self.denied.append({"Effect": "Deny", "Action": actions, "Resource": [f"arn:aws:s3:::{self.bucket}/{self.root}{key}"]})
        allowed = policy(Place(f"http://{self.endpoint}", self.bucket, "store"), "inbox")
        admin.policy_add(f"{self.bucket}-inbox", policy={**allowed, "Statement": [*allowed["Statement"], *self.denied]})
