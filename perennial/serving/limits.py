"""What one client may take of the server: bytes, seconds to send them, and no work once it is gone."""

import asyncio
import time
from typing import Any

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_BODIES_BYTES = 4 * MAX_BODY_BYTES
"""What all bodies that are being read and worked on may take together."""

RECEIVE_S = 30.0
_LINGER_S = 5.0
_TOO_LARGE = f"The request has more than {MAX_BODY_BYTES // 2**20} MiB. Send fewer or smaller images."
_TOO_MUCH = "The server holds as many bytes of requests as it may. Try again in 1 s, or send fewer images at a time."
_TOO_SLOW = "The request wasn't here in time. Send it again, over a faster connection or with fewer images."
_CLOSE = {"connection": "close"}


class Limits:
    """Refuses bodies that are too large, whether they say so or not, or too slow; ends work for clients that have gone."""

    def __init__(self, app: Any, receive_s: float = RECEIVE_S) -> None:
        self.receive_s = receive_s
        self._app = app
        self._held = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 408, 413 or 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            await JSONResponse({"error": _TOO_LARGE}, 413, _CLOSE)(scope, receive, send)
            return
        body = _Body(self, receive, send)
        try:
            await self._app(scope, body.receive, body.send)
        except asyncio.CancelledError:
            if not body.client_gone:
                raise
        finally:
            body.close()

    def take(self, size: int) -> None:
        """Make room for bytes.

        Raises:
            HTTPException: there is none.
        """
        if self._held + size > MAX_BODIES_BYTES:
            raise HTTPException(503, _TOO_MUCH, {"retry-after": "1", **_CLOSE})
        self._held += size

    def give_back(self, size: int) -> None:
        """Take back what was given."""
        self._held -= size


class _Body:
    """One request's body, on its way in."""

    def __init__(self, limits: Limits, receive: Any, send: Any) -> None:
        self.client_gone = False
        self._limits = limits
        self._receive = receive
        self._send = send
        self._size = 0
        self._until = time.monotonic() + limits.receive_s
        self._watch: asyncio.Task[None] | None = None

    async def receive(self) -> Any:
        """Return the next part; after the last one, the client is watched.

        Raises:
            HTTPException: it is too large or too slow.
        """
        if self._watch is not None:
            return await self._receive()
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, _TOO_SLOW, _CLOSE) from None
        part = len(message.get("body", b""))
        if self._size + part > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE, _CLOSE)
        self._limits.take(part)
        self._size += part
        if message["type"] == "http.request" and not message.get("more_body"):
            self._watch = asyncio.create_task(self._until_gone(asyncio.current_task()))
        return message

    async def send(self, message: Any) -> None:
        """Pass an answer on; with its last part, nothing is left to be ended."""
        if self._watch is not None and message["type"] == "http.response.body" and not message.get("more_body"):
            self._watch.cancel()
        await self._send(message)

    def close(self) -> None:
        """Let go of the bytes."""
        self._limits.give_back(self._size)
        if self._watch is not None:
            self._watch.cancel()

    async def _until_gone(self, working: "asyncio.Task[Any] | None") -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True
        if working is not None:
            working.cancel()


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP, which waits for ever for a request's head; here the connection ends when a request takes too long."""

    receive_s = RECEIVE_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._wait(self.receive_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a request; what reads its body gives up first, with a sentence."""
        super().on_message_begin()
        self._wait(self.receive_s + _LINGER_S)

    def on_message_complete(self) -> None:
        """Stop waiting: the request is here."""
        self._stop()
        super().on_message_complete()

    def _wait(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
