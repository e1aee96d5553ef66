"""Asking again what may pass, by stamina: later each time, with jitter, or when the host wants it."""

import logging
from collections.abc import Callable
from typing import TypeVar

import stamina

from perennial.sources.web.limits import Limits
from perennial.sources.web.trouble import Passing

T = TypeVar("T")


def retried(ask: Callable[[], T], limits: Limits) -> T:
    """Return what ``ask`` returns, after as many attempts as ``limits`` give.

    Raises:
        Passing: the last one failed too.
    """
    _hush()
    retries = stamina.retry_context(
        _wait, attempts=limits.attempts, timeout=None, wait_initial=limits.retry_s, wait_jitter=limits.retry_s
    )
    for attempt in retries:
        with attempt:
            return ask()
    raise AssertionError("stamina ends with an answer or an error")


def _wait(error: Exception) -> bool | float:
    if not isinstance(error, Passing) or not error.again:
        return False
    return error.wait_s or True


def _hush() -> None:
    """Leave stamina's note of each retry to those who set up logging; without, Python prints it bare."""
    log = logging.getLogger("stamina")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
