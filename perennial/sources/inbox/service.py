"""The process that takes in what is dropped: its listener, its receiver of notifications, and how it ends."""

import signal
from collections.abc import Callable
from urllib.parse import urlsplit

from perennial.catalog.catalog import Catalog
from perennial.catalog.inbox import FOLDER
from perennial.errors import SettingsError
from perennial.settings import Settings
from perennial.sources.inbox.listener import Listener
from perennial.sources.inbox.receiver import Receiver
from perennial.sources.inbox.taking import Taker

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(settings: Settings, catalog: Catalog, every_s: float, say: Callable[[str], None]) -> None:
    """Take in what lies in the inbox and what comes, until SIGTERM or SIGINT; the batch under way is brought to its end.

    Of a bucket, notifications are received on ``settings.host`` and ``settings.inbox_port``; a folder is looked through alone.

    Raises:
        SettingsError: others than this machine could send notifications, and there is no token.
        PortInUse: another process listens on the port.
    """
    import lance  # noqa: F401 (the first picture would else wait for it)

    listener = Listener(Taker(catalog), every_s, say)
    receiver = None if catalog.objects.is_local else _receiver(settings, catalog, listener)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: listener.wakings.stop())
    where = f", notified at http://{settings.host}:{receiver.port}" if receiver else ""
    say(f"{catalog.objects.url}/{FOLDER}/ is looked through every {every_s:.0f} s{where}")
    try:
        listener.run()
    finally:
        if receiver:
            receiver.close()
    say("ended")


def _receiver(settings: Settings, catalog: Catalog, listener: Listener) -> Receiver:
    if settings.host not in _LOOPBACK and not settings.inbox_token:
        raise SettingsError(
            f"The inbox would take notifications at {settings.host} from anybody: set PERENNIAL_INBOX_TOKEN, and the same as "
            "MinIO's MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_INBOX."
        )
    store = urlsplit(catalog.objects.url)
    root = "/".join(part for part in (store.netloc, store.path.strip("/"), FOLDER) if part) + "/"
    address = (settings.host, settings.inbox_port)
    return Receiver(address, settings.inbox_token, root, listener.notified, lambda: listener.trouble)
