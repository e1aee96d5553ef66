"""An endpoint's record, changed under a lease."""

from collections.abc import Callable

from perennial.catalog.leases import Held
from perennial.catalog.objects import Objects
from perennial.errors import LeaseLost
from perennial.serving.record import EndpointRecord, Outcome, parse_record, read_record, record_key

Change = Callable[[EndpointRecord], EndpointRecord]


class Book:
    """One endpoint's record as one run reads and writes it."""

    def __init__(self, objects: Objects, endpoint: str, held: Held, run: str) -> None:
        self.objects = objects
        self.endpoint = endpoint
        self.run = run
        self._held = held

    def read(self) -> EndpointRecord:
        """Return the record."""
        return read_record(self.objects, self.endpoint)

    def change(self, change: Change) -> EndpointRecord:
        """Change the record under this lease's fence.

        Raises:
            LeaseLost: a later holder wrote it, or the lease is gone.
        """

        def guarded(data: bytes | None) -> bytes:
            record = parse_record(self.endpoint, data)
            self._held.check()
            if record.fence > self._held.fence:
                raise LeaseLost(
                    f"The endpoint '{self.endpoint}' was taken over by another deployment; this one changes nothing more."
                )
            return change(record).model_copy(update={"fence": self._held.fence}).model_dump_json().encode()

        return parse_record(self.endpoint, self.objects.update(record_key(self.endpoint), guarded))

    def note(self, release: str, event: Outcome, reason: str = "", **fields: object) -> EndpointRecord:
        """Add an event to the history, and set fields with it; raises as :meth:`change`."""
        return self.change(lambda record: record.model_copy(update=fields).noted(release, event, self.run, reason))

    def check(self) -> None:
        """Do nothing while the lease is held.

        Raises:
            LeaseLost: it isn't.
        """
        self._held.check()
