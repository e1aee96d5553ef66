"""What a server says on standard error: warnings always, a JSON line a request where the setting ``log_requests`` asks for it."""

import logging
import sys
from typing import Any

from perennial.serving.calls import Call

_requests = logging.getLogger("perennial.requests")
_log = logging.getLogger("perennial")


def set_up(*, log_requests: bool) -> None:
    """Write this process's warnings to standard error: as sentences, or all as JSON lines if requests are logged too."""
    handler = logging.StreamHandler(sys.stderr)
    if log_requests:
        from pythonjsonlogger.json import JsonFormatter

        handler.setFormatter(
            JsonFormatter("%(asctime)s %(levelname)s %(message)s", rename_fields={"asctime": "at", "levelname": "level"})
        )
    for old in list(_log.handlers):
        _log.removeHandler(old)
    _log.addHandler(handler)
    _log.propagate = False
    _requests.setLevel(logging.INFO if log_requests else logging.WARNING)


def log_call(call: Call, code: str, route: str) -> None:
    """Log one call that has ended."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    told: dict[str, Any] = {"request_id": call.id, "route": route, "code": code, "ms": round(1000 * call.seconds, 2)}
    if call.task:
        told |= {"task": call.task, "release": call.release, "version": call.version, "images": call.images}
    _requests.info("request", extra=told)


def log_failure(call: Call, error: BaseException) -> None:
    """Log a call on which this server failed, with where it did."""
    _log.error("Request %s failed: %s", call.id, error, exc_info=error, extra={"request_id": call.id, "task": call.task})
