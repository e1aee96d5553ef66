"""A child ends with its parent."""

import math
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perennial.processes import _cpu_limit, alive, free_port, usable_cores

CHILD = """
import time
from perennial.processes import die_with_parent
die_with_parent({expected})
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def ended(pid: int, within_s: float = 5) -> bool:
    """Return whether the process is gone (or a zombie that nobody waits for) within that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return not alive(pid)
        time.sleep(0.02)
    return False


def test_a_child_ends_when_its_parent_is_killed() -> None:
    source = PARENT.format(child=CHILD.format(expected=""))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert ended(child)


def test_a_child_whose_parent_ended_before_it_asked_ends_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD.format(expected=1 << 21)], capture_output=True, timeout=30)
    assert done.returncode == -signal.SIGKILL


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ({}, math.inf),
    ],
)
def test_a_container_s_limit_of_cores(tmp_path: Path, files: dict[str, str], cores: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert _cpu_limit(tmp_path) == cores
    assert usable_cores() >= 1
