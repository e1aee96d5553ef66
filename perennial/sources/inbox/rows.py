"""The catalog's row of a picture in the inbox."""

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.inbox import FOLDER, Content
from perennial.catalog.rows import Image
from perennial.errors import ImageRejected
from perennial.sources.images import MAX_BYTES, normalise
from perennial.sources.inbox.metadata import About
from perennial.sources.text import plain_id


def row_of(content: Content, said: About) -> tuple[Image, bytes]:
    """Return the row and the normalised JPEG of a picture that was read.

    Raises:
        ImageRejected: it is too large, or no picture that the catalog takes.
    """
    if content.data is None:
        raise ImageRejected(
            f"The file has {content.drop.size:,} bytes; at most {MAX_BYTES:,} are allowed. Give a smaller copy of it."
        )
    plain = normalise(content.data)
    post = post_of(content.drop.key)
    image = Image(
        id=digest_of_bytes(plain.jpeg),
        source=FOLDER,
        post=post,
        url=post,
        published=said.published,
        title=said.title,
        place=said.place,
        kind=said.kind,
        metadata=said.metadata,
        width=plain.width,
        height=plain.height,
        licence=said.licence,
        credit=said.credit,
    )
    return image, plain.jpeg


def post_of(key: str) -> str:
    """Return the post that an object is: its key, made plain."""
    return f"{FOLDER}/{plain_id(key)}"
