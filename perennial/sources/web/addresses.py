"""Which IP addresses may be connected to: those of the public internet, and of hosts that a task lists."""

import ipaddress
import socket
from collections.abc import Callable, Sequence

from perennial.sources.posts import Gone
from perennial.sources.web.trouble import Passing


class Inside(Gone):
    """A host lies inside the network and isn't allowed to."""


Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → its IP addresses; raises OSError where there are none."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6; IPv4-mapped, NAT64, link-local and unique local addresses lie outside."""

_TUNNELS = [ipaddress.ip_network(text) for text in ("2001::/32", "2002::/16")]
"""Teredo and 6to4: an IPv4 address, which may be an inner one, wrapped in a public IPv6 one."""

_SPECIAL = [ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")]
"""Azure's host agent, Oracle's metadata service among IETF's own, relays of 6to4, documentation: not every Python knows all."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as the system resolves it, in its order of preference and within its time limits."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet, for machines of anyone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if not found.is_global or found.is_multicast or found.is_reserved or any(found in net for net in (*_SPECIAL, *_TUNNELS)):
        return False
    return isinstance(found, ipaddress.IPv4Address) or found in _UNICAST


def checked(host: str, port: int, allowed: frozenset[str], resolving: Resolve) -> Sequence[str]:
    """Return the addresses of a host, all of which may be connected to.

    Raises:
        Inside: one of them lies inside the network, and neither ``host`` nor ``host:port`` is in ``allowed``.
        Passing: it has none.
    """
    try:
        found = resolving(host, port)
    except UnicodeError:
        raise Gone(f"{host[:200]} is no name of a host. The site's pages may have changed shape.") from None
    except OSError as error:
        raise Passing(f"The host {host} has no address ({error.strerror or error}). Check the network and the name.") from None
    place = f"[{host}]" if ":" in host else host
    if not allowed & {host, place, f"{place}:{port}"}:
        for address in found:
            if not is_public(address):
                raise Inside(
                    f"The host {host} lies at {address}, which is inside a network, so it isn't fetched. "
                    "If that is meant, list it in the source's 'allow_hosts'."
                )
    return found
