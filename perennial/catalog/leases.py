"""Leases: one holder at a time, each with a larger fencing number than the one before."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.errors import LeaseHeld, LeaseLost, ObjectMissing, StoreError

POLL_S = 0.2
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease, and until when unless renewed (seconds since 1970); ``token`` is "" once given back."""

    fence: int
    token: str
    host: str
    pid: int
    started: str
    expires: float

    @property
    def gone(self) -> bool:
        """Whether the lease is free: given back, expired, or its holder was a process of this machine that has ended."""
        if not self.token or time.time() > self.expires:
            return True
        return self.host == _host() and _started(self.pid) != self.started


class Held:
    """A lease that this process holds."""

    def __init__(self, objects: Objects, name: str, holder: Holder, ttl_s: float) -> None:
        self.name = name
        self._objects = objects
        self._holder = holder
        self._ttl_s = ttl_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)
        self._thread.start()

    @property
    def fence(self) -> int:
        """A number that grows with each holder: a write that carries a smaller one comes from a holder of the past."""
        return self._holder.fence

    def check(self) -> None:
        """Do nothing while the lease is held.

        Raises:
            LeaseLost: it expired or was taken over; nothing more may be written under it.
        """
        now = _read(self._objects.get(_key(self.name)))
        if now is None or now.token != self._holder.token or time.time() > now.expires:
            raise self._lost(now)

    def end(self) -> None:
        """Give the lease back, if it is still held."""
        self._ended.set()
        self._thread.join()
        self._exchange(replace(self._holder, token="", expires=0.0))

    def _renew(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            try:
                self._exchange(replace(self._holder, expires=time.time() + self._ttl_s))
            except LeaseLost:
                return
            except StoreError:
                continue  # the store may be back before the lease expires; check() says so if it isn't

    def _exchange(self, holder: Holder) -> None:
        def change(data: bytes | None) -> bytes:
            now = _read(data)
            if now is None or now.token != self._holder.token:
                raise self._lost(now)
            return canonical(asdict(holder))

        self._objects.update(_key(self.name), change)

    def _lost(self, now: Holder | None) -> LeaseLost:
        by = (
            f"process {now.pid} on {_name(now.host)} took it over"
            if now and now.token not in ("", self._holder.token)
            else "it expired"
        )
        return LeaseLost(f"The lease '{self.name}' is lost: {by}. Nothing more is written by this run; run again to go on.")


@contextmanager
def lease(objects: Objects, name: str, ttl_s: float = 60, wait_s: float = 0, *, above: int = 0) -> Iterator[Held]:
    """Hold the lease ``name`` while the block runs; a thread renews it.

    A holder that was killed loses it ``ttl_s`` seconds after its last renewal, and at once to a process on its own machine.
    The fence is larger than ``above``: what was written under a fence before a store was copied, whose leases weren't.

    Raises:
        LeaseHeld: another process holds it, and still does after ``wait_s`` seconds.
    """
    held = Held(objects, name, _take(objects, name, ttl_s, wait_s, above), ttl_s)
    try:
        yield held
    finally:
        with suppress(LeaseLost):  # what must not be written after a loss is guarded by check()
            held.end()


def taken(objects: Objects, name: str) -> bool:
    """Return whether a process holds the lease ``name`` at this moment."""
    try:
        holder = _read(objects.get(_key(name)))
    except ObjectMissing:
        return False
    return holder is not None and not holder.gone


def _take(objects: Objects, name: str, ttl_s: float, wait_s: float, above: int) -> Holder:
    deadline = time.monotonic() + wait_s
    token, pid = uuid.uuid4().hex, os.getpid()

    def change(data: bytes | None) -> bytes:
        now = _read(data)
        if now is not None and not now.gone:
            raise LeaseHeld(
                f"'{name}' is being worked on by process {now.pid} on {_name(now.host)}. Wait for it to end, or stop it; "
                f"if that machine is gone, the lease is free in {max(1, round(now.expires - time.time()))} s."
            )
        fence = max(now.fence if now is not None else 0, above) + 1
        return canonical(asdict(Holder(fence, token, _host(), pid, _started(pid), time.time() + ttl_s)))

    while True:
        try:
            return Holder(**json.loads(objects.update(_key(name), change)))
        except LeaseHeld:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)


def _read(data: bytes | None) -> Holder | None:
    if data is None:
        return None
    try:
        return Holder(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"A lease is damaged ({error}). Delete the store's folder leases while nothing runs, then run again."
        ) from None


def _key(name: str) -> str:
    return f"leases/{name}.json"


def _host() -> str:
    """Name this machine as processes that see each other do: by host name, boot and process namespace."""
    boot = BOOT_ID.read_text().strip() if BOOT_ID.is_file() else ""
    namespace = Path("/proc/self/ns/pid")
    return " ".join([socket.gethostname(), boot, str(namespace.readlink()) if namespace.exists() else ""])


def _name(host: str) -> str:
    return host.split(" ")[0]


def _started(pid: int) -> str:
    """Return when a process of this machine started, in clock ticks since boot; "" if it isn't running."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state in "ZX" else fields[18]
