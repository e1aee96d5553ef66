"""Run the demo site by itself, in a pod say: ``python -m perennial.sources.demo_site --host 0.0.0.0 --port 8000``."""

import argparse
import math
import os
import signal
import threading

from perennial.errors import mistakes_told
from perennial.sources.demo_site.posts import day
from perennial.sources.demo_site.server import HOST, DemoSite


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; with ``--every``, a new day begins each time that many seconds are over."""
    parser = argparse.ArgumentParser(prog="python -m perennial.sources.demo_site", description=__doc__)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=_port, default=8000)
    parser.add_argument("--url", default="", help="the address that the pages name, where it isn't host and port")
    parser.add_argument("--seed", type=int, default=0)
    newest = os.environ.get("DEMO_DAY", "0")
    parser.add_argument("--day", type=_number_of_a_day, default=newest, help="newest day that is listed; DEMO_DAY is the default")
    parser.add_argument("--every", type=_seconds, default=0, metavar="SECONDS", help="length of a day; 0: it stays the same day")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with DemoSite(seed=chosen.seed, today=day(chosen.day), port=chosen.port, host=chosen.host, url=chosen.url) as site:
        number = chosen.day
        while not ended.wait(chosen.every or None):
            number += 1
            site.today = day(number)


def _port(given: str) -> int:
    if not given.isdecimal() or int(given) > 65535:
        raise argparse.ArgumentTypeError(f"'{given}' is no port: ports are numbers from 0, which takes a free one, to 65535")
    return int(given)


def _number_of_a_day(given: str) -> int:
    try:
        day(int(given))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"'{given}' is no number of a day: 0 is the last of the back catalogue, 1 the first new one"
        ) from None
    return int(given)


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"'{given}' is no number of seconds: a day lasts 0 or more, and 0 is for ever")
    return seconds


if __name__ == "__main__":
    with mistakes_told():
        main()
