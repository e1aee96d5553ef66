"""Which inbox a store has."""

from perennial.catalog.inbox import Inbox
from perennial.catalog.inbox_bucket import BucketInbox
from perennial.catalog.inbox_folder import FolderInbox
from perennial.catalog.objects import Objects


def open_inbox(objects: Objects) -> Inbox:
    """Return the inbox of a store.

    Raises:
        StoreReadOnly: the folder isn't there and can't be made.
    """
    return FolderInbox(objects.url) if objects.is_local else BucketInbox(objects.url)
