"""Addresses as they stand in pages, made safe to ask for and to print."""

import re

import httpx

from perennial.sources.posts import Gone

LONGEST = 4000
PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._:-]*")


def parsed(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return the web address that ``url`` is, seen from ``base``, without user, password and fragment.

    Raises:
        Gone: it isn't one.
    """
    try:
        if len(url) > LONGEST:
            raise httpx.InvalidURL("too long")
        address = base.join(url) if base else httpx.URL(url)
        host, _ = address.raw_host.decode("ascii"), place_of(address)
        if not _HOST.fullmatch(host):
            raise httpx.InvalidURL("no host")
    except (httpx.InvalidURL, ValueError):
        raise Gone(f"{shown(url)} is not an address. The site's pages may have changed shape.") from None
    if address.scheme not in PORTS or not host:
        raise Gone(f"{shown(url)} is not a web address. Only http and https are fetched.")
    if address.userinfo or address.fragment:
        return address.copy_with(username=None, password=None, fragment=None)
    return address


def place_of(url: "httpx.URL | str") -> str:
    """Return host and port of an address, such as ``127.0.0.1:8080`` or ``www.archdaily.com:443``."""
    address = url if isinstance(url, httpx.URL) else httpx.URL(url)
    port = address.port or PORTS.get(address.scheme, 0)
    host = address.raw_host.decode("ascii").lower().rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown(url: "httpx.URL | str") -> str:
    """Return an address for people: what could disturb a terminal is escaped, and what is too long cut."""
    text = str(url)
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= 200 else f"{plain[:200]}…"
