"""What gateways say of an HTTPRoute."""

from perennial.kube.api import Document


def refused(route: Document) -> str:
    """Return why one of the Gateways that a route names doesn't take it, or nothing."""
    told = {_parent(one["parentRef"], route): one for one in (route.get("status") or {}).get("parents") or ()}
    for wanted in (_parent(one, route) for one in route["spec"].get("parentRefs") or ()):
        accepted = condition(told.get(wanted, {}), "Accepted")
        if accepted.get("status") != "True":
            nobody = f"nobody speaks for the Gateway {'/'.join(wanted)}; is it there?"
            return str(accepted.get("message") or accepted.get("reason") or nobody)
    return ""


def condition(status: Document, kind: str) -> Document:
    """Return a condition of a status, empty where it isn't told."""
    return next((one for one in status.get("conditions") or () if one["type"] == kind), {})


def _parent(reference: Document, route: Document) -> tuple[str, str]:
    """Return namespace and name of the Gateway that a route, or its status, is about: the status of a former one may stay."""
    return str(reference.get("namespace") or route["metadata"]["namespace"]), str(reference["name"])
