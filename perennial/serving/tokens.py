"""Who may say what a picture shows: users with a token each, and how much they may say a day.

The file holds the tokens' digests alone, so that whoever reads it can't speak for anybody::

    users:
      ana: sha256:9f86d081884c7d65…
"""

import hashlib
import hmac
import os
import re
import secrets
import time
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.errors import SettingsError

_MARK = "sha256:"
_USER = re.compile(r"[\w.@+-]{1,64}")
_DAY_S = 86_400


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    users: dict[str, str]


class Tokens:
    """The users of a file, read again when it changes, and what each of them has said today in this process."""

    def __init__(self, path: Path, daily: int) -> None:
        self.path = path
        self.daily = daily
        self._users: dict[str, str] = {}
        self._seen: tuple[int, int, int] | None = None
        self._counts: dict[str, tuple[int, int]] = {}

    @property
    def there(self) -> bool:
        """Whether there is a file, so that anybody may say anything at all."""
        return self.path.is_file()

    def user_of(self, token: str) -> str | None:
        """Return whose token this is, None for nobody's; every user's is compared, in constant time.

        Raises:
            SettingsError: the file can't be read.
        """
        given, found = _digest(token), None
        for user, digest in self._read().items():
            if hmac.compare_digest(given.encode(), digest.encode()):
                found = user
        return found

    def take(self, user: str) -> int:
        """Count a statement of this user's; return 0, or the seconds until the user may go on where the day's number is spent."""
        now = int(time.time())
        today, count = now // _DAY_S, 0
        if user in self._counts and self._counts[user][0] == today:
            count = self._counts[user][1]
        if count >= self.daily:
            return _DAY_S - now % _DAY_S
        self._counts[user] = today, count + 1
        return 0

    def _read(self) -> dict[str, str]:
        try:
            status = self.path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._users, self._seen = read_users(self.path), seen
        except OSError as error:
            raise SettingsError(f"The file of users {self.path} can't be read: {error.strerror}. Mend that.") from None
        return self._users


def read_users(path: Path) -> dict[str, str]:
    """Return the digest of each user's token.

    Raises:
        OSError: the file can't be read.
        SettingsError: it isn't as this module's example.
    """
    try:
        users = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {"users": {}}).users
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        raise _wrong(path, " ".join(str(error).split())[:200]) from None
    for user, digest in users.items():
        if not digest.startswith(_MARK):
            raise _wrong(path, f"what stands beside {user} doesn't begin with {_MARK}")
    return users


def make_token(path: Path, user: str) -> str:
    """Give a user a token, in place of an earlier one, and return it; the file keeps its digest alone.

    Raises:
        SettingsError: the name isn't allowed, or the file is wrong.
    """
    if not _USER.fullmatch(user):
        raise SettingsError(f"'{user}' can't be a user's name: take up to 64 letters, digits and any of . _ @ + -.")
    users = read_users(path) if path.exists() else {}
    token = secrets.token_urlsafe(32)
    users[user] = _digest(token)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 (its mode is there from the start)
        yaml.safe_dump({"users": users}, file, allow_unicode=True)
    partial.replace(path)
    return token


def _digest(token: str) -> str:
    return _MARK + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _wrong(path: Path, what: str) -> SettingsError:
    return SettingsError(f"The file of users {path} is wrong: {what}. Make it anew with 'perennial feedback token USER'.")
