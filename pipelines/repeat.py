"""Runs that repeat on this machine."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from perennial.errors import PerennialError, SettingsError
from perennial.terminal import console

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def interval(text: str) -> int:
    """Return the seconds of a length of time such as 30m, 6h or 1d.

    Raises:
        SettingsError: it isn't one.
    """
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise SettingsError(f"'{text}' is no length of time; write a number and s, m, h or d, such as 6h.")
    return int(match[1]) * _SECONDS[match[2]]


def repeat(run: Callable[[], object], seconds: int, *, announce: bool = True) -> NoReturn:
    """Run now and every ``seconds`` until interrupted; a run that fails says why, and the next one is tried.

    With ``announce``, each next time is told.
    """
    due = time.monotonic()
    while True:
        try:
            run()
        except PerennialError as error:
            console.print(str(error), markup=False)
        due = max(due + seconds, time.monotonic())
        when = datetime.now(UTC) + timedelta(seconds=due - time.monotonic())
        if announce:
            console.print(f"Next run at {when:%Y-%m-%d %H:%M:%S} UTC; Ctrl-C ends.", markup=False)
        time.sleep(max(0.0, due - time.monotonic()))
