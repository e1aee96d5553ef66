"""Opening a store by its URL: a folder or an S3 bucket, for objects and for tables."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from perennial.catalog.failures import failure, told
from perennial.errors import StoreUnavailable

S3_OPTIONS = ("access_key_id", "secret_access_key", "session_token", "region", "endpoint_url")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PATIENCE = timedelta(seconds=20)


def local_root(url: str) -> Path | None:
    """Return the folder that a ``file://`` URL names, or None for another scheme."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def open_store(url: str, *, make: bool = True) -> LocalStore | S3Store:
    """Open the store at ``url``; a folder is made where it isn't there yet, unless ``make`` is false.

    Raises:
        StoreUnavailable: the URL is none of ``file:///folder`` and ``s3://bucket/prefix``, or the folder isn't there.
        StoreReadOnly: the folder can't be made.
    """
    root, parts = local_root(url), urlsplit(url)
    if root is not None and root.is_absolute() and not parts.netloc:
        if not make and not root.is_dir():
            raise StoreUnavailable(f"There is no store at {url}: the folder isn't there. Correct the address.")
        with told(url, "making the folder", writing=True):
            root.mkdir(parents=True, exist_ok=True)
            return LocalStore(root)
    if parts.scheme == "s3" and parts.netloc:
        try:
            return _s3(parts.netloc, parts.path.strip("/"))
        except (BaseError, ValueError) as error:
            raise failure(url, "opening it", error, writing=False) from error
    raise StoreUnavailable(f"'{url}' names no store. Set PERENNIAL_STORE to file:///folder or s3://bucket/prefix.")


def s3_options() -> dict[str, str]:
    """Return what the ``AWS_*`` variables say, as options that obstore and Lance both take.

    Plain HTTP is allowed where the endpoint's own URL says ``http://``. Empty keys are taken out of the environment, where both
    would sign with them: they say that the pod has a role (EKS Pod Identity, IRSA) or the machine has one.
    """
    for name in KEYS:
        if not os.environ.get(name):
            os.environ.pop(name, None)
    found = {f"aws_{name}": os.environ.get(f"AWS_{name.upper()}", "") for name in S3_OPTIONS}
    options = {"aws_region": "us-east-1"} | {name: value for name, value in found.items() if value}
    if "aws_endpoint_url" in options:
        options["aws_endpoint"] = options.pop("aws_endpoint_url")
    return options


def plain_http() -> bool:
    """Return whether the S3 endpoint is one without TLS."""
    return os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")


def _s3(bucket: str, prefix: str) -> S3Store:
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"allow_http": plain_http(), "connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=60)},
        retry_config={"max_retries": 4, "retry_timeout": PATIENCE},
        **s3_options(),  # type: ignore[arg-type]
    )
