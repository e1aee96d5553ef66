"""A cluster as the doctor asks it, in memory."""

from typing import Any

Document = dict[str, Any]


class FakeKube:
    """A cluster that holds these documents by their paths; accounts may do what ``allowed`` says, as "account verb resource"."""

    def __init__(self, documents: dict[str, Document] | None = None, allowed: set[str] | None = None) -> None:
        self.documents = documents or {}
        self.allowed = allowed or set()

    def find(self, path: str, **query: str) -> Document | None:
        return self.documents.get(path)

    def items(self, path: str, **query: str) -> list[Document]:
        return list(self.documents.get(path, {}).get("items", ()))

    def post(self, path: str, document: Document) -> Document:
        spec = document["spec"]
        account, act = spec["user"].split(":")[-1], spec["resourceAttributes"]
        return {"status": {"allowed": f"{account} {act['verb']} {act['resource']}" in self.allowed}}
