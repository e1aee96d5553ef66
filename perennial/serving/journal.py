"""The journal of one server: records of answers and of feedback, written off the request's path into segments in the store."""

import logging
import secrets
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.segments import Segment, encode, line
from perennial.errors import StoreError
from perennial.serving.tally import Standing, Tally

FLUSH_S = 0.5
"""A segment is written so long after its first record came, or as soon as it is full."""

FULL = 1_000
MOST_RECORDS = 10_000
MOST_FEEDBACK = 2_000
MOST_PICTURE_BYTES = 32 * 1024 * 1024
_BACK_OFF_S = (0.5, 10.0)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    record: dict[str, Any]
    picture: bytes | None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A segment before it is written: its lines, the pictures that they name, what was lost before it, whether it is the last."""

    lines: list[bytes]
    pictures: dict[str, bytes]
    lost: int
    last: bool


class _Waiting:
    """Records that wait, oldest first, bounded in number and in the bytes of their pictures: the oldest make way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: deque[_Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: _Entry) -> int:
        """Add an entry and return how many made way."""
        self._entries.append(entry)
        self._bytes += len(entry.picture or b"")
        dropped = 0
        while len(self._entries) > self._most or (self._bytes > MOST_PICTURE_BYTES and len(self._entries) > 1):
            self.pop()
            dropped += 1
        return dropped

    def pop(self) -> _Entry:
        """Take the oldest out."""
        entry = self._entries.popleft()
        self._bytes -= len(entry.picture or b"")
        return entry


class Journal:
    """Takes records at once and writes them soon; what the store doesn't take waits, within bounds.

    ``written`` and ``lost`` count records: written by this process; lost by it, because the store was away for too long, or by
    servers on this home that were killed. ``trouble`` says what is wrong now, "" where nothing is.
    """

    def __init__(self, objects: Objects, endpoint: str, home: Path) -> None:
        """Begin a writer of its own; ``home`` is the folder in which the next start finds what a killed one had counted."""
        self.endpoint = endpoint
        self.writer = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        self.written = 0
        self.lost = 0
        self.trouble = ""
        self._objects = objects
        self._folder = home / "run" / "journal" / endpoint
        self._tally = Tally.new(self._folder / self.writer)
        self._waiting = {"prediction": _Waiting(MOST_RECORDS), "feedback": _Waiting(MOST_FEEDBACK)}
        self._untold = self._under_way = 0
        self._lock = threading.Lock()
        self._some, self._enough, self._ending = threading.Event(), threading.Event(), threading.Event()
        self._until = float("inf")
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def note(self, record: dict[str, Any], picture: bytes | None = None) -> None:
        """Take a record, whose ``kind`` is "prediction" unless it says "feedback"; its picture is kept beside it."""
        kind = "feedback" if record.get("kind") == "feedback" else "prediction"
        with self._lock:
            if self._ending.is_set():
                self.lost += 1
                return
            self._tally.take()
            dropped = self._waiting[kind].put(_Entry({**record, "kind": kind}, picture))
            self.lost += dropped
            self._untold += dropped
            waiting = self.waiting
        self._some.set()
        if waiting >= FULL:
            self._enough.set()

    @property
    def waiting(self) -> int:
        """Records that aren't in the store yet."""
        return self._under_way + sum(len(waiting) for waiting in self._waiting.values())

    @property
    def full(self) -> bool:
        """Whether one more piece of feedback would push an older one out."""
        return len(self._waiting["feedback"]) >= MOST_FEEDBACK

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, and that nothing more comes; what can't be written in time the next start counts as lost."""
        self._until = time.monotonic() + timeout_s
        with self._lock:
            self._ending.set()
        self._some.set()
        self._enough.set()
        self._thread.join(timeout_s + 1)

    def _write(self) -> None:
        """Write segment after segment until the end; the last one says that it is."""
        ended, recovered = False, self._recover()
        with suppress(StoreError):
            while not ended:
                self._some.wait()
                if self.waiting < FULL and not self._ending.is_set():
                    self._enough.wait(FLUSH_S)
                self._enough.clear()
                ended = self._put(self._next())
                recovered = recovered or self._recover()
        self._tally.close(remove=ended)

    def _next(self) -> _Draft:
        """Draw up the next segment from the oldest records."""
        with self._lock:
            entries = [waiting.pop() for waiting in self._waiting.values() for _ in range(min(len(waiting), FULL))]
            lost, self._untold = self._untold, 0
            more = any(map(len, self._waiting.values()))
            last = self._ending.is_set() and not more
            self._under_way = len(entries)
            if not more and not last:
                self._some.clear()
        lines, pictures = [], {}
        for entry in entries:
            sha256 = digest_of_bytes(entry.picture) if entry.picture is not None else ""
            try:
                lines.append(line(entry.record | ({"picture": sha256} if sha256 else {})))
            except ValueError as error:
                _log.error("A record can't be written: %s", error)
                lost += 1
                continue
            if entry.picture is not None:
                pictures[sha256] = entry.picture
        with self._lock:
            self.lost += len(entries) - len(lines)
        return _Draft(lines, pictures, lost, last)

    def _put(self, draft: _Draft) -> bool:
        """Write a segment, however long that takes, and return whether it is the last.

        Raises:
            StoreError: this server ends before the store took it.
        """
        standing, settling = self._tally.standing, len(draft.lines) + draft.lost
        if settling or (draft.last and standing.number):
            first = standing.settled
            segment = Segment(self.endpoint, self.writer, standing.number, first, lost=draft.lost, last=draft.last)
            self._tally.stand(Standing(standing.settled, standing.number, settling))
            for sha256, picture in draft.pictures.items():
                self._insist(segment.picture(sha256), picture)
            self._insist(segment.key, encode(segment, draft.lines))
            self._tally.stand(Standing(standing.settled + settling, standing.number + 1))
            self.written += len(draft.lines)
        self._under_way = 0
        return draft.last

    def _insist(self, key: str, data: bytes) -> None:
        """Write an object until it is there; nobody else writes this key, so where it is there, an earlier try arrived."""
        wait_s = _BACK_OFF_S[0]
        while True:
            try:
                self._objects.create(key, data)
                self.trouble = ""
                return
            except StoreError as error:
                if not self.trouble:
                    _log.warning("What is noted can't be written and waits: %s", error)
                self.trouble = str(error)
                if self._ending.is_set() and time.monotonic() + wait_s > self._until:
                    raise
            self._ending.wait(wait_s)
            if self._ending.is_set():
                time.sleep(_BACK_OFF_S[0])
            wait_s = min(2 * wait_s, _BACK_OFF_S[1])

    def _recover(self) -> bool:
        """Tell in the store, and here, how many records killed servers on this home had taken and not written."""
        for writer, tally in Tally.left(self._folder):
            done = False
            with suppress(StoreError):
                self._settle(writer, tally)
                done = True
            tally.close(remove=done)
            if not done:
                return False
        return True

    def _settle(self, writer: str, tally: Tally) -> None:
        """End a killed writer's line of segments; where its last one had arrived, that one's records aren't lost."""
        standing, taken = tally.standing, tally.taken
        lost, number = taken - standing.settled, standing.number
        if not lost and not number:
            return
        if not self._end(writer, number, standing.settled, lost) and standing.under_way:
            lost -= standing.under_way
            number += 1
            self._end(writer, number, standing.settled + standing.under_way, lost)
        tally.stand(Standing(taken, number + 1))
        with self._lock:
            self.lost += lost
        if lost:
            _log.warning("%d records that a killed server had taken were never written.", lost)

    def _end(self, writer: str, number: int, first: int, lost: int) -> bool:
        segment = Segment(self.endpoint, writer, number, first, lost=lost, last=True)
        return self._objects.create(segment.key, encode(segment))
