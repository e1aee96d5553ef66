"""Sentences for what can go wrong between this process and the store."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from perennial.errors import CatalogError, PerennialError, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

FULL = (
    "no space left",
    "os error 28",
    "os error 122",
    "os error 27",
    "quota",
    "file too large",
    "storagefull",
    "insufficient storage",
)
REFUSED = (
    "permission denied",
    "not permitted",
    "read-only file system",
    "os error 30",
    "accessdenied",
    "access denied",
    "forbidden",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "unauthorized",
)
NO_BUCKET = "nosuchbucket"
AWAY = ("error sending request", "connection refused", "timed out", "dns error", "tcp connect", "client error")
ANSWERED = re.compile(r"status code: (?!404)\d")
"""In an error of Lance, that the server failed; that a file isn't there is a table's damage."""

SERVER = r"(https?://[^/\s]+)"
REASONS = {
    re.compile(SERVER + r".*?<Code>([^<]+)</Code>\s*<Message>([^<]+?)\.?</Message>", re.DOTALL): "{} answers {}: {}",
    re.compile(SERVER + r".*?status code: (\d+ [\w ]+)"): "{} answers {}",
    re.compile(SERVER + r".*?error sending request.*?(?:message|error): \"([^\"]+)\"", re.DOTALL): "{} can't be reached: {}",
    re.compile(SERVER + r".*?error sending request"): "{} can't be reached",
}
TECHNICAL = re.compile(r"Debug source:.*|, /\S+\.rs:\d+:\d+", re.DOTALL)


@contextmanager
def told(url: str, doing: str, *, writing: bool) -> Iterator[None]:
    """Raise what the store's client or the operating system raises as a StoreError that a user can act on."""
    try:
        yield
    except PerennialError:
        raise
    except (BaseError, OSError) as error:
        raise failure(url, doing, error, writing=writing) from error


def failure(url: str, doing: str, error: Exception, *, writing: bool) -> StoreError:
    """Return the StoreError that says what happened to the store at ``url`` while ``doing`` something."""
    plain = str(error).lower()
    first = _reason(error)
    if any(mark in plain for mark in FULL):
        return StoreFull(
            f"The store {url} has no room left for {doing} ({first}). Free space or raise the quota, then run again."
        )
    if NO_BUCKET in plain:
        return StoreUnavailable(f"The store {url} names a bucket that doesn't exist. Create it, or correct PERENNIAL_STORE.")
    if any(mark in plain for mark in REFUSED) or isinstance(error, PermissionError):
        if writing:
            return StoreReadOnly(
                f"The store {url} can't be written: {doing} was refused ({first}). "
                "Give this user or these credentials the right to write, or choose another store with PERENNIAL_STORE."
            )
        return StoreUnavailable(
            f"The store {url} refuses {doing} ({first}). Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) "
            "or the folder's permissions."
        )
    return StoreUnavailable(
        f"The store {url} failed at {doing} ({first}). Check that it is up and that PERENNIAL_STORE names it, "
        "AWS_ENDPOINT_URL too where it is a bucket."
    )


def _reason(error: Exception) -> str:
    """Return who answered what where the client's words tell, else those before they get technical."""
    for pattern, sentence in REASONS.items():
        if told := pattern.search(str(error)):
            return sentence.format(*told.groups())
    return " ".join(TECHNICAL.sub("", str(error)).split())[:300]


@contextmanager
def table_told(url: str, table: str, doing: str, *, writing: bool) -> Iterator[None]:
    """Raise what Lance raises about a table as a StoreError, or as a CatalogError where the table itself is damaged."""
    try:
        yield
    except PerennialError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        plain = str(error).lower()
        if ANSWERED.search(plain) or any(mark in plain for mark in (*FULL, *REFUSED, *AWAY, NO_BUCKET)):
            raise failure(url, f"{doing} the table {table}", error, writing=writing) from error
        raise CatalogError(
            f"The table {table} in {url} failed at {doing} it: {_reason(error)}. If its files were changed or lost, restore "
            f"catalog/{table}.lance from a backup, or delete that folder and run again to build it anew."
        ) from error
