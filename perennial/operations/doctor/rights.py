"""What each service account must be allowed to do on a cluster, and what it must not."""

from collections.abc import Iterator
from dataclasses import dataclass

from perennial.kube.api import Kube
from perennial.operations.doctor.check import Check
from perennial.operations.set_up import ACCOUNT
from perennial.settings import Settings

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_KSERVE = "serving.kserve.io"

RELEASE = {
    (_KSERVE, "inferenceservices"): ("get", "list", "create", "patch"),
    (_KSERVE, "servingruntimes"): ("get", "list", "create", "patch", "delete"),
    ("gateway.networking.k8s.io", "httproutes"): ("get", "patch"),
    ("", "services"): ("get", "patch"),
    ("", "pods"): ("get", "list", "patch"),
    ("", "events"): ("create",),
    ("policy", "poddisruptionbudgets"): ("get", "create", "patch"),
}
"""What releasing needs in the endpoints' namespace, verbs by API group and resource: the Role perennial-release."""


@dataclass(frozen=True)
class Act:
    """Something that an account may ask of the cluster's API: verb, resource and, for one object, its name."""

    verb: str
    resource: str
    namespace: str
    name: str = ""
    group: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f' {self.name}' if self.name else ''} in {self.namespace}"


def rights(kube: Kube, settings: Settings) -> Iterator[Check]:
    """Check each account of the installation by asking the cluster what it would allow."""
    own, pipelines = settings.namespace, settings.kfp_namespace
    yield _account(
        kube,
        pipelines,
        ACCOUNT,
        may=(
            Act("create", "workflowtaskresults", pipelines, group="argoproj.io"),
            Act("get", "pods", pipelines),
            Act("list", "pods", pipelines),
        ),
        may_not=(Act("list", "secrets", own), Act("get", "secrets", own, "minio-root"), Act("delete", "pods", pipelines)),
    )
    yield _account(
        kube,
        pipelines,
        ACCOUNT,
        may=tuple(Act(verb, resource, own, group=group) for (group, resource), verbs in RELEASE.items() for verb in verbs),
        may_not=(
            Act("delete", "inferenceservices", own, group=_KSERVE),
            Act("create", "pods", own),
            Act("patch", "deployments", own, group="apps"),
        ),
        about="releases",
    )
    yield _account(
        kube,
        own,
        "set-up",
        may=(
            Act("create", "secrets", own),
            Act("patch", "secrets", own, "minio-root"),
            Act("create", "secrets", pipelines),
            Act("patch", "secrets", pipelines, "perennial-store"),
        ),
        may_not=(Act("list", "secrets", own), Act("delete", "secrets", own)),
    )
    accounts = {one["metadata"]["name"] for one in kube.items(f"/api/v1/namespaces/{own}/serviceaccounts")}
    for name in sorted({*accounts, "mlflow", "dashboard"} - {"set-up", "default"}):
        yield _account(kube, own, name, may=(), may_not=(Act("list", "secrets", own), Act("list", "pods", own)))


def _account(kube: Kube, namespace: str, name: str, *, may: tuple[Act, ...], may_not: tuple[Act, ...], about: str = "") -> Check:
    what = f"account {namespace}/{name}{about and f', {about}'}"
    if kube.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}") is None:
        return Check(what, "missing", f"The service account {name} isn't there: apply the manifests.")
    user = f"system:serviceaccount:{namespace}:{name}"
    refused = [str(act) for act in may if not _allowed(kube, user, act)]
    if refused:
        return Check(what, "wrong", f"It may not {', not '.join(refused)}: apply the manifests, which give it those rights.")
    allowed = [str(act) for act in may_not if _allowed(kube, user, act)]
    if allowed:
        return Check(
            what, "wrong", f"It may {' and '.join(allowed)}, which it doesn't need: find the binding that gives it that."
        )
    rights = f"may {_listed(may)}; " if may else ""
    return Check(what, "ok", f"{rights}may not {_listed(may_not)}")


def _listed(acts: tuple[Act, ...]) -> str:
    """Return acts as words, those on one thing together."""
    things = dict.fromkeys((act.resource, act.name, act.namespace) for act in acts)
    verbs = [", ".join(act.verb for act in acts if (act.resource, act.name, act.namespace) == thing) for thing in things]
    said = [f"{verb} {kind}{name and f' {name}'} in {space}" for verb, (kind, name, space) in zip(verbs, things, strict=True)]
    return "; ".join(said)


def _allowed(kube: Kube, user: str, act: Act) -> bool:
    attributes = {"verb": act.verb, "resource": act.resource, "namespace": act.namespace, "name": act.name, "group": act.group}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes},
    }
    return bool(kube.post(_REVIEWS, review)["status"].get("allowed"))
