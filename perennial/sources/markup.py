"""HTML of strangers as one line of text."""

from selectolax.lexbor import LexborHTMLParser

from perennial.sources.text import plain

READ = 20_000
"""Characters that are looked at: what isn't text in these isn't text."""

LIMIT = 300


def text_of(html: str, limit: int = LIMIT) -> str:
    """Return HTML as text of one line, without what it hides or runs, and cut to ``limit`` characters."""
    text = html[:READ].encode("utf-8", "ignore").decode("utf-8")  # JSON may hold halves of characters
    if "<" in text or "&" in text:
        page = LexborHTMLParser(text)
        page.strip_tags(["script", "style"])
        for node in page.css("[style]"):
            if "display:none" in (node.attributes.get("style") or "").replace(" ", "").lower():
                node.decompose()
        text = page.body.text(separator=" ") if page.body else ""
    return plain(text, limit)
