"""How many records a writer took and how many are in the store, in a small mapped file that outlives a kill -9.

A killed process's file stays, and what it took and hadn't written is the difference: exact, since each number is one word that
the kernel keeps, and the numbers that belong together are changed by one word that says which copy of them counts.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_WORDS = 8
_TAKEN, _COPY, _FIRST = 0, 1, 2
_SIZE = _WORDS * 8


@dataclass(frozen=True, slots=True)
class Standing:
    """Records that the store has, or knows to be lost; the next segment's number; and the records on their way in it."""

    settled: int = 0
    number: int = 0
    under_way: int = 0


class Tally:
    """The numbers of one writer; ``take`` may be called from any thread under a lock, ``stand`` from one thread alone."""

    def __init__(self, path: Path | None, mapped: mmap.mmap, file: int) -> None:
        self._path = path
        self._file = file
        self._mapped = mapped
        self._words = memoryview(mapped).cast("Q")

    @classmethod
    def new(cls, path: Path) -> Self:
        """Start a file at zero, locked while this process lives; where there can be none, count in memory alone."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            return cls(None, mmap.mmap(-1, _SIZE), -1)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, _SIZE)
        return cls(path, mmap.mmap(file, _SIZE), file)

    @classmethod
    def left(cls, folder: Path) -> Iterator[tuple[str, Self]]:
        """Yield name and tally of each file in ``folder`` whose writer has ended; this process holds it until it is closed."""
        for path in sorted(folder.glob("*")):
            try:
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mapped = mmap.mmap(file, _SIZE)
            except (OSError, ValueError):  # its writer lives, or was killed before the file had a size: then it took nothing
                os.close(file)
                continue
            yield path.name, cls(path, mapped, file)

    @property
    def taken(self) -> int:
        """Records that the writer took."""
        return self._words[_TAKEN]

    @property
    def standing(self) -> Standing:
        """What became of them."""
        start = _FIRST + 3 * self._words[_COPY]
        return Standing(*self._words[start : start + 3])

    def take(self) -> None:
        """Count one record more."""
        self._words[_TAKEN] += 1

    def stand(self, now: Standing) -> None:
        """Change the other numbers at once."""
        other = 1 - self._words[_COPY]
        start = _FIRST + 3 * other
        self._words[start], self._words[start + 1], self._words[start + 2] = now.settled, now.number, now.under_way
        self._words[_COPY] = other

    def close(self, *, remove: bool) -> None:
        """Let go of the file; ``remove`` it where nothing is left to tell."""
        self._words.release()
        self._mapped.close()
        if remove and self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._file >= 0:
            os.close(self._file)
