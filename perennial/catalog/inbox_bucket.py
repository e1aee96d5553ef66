"""The inbox of a store in a bucket.

A version that was read is removed by its id, which no object that was written over it meanwhile shares: MinIO, unlike AWS, pays
no heed to a deletion's If-Match. The versions that it had replaced go first, for else the latest of them would come back.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perennial.catalog.failures import NO_BUCKET, failure
from perennial.catalog.inbox import FOLDER, Content, Drop
from perennial.errors import SourceError, StoreError

if TYPE_CHECKING:
    from minio import Minio
    from minio.error import S3Error

CONNECTIONS = 16
_GONE = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed")
_AWS = "https://s3.amazonaws.com"


class BucketInbox:
    """Objects below ``inbox/``, but for those whose key has a part that begins with a dot, or ends with a slash."""

    def __init__(self, url: str) -> None:
        """Open the inbox of the store at ``s3://bucket/prefix``; server and keys come from ``AWS_*``."""
        parts = urlsplit(url)
        self._url, self._bucket = url, parts.netloc
        self._store = "".join(f"{part}/" for part in parts.path.split("/") if part)
        self._root = f"{self._store}{FOLDER}/"
        self._client = _client()

    def drops(self, prefix: str = "") -> Iterator[Drop]:
        """Yield what lies below ``prefix``, sorted by key."""
        below = self._root + "".join(f"{part}/" for part in prefix.split("/") if part)
        with self._told("listing the inbox"):
            for found in self._client.list_objects(self._bucket, below, recursive=True):
                key = str(found.object_name).removeprefix(self._root)
                if not key.endswith("/") and not any(part.startswith(".") for part in key.split("/")):
                    yield Drop(key, int(found.size or 0), found.last_modified)

    def read(self, key: str, limit: int) -> Content | None:
        """Return an object, with its bytes if they are at most ``limit``; None where there is none."""
        from minio.error import S3Error

        with self._told(f"reading {FOLDER}/{key}"):
            try:
                answer = self._client.get_object(self._bucket, self._root + key)
            except S3Error as error:
                if error.code in _GONE:
                    return None
                raise self._refused(key, "be read", error) from None
            with closing(answer):
                size = int(answer.headers["Content-Length"])
                data = answer.read() if size <= limit else None
        drop = Drop(key, size, parsedate_to_datetime(answer.headers["Last-Modified"]))
        version = answer.headers.get("x-amz-version-id", "")
        return Content(drop, f"{'' if version == 'null' else version} {answer.headers['ETag']}", data)

    def tags(self, content: Content) -> dict[str, str]:
        """Return the tags of the version that was read."""
        from minio.error import S3Error

        key = content.drop.key
        with self._told(f"reading the tags of {FOLDER}/{key}"):
            try:
                return dict(self._client.get_object_tags(self._bucket, self._root + key, _id(content)) or {})
            except S3Error as error:
                if error.code in _GONE:
                    return {}
                raise self._refused(key, "have its tags read", error) from None

    def unfinished(self, content: Content) -> bool:  # noqa: ARG002 (a bucket has whole objects alone)
        """Say no."""
        return False

    def keep(self, content: Content, key: str) -> None:
        """Have the server copy the version that was read, without its tags."""
        from minio.commonconfig import REPLACE, ComposeSource, CopySource
        from minio.error import S3Error

        source, target = self._root + content.drop.key, self._store + key
        with self._told(f"copying {FOLDER}/{content.drop.key} to {key}"):
            try:
                if content.drop.size > 5 << 30:  # more than one request copies
                    self._client.compose_object(
                        self._bucket, target, [ComposeSource(self._bucket, source, version_id=_id(content))]
                    )
                else:
                    copied = CopySource(self._bucket, source, version_id=_id(content))
                    self._client.copy_object(self._bucket, target, copied, tagging_directive=REPLACE)
            except S3Error as error:
                if error.code not in _GONE:
                    raise self._refused(content.drop.key, f"be copied to {key}", error) from None

    def remove(self, content: Content) -> None:
        """Remove the version that was read, after those that it had replaced.

        In a bucket without versions there is an instant between looking at the object and removing it.
        """
        from minio.error import S3Error

        name, version = self._root + content.drop.key, _id(content)
        with self._told(f"removing {FOLDER}/{content.drop.key}"):
            try:
                if version is None:
                    if self._client.stat_object(self._bucket, name).etag == content.version.strip().strip('"'):
                        self._client.remove_object(self._bucket, name)
                    return
                for older in self._replaced(name, version):
                    self._client.remove_object(self._bucket, name, older)
                self._client.remove_object(self._bucket, name, version)
            except S3Error as error:
                if error.code not in _GONE:
                    raise self._refused(content.drop.key, "be removed", error) from None

    def _replaced(self, name: str, version: str) -> list[str]:
        """Return the versions of an object that are older than one, oldest first."""
        versions = []
        for found in self._client.list_objects(self._bucket, name, recursive=True, include_version=True):
            if found.object_name != name:  # keys come sorted, and the others only begin like it
                break
            if not found.is_delete_marker:
                versions.append(str(found.version_id))
        return versions[versions.index(version) + 1 :][::-1] if version in versions else []

    def _refused(self, key: str, doing: str, error: "S3Error") -> StoreError | SourceError:
        """Return a refusal as the object's own trouble, unless it is the bucket's or the server's."""
        status = getattr(error.response, "status", 500)
        if status >= 500 or str(error.code).lower() in (NO_BUCKET, "invalidaccesskeyid", "signaturedoesnotmatch", "slowdown"):
            return failure(self._url, f"having {FOLDER}/{key} {doing}", error, writing=False)
        return SourceError(
            f"{FOLDER}/{key} can't {doing} ({error.code}: {error.message}) and stays there. Look at it, or at this user's rights."
        )

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (MinioException, HTTPError, OSError) as error:
            raise failure(self._url, doing, error, writing=False) from error


def _id(content: Content) -> str | None:
    return content.version.split(" ")[0] or None


def _client() -> "Minio":
    from minio import Minio
    from minio.credentials.providers import ChainedProvider, EnvAWSProvider, IamAwsProvider
    from urllib3 import PoolManager, Retry, Timeout

    server = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or _AWS)
    retries = Retry(4, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), allowed_methods=None, raise_on_status=False)
    pool = PoolManager(maxsize=CONNECTIONS, timeout=Timeout(connect=5, read=60), retries=retries)
    region = os.environ.get("AWS_REGION") or "us-east-1"
    keys = ChainedProvider([EnvAWSProvider(), IamAwsProvider()])
    return Minio(server.netloc, secure=server.scheme == "https", region=region, http_client=pool, credentials=keys)
