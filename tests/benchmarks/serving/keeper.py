"""Run a server on given cores and end it, with all that it started, when the benchmark ends: ``keeper PARENT CORES COMMAND...``.

However the benchmark ends, kill -9 included, no server is left behind.
"""

import os
import select
import signal
import subprocess
import sys

import psutil

GRACE_S = 10.0


def main() -> None:
    parent, cores, *command = sys.argv[1:]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with subprocess.Popen(command) as server:
        try:
            wait_for_either(int(parent), server.pid)
        finally:
            end(server.pid)


def wait_for_either(*pids: int) -> None:
    """Wait until one of these processes has ended."""
    handles = []
    for pid in pids:
        try:
            handles.append(os.pidfd_open(pid))
        except ProcessLookupError:
            return
    select.select(handles, [], [])


def end(pid: int) -> None:
    """End a process and its descendants, by SIGKILL those that don't end at SIGTERM."""
    processes = tree(pid)
    for sign in (signal.SIGCONT, signal.SIGTERM):
        send(processes, sign)
    _, left = psutil.wait_procs(processes, timeout=GRACE_S)
    send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=GRACE_S)


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants, none where it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send(processes: list[psutil.Process], sign: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        try:
            process.send_signal(sign)
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    main()
