"""Moving what can't be taken in from the inbox to quarantine: the whole object, what was said of it, and the reason."""

from collections.abc import Mapping
from dataclasses import asdict

from perennial.catalog.digests import canonical, digest_of
from perennial.catalog.inbox import FOLDER, Content, Inbox
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import FOLDER as QUARANTINE
from perennial.catalog.quarantine import Quarantined
from perennial.sources.text import plain


def refuse(objects: Objects, inbox: Inbox, content: Content, fields: Mapping[str, str], reason: str) -> None:
    """Keep an object in quarantine with the reason beside it; it still lies in the inbox afterwards.

    The same version of it twice, as after a kill, is kept once. The reason is written last.
    """
    key = content.drop.key
    digest = digest_of([plain(key), content.version])
    at = f"{QUARANTINE}/{FOLDER}/{digest}"
    if content.data is not None:
        objects.create(f"{at}.bin", content.data)
    elif not objects.exists(f"{at}.bin"):
        inbox.keep(content, f"{at}.bin")
    if fields:
        objects.create(f"{at}.metadata", canonical(dict(fields)))
    objects.create_json(f"{at}.json", asdict(Quarantined(FOLDER, plain(key), reason, digest, content.drop.size)))
