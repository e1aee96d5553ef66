"""The bucket on MinIO: its versions, how long old ones are kept, its users, and what it tells of its inbox."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from perennial.catalog.access import Keys, Place, policy
from perennial.catalog.notifications import set_up_notifications
from perennial.errors import StoreError, StoreUnavailable

OLD_VERSIONS_DAYS = 30
SHORT_DAYS = 1
_TIMEOUT_S = 30
_POLL_S = 1.0


def set_up_bucket(
    place: Place, root: Keys, users: Mapping[str, Keys], *, wait_s: float = 0, say: Callable[[str], None] = lambda _: None
) -> None:
    """Make the bucket as it should be and bring the services' users in line; what is so already stays.

    Args:
        place: server, bucket and prefix.
        root: MinIO's administrator.
        users: the keys of each service.
        wait_s: seconds to wait for the server to answer.
        say: takes a line for each thing done.

    Raises:
        StoreUnavailable: the server doesn't answer in time, or refuses the administrator.
        StoreError: it refuses something else.
    """
    client, admin = _clients(place, root)
    with _told(place, "reaching it"):
        _wait(client, wait_s)
    with _told(place, f"making the bucket {place.bucket}"):
        if not client.bucket_exists(place.bucket):
            client.make_bucket(place.bucket)
        _keep_versions(client, place)
    say(f"bucket {place.bucket}: versioned, old versions kept {OLD_VERSIONS_DAYS} days")
    for service, keys in users.items():
        with _told(place, f"setting up the user {keys.access}"):
            name = f"{place.bucket}-{service}"
            admin.policy_add(name, policy=policy(place, service))
            admin.user_add(keys.access, keys.secret)
            admin.policy_set(name, user=keys.access)
        say(f"S3 user {keys.access}: policy {name}")
    with _told(place, "setting up the notifications of the inbox"):
        said = set_up_notifications(client, admin, place)
    say(said)


def _keep_versions(client: Any, place: Place) -> None:
    """Turn versions on and let old ones expire; what is left of broken uploads MinIO removes by itself after a day."""
    from minio.commonconfig import ENABLED, Filter
    from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
    from minio.versioningconfig import VersioningConfig

    def rule(name: str, prefix: str, days: int) -> Rule:
        return Rule(
            ENABLED,
            rule_filter=Filter(prefix=prefix),
            rule_id=name,
            noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=days),
        )

    client.set_bucket_versioning(place.bucket, VersioningConfig(ENABLED))
    # A lease is written anew every few seconds, a checkpoint once an epoch, and a segment goes once it is folded: versions that
    # nobody will ask for.
    short = [rule(f"old-{room}", f"{place.prefix}/{room}/", SHORT_DAYS) for room in ("leases", "finetuning", "segments")]
    others = rule("old-versions", "", OLD_VERSIONS_DAYS)
    marks = Rule(
        ENABLED, rule_filter=Filter(prefix=""), rule_id="bare-marks", expiration=Expiration(expired_object_delete_marker=True)
    )
    client.set_bucket_lifecycle(place.bucket, LifecycleConfig([*short, others, marks]))


def _clients(place: Place, root: Keys) -> tuple[Any, Any]:
    from minio import Minio, MinioAdmin
    from minio.credentials.providers import StaticProvider
    from urllib3 import PoolManager, Retry, Timeout

    server = urlsplit(place.endpoint)
    secure = server.scheme == "https"
    pool = PoolManager(timeout=Timeout(_TIMEOUT_S), retries=Retry(0, redirect=False))
    client = Minio(server.netloc, root.access, root.secret, secure=secure, region="us-east-1", http_client=pool)
    admin = MinioAdmin(
        endpoint=server.netloc,
        credentials=StaticProvider(root.access, root.secret),
        secure=secure,
        region="us-east-1",
        http_client=pool,
    )
    return client, admin


def _wait(client: Any, wait_s: float) -> None:
    """Return once the server answers a question; while it starts it says 404 to anything, so that isn't "no such bucket"."""
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    deadline = time.monotonic() + wait_s
    while True:
        try:
            client.list_buckets()
            return
        except (HTTPError, MinioException) as error:
            starting = isinstance(error, HTTPError) or getattr(error, "code", "") in (
                "",
                "XMinioServerNotInitialized",
                "SlowDown",
            )
            if not starting or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


@contextmanager
def _told(place: Place, doing: str) -> Iterator[None]:
    """Raise what the client raises as a sentence."""
    from minio.error import MinioAdminException, MinioException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except HTTPError as error:
        raise StoreUnavailable(
            f"MinIO at {place.endpoint} doesn't answer ({_short(error)}). Check that it runs and that AWS_ENDPOINT_URL names it."
        ) from None
    except (MinioException, MinioAdminException) as error:
        if any(mark in str(error) for mark in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied")):
            raise StoreUnavailable(
                f"MinIO at {place.endpoint} refuses its administrator at {doing} ({_short(error)}). If the Secret minio-root was "
                "changed, restart MinIO, which then takes it over; else correct the Secret."
            ) from None
        raise StoreError(
            f"MinIO at {place.endpoint} refuses {doing} ({_short(error)}). Mend that and run set-up again."
        ) from None


def _short(error: Exception) -> str:
    told = (
        getattr(error, "reason", None) or getattr(error, "message", None) or error
    )  # what is behind urllib3's and S3's own words
    return " ".join(str(told).split())[:200]
