"""Who may do what in the bucket.

::

    service     reads                                                    writes
    pipeline    store/, and tags and versions of store/inbox/            store/
    server      store/endpoints/ releases/ backbones/ tasks/             store/segments/, where it deletes nothing and
                and store/segments/*/key                                 reads no more than the key of prediction ids
    inbox       store/inbox/ with tags and versions, where it writes,    store/images/ quarantine/inbox/, the tables images and
                and store/archive/images/                                review with their leases; of store/inbox/ and
                                                                         store/labels/*/mark.json it only deletes
    dashboard   store/                                                   nothing
    mlflow      mlflow/                                                  mlflow/
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from perennial.catalog.archive import archived_key
from perennial.catalog.inbox import FOLDER as INBOX
from perennial.catalog.quarantine import FOLDER as QUARANTINE
from perennial.catalog.segments import FOLDER as SEGMENTS
from perennial.errors import StoreError

ARTIFACTS = "mlflow"
"""Where in the bucket MLflow keeps its artifacts; no other service reads or writes there."""

SERVED = ("endpoints", "releases", "backbones", "tasks")
TABLES = ("images", "review")
TAKEN_IN = (
    *(f"catalog/{table}.lance/" for table in TABLES),
    "images/",
    f"{QUARANTINE}/{INBOX}/",
    *(f"leases/table {table}.json" for table in TABLES),
)
"""Where who takes in the inbox writes."""

_VERSIONS = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
)
_UPLOADS = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


@dataclass(frozen=True, slots=True)
class Keys:
    """A user's name and password for S3."""

    access: str
    secret: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store lies: the server's URL, the bucket and the store's prefix in it."""

    endpoint: str
    bucket: str
    prefix: str

    @classmethod
    def of(cls, endpoint: str, store: str) -> "Place":
        """Read a store's URL, such as ``s3://perennial/store``.

        Raises:
            StoreError: it is no bucket's with a prefix, or the endpoint is no URL.
        """
        parts, server = urlsplit(store), urlsplit(endpoint)
        prefix = parts.path.strip("/")
        if parts.scheme != "s3" or not parts.netloc or not prefix or prefix.split("/")[0] == ARTIFACTS:
            raise StoreError(
                f"The store '{store}' can't be set up: PERENNIAL_STORE must be s3://BUCKET/PREFIX, with another prefix than "
                f"{ARTIFACTS}."
            )
        if server.scheme not in ("http", "https") or not server.netloc:
            raise StoreError(f"The S3 endpoint '{endpoint}' is no URL: set AWS_ENDPOINT_URL to http://HOST:PORT or https://HOST.")
        return cls(endpoint, parts.netloc, prefix)


def policy(place: Place, service: str) -> dict[str, Any]:
    """Return what a service may do, as an S3 policy; ``service`` is one of those in this module's table."""
    store = (f"{place.prefix}/",)
    served = tuple(f"{place.prefix}/{name}/" for name in SERVED)
    dropped = f"{place.prefix}/{INBOX}/"
    written = tuple(f"{place.prefix}/{name}" for name in TAKEN_IN)
    folders = {
        "pipeline": store,
        "server": served,
        "inbox": (dropped, *written, f"{place.prefix}/{archived_key('images')}/"),
        "dashboard": store,
        "mlflow": (f"{ARTIFACTS}/",),
    }[service]
    bucket = f"arn:aws:s3:::{place.bucket}"
    actions = ["s3:GetObject"]
    if service in ("pipeline", "mlflow"):
        actions += ["s3:PutObject", "s3:DeleteObject", *_UPLOADS]
    statements = [
        _allow(["s3:GetBucketLocation"], [bucket]),
        _allow(["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": [f"{folder}*" for folder in folders]}}),
        _allow(actions, [f"{bucket}/{folder}*" for folder in folders]),
    ]
    if service == "inbox":
        statements.append(_allow(["s3:PutObject", *_UPLOADS], [f"{bucket}/{folder}*" for folder in written]))
        deleted = (*(f"catalog/{table}.lance/*" for table in TABLES), "labels/*/mark.json")
        statements.append(_allow(["s3:DeleteObject"], [f"{bucket}/{place.prefix}/{name}" for name in deleted]))
    if service in ("inbox", "pipeline"):
        statements.append(_allow(["s3:ListBucketVersions"], [bucket], {"StringLike": {"s3:prefix": [f"{dropped}*"]}}))
        statements.append(_allow(list(_VERSIONS), [f"{bucket}/{dropped}*"]))
    if service == "server":
        noted = f"{bucket}/{place.prefix}/{SEGMENTS}"
        statements += [_allow(["s3:PutObject", *_UPLOADS], [f"{noted}/*"]), _allow(["s3:GetObject"], [f"{noted}/*/key"])]
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: list[str], resources: list[str], condition: dict[str, Any] | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})
