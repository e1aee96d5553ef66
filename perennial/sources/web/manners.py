"""How a source behaves towards the hosts that it asks."""

from dataclasses import dataclass

from perennial import __version__
from perennial.errors import SourceError

AGENT = "perennial"
"""The name under which robots.txt may speak of this software."""


@dataclass(frozen=True)
class Manners:
    """What a source tells a host and how much it asks of one.

    Args:
        contact: mail address or web page of the operator; empty only for hosts of one's own.
        delay_s: least pause between two requests to one host, from whatever thread; up to half as much again comes by chance.
        daily_requests: requests to one host in a UTC day, of all runs together; None for no cap.
        robots: whether robots.txt is read and kept to.
    """

    contact: str
    delay_s: float
    daily_requests: int | None
    robots: bool = True

    @property
    def user_agent(self) -> str:
        """The honest name: software, version and contact.

        Raises:
            SourceError: the contact can't stand in a header.
        """
        contact = self.contact.strip()
        if not contact.isascii() or not contact.isprintable():
            raise SourceError(
                "PERENNIAL_CONTACT has characters that a request can't carry. Write it in plain ASCII, on one line."
            )
        return f"{AGENT}/{__version__} (+{contact})" if contact else f"{AGENT}/{__version__}"


def contact_or_stop(contact: str, source: str) -> str:
    """Return the operator's contact.

    Raises:
        SourceError: there is none, so that ``source`` isn't asked.
    """
    if not contact.strip():
        raise SourceError(
            f"The source {source} isn't asked without a contact: its owner must be able to reach who runs this. "
            "Set PERENNIAL_CONTACT to a mail address or a web page of yours; on a cluster in its overlay."
        )
    return contact.strip()
