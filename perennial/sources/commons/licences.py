"""Which licences are free, and whom they ask to be named."""

import re
from collections.abc import Mapping

from perennial.errors import ImageRejected
from perennial.sources.markup import text_of

_FREE = re.compile(
    r"cc0(-1\.0)?|cc-zero|(cc-)?pd(-.*)?|cc-pdm-1\.0|public-domain"
    r"|cc-by(-sa)?(-igo)?-[1-4](\.[0-9])?([-,+]([1-4](\.[0-9])?|[a-z]{2,13}))*"
)
_BOUND = {"nc", "nd"}


def terms(said: Mapping[str, str]) -> tuple[str, str]:
    """Return a file's licence and whom to credit, as its ``extmetadata`` says; both are plain text.

    Free are CC0, the public domain, CC BY and CC BY-SA of any version and port. Of several licences Commons names the freest.

    Raises:
        ImageRejected: the licence is another one, or none is named, or it asks for a credit and no author is named.
    """
    name, code = text_of(said.get("LicenseShortName", "")), text_of(said.get("License", ""))
    if not name and not code:
        raise ImageRejected("Commons names no licence for it, so it isn't taken.")
    if said.get("NonFree") or not all(_is_free(text) for text in (name, code) if text):
        raise ImageRejected(f"Its licence, {name or code}, isn't among those taken: CC0, public domain, CC BY and CC BY-SA.")
    credit = next((text for key in ("Attribution", "Artist", "Credit") if (text := text_of(said.get(key, "")))), "")
    if not credit and _key(name or code).startswith("cc-by"):
        raise ImageRejected(f"Its licence, {name or code}, asks for a credit, and Commons names no author.")
    return name or code.upper(), credit


def _is_free(text: str) -> bool:
    key = _key(text)
    return bool(_FREE.fullmatch(key)) and not _BOUND & set(re.split("[-,+]", key))


def _key(text: str) -> str:
    return "-".join(text.lower().replace("_", "-").split())
