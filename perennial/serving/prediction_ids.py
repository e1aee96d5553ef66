"""Prediction ids that prove themselves: any replica of an endpoint knows its own from a made-up one, without looking anything up.

An id is the task, a dot, and 33 bytes in base64: when (4), chance (8), whether the picture is kept (1), signature (20). The key
that signs is made once for each endpoint and lies in the store, ``segments/<endpoint>/key``.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import struct
import threading
import time
from dataclasses import dataclass

from perennial.catalog.objects import Objects
from perennial.catalog.segments import key_of_ids
from perennial.errors import StoreError

_BODY = struct.Struct(">I8s?")
_SIGNATURE_BYTES = 20
_KEY_BYTES = 32
LONGEST = 128
PATIENCE_S = 5.0
RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a true id says: its task, when the answer was given (seconds since 1970), whether the picture is kept."""

    task: str
    at: int
    kept: bool


class PredictionIds:
    """Makes and checks the ids of one endpoint; ``trouble`` says why ids won't be known by others, "" where they will."""

    def __init__(self, key: bytes) -> None:
        self.trouble = ""
        self._keys = [key]
        self._tried = threading.Event()

    @classmethod
    def open(cls, objects: Objects, endpoint: str, patience_s: float = PATIENCE_S) -> "PredictionIds":
        """Take the endpoint's key, made if this is the first server.

        Where the store refuses, or doesn't answer in ``patience_s``, a key of this process's own does until it is there again.
        """
        ids = cls(secrets.token_bytes(_KEY_BYTES))
        ids.trouble = f"Prediction ids hold for this process alone: {objects.url} doesn't answer yet."
        threading.Thread(target=ids._take, args=(objects, key_of_ids(endpoint)), name="ids", daemon=True).start()
        ids._tried.wait(patience_s)
        return ids

    def new(self, task: str, *, kept: bool = False) -> str:
        """Return an id for an answer that is given now; ``kept`` says that the picture goes with the record of it."""
        body = _BODY.pack(int(time.time()), os.urandom(8), kept)
        return f"{task}.{base64.urlsafe_b64encode(body + _signed(self._keys[0], task, body)).decode()}"

    def check(self, id: str) -> Known | None:
        """Return what the id says, or None where this endpoint never gave it."""
        task, _, rest = id.rpartition(".")
        if not task or len(id) > LONGEST:
            return None
        try:
            data = base64.b64decode(rest.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        body, signature = data[: _BODY.size], data[_BODY.size :]
        if len(body) != _BODY.size or not any(hmac.compare_digest(signature, _signed(key, task, body)) for key in self._keys):
            return None
        at, _, kept = _BODY.unpack(body)
        return Known(task, at, kept)

    def _take(self, objects: Objects, name: str) -> None:
        """Have the endpoint's key sign as soon as the store gives it; what this process's own key signed stays known here."""
        (own,) = self._keys
        while True:
            try:
                objects.create(name, own)
                key = objects.get(name)
            except StoreError as error:
                self.trouble = f"Prediction ids hold for this process alone: {error}"
                self._tried.set()
                time.sleep(RETRY_S)
            else:
                self._keys = [key, own]
                self.trouble = ""
                self._tried.set()
                return


def _signed(key: bytes, task: str, body: bytes) -> bytes:
    return hmac.digest(key, task.encode() + b"." + body, hashlib.sha256)[:_SIGNATURE_BYTES]
