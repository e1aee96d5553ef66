"""Child processes that end with their parent, and free ports."""

import contextlib
import ctypes.util
import functools
import math
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path

import psutil

_POLL_S = 0.2
_M_ARENA_MAX = -8


def die_with_parent(expected_parent: int | None = None) -> None:
    """Kill this process, by SIGKILL, as soon as its parent has ended.

    A thread waits on the parent's pidfd. Linux' ``PR_SET_PDEATHSIG`` isn't used, because it fires when the *thread* that
    started the child ends, and a scheduler or a dashboard starts children from threads that come and go.

    Args:
        expected_parent: process id that the parent had when it started this process; where it is another by now, the
            parent ended before this call and the process ends at once. By default, the parent as it is now.
    """
    parent = expected_parent if expected_parent is not None else os.getppid()
    if os.getppid() != parent:
        _end()
    threading.Thread(target=_watch, args=(parent,), name="die-with-parent", daemon=True).start()


def die_with(ancestor: int) -> None:
    """Kill this process, by SIGKILL, as soon as one of its ancestors has ended, whatever stands between the two.

    Args:
        ancestor: process id; where no ancestor has it any more, this process ends at once.
    """
    if all(parent.pid != ancestor for parent in psutil.Process().parents()):
        _end()
    threading.Thread(target=_wait_and_end, args=(psutil.Process(ancestor),), name="die-with", daemon=True).start()


def alive(pid: int) -> bool:
    """Return whether a process with this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def usable_cores() -> int:
    """Return how many cores this process may use: those that it may run on, or fewer where its container has a limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _cpu_limit())))


def share_heaps() -> None:
    """Keep this process's threads to two heaps of glibc's, where it would give each its own: Lance's leave them full of holes."""
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such heaps
        _c_library().mallopt(_M_ARENA_MAX, 2)


def give_memory_back() -> None:
    """Return to the system what this process's heaps hold and don't use, as after a table was rewritten."""
    with contextlib.suppress(OSError, AttributeError):
        _c_library().malloc_trim(0)


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(ctypes.util.find_library("c"))


def _cpu_limit(cgroups: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the container's limit in cores, by cgroup v2 or v1; infinite where there is none."""
    places = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
    for names in places:
        try:
            quota, period = " ".join((cgroups / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        return float(quota) / float(period) if quota not in ("max", "-1") else math.inf
    return math.inf


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _watch(parent: int) -> None:
    try:
        handle = os.pidfd_open(parent)
    except (AttributeError, OSError):  # not Linux, or the parent is gone already
        handle = -1
    if handle >= 0 and os.getppid() == parent:
        select.select([handle], [], [])
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    _end()


def _wait_and_end(ancestor: psutil.Process) -> None:
    ancestor.wait()
    _end()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
