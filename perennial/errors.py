"""The mistakes that a user can make or meet, each with what happened, to what, and what to do next.

::

    PerennialError
    ├── SettingsError               a setting in the environment or in perennial.yaml
    ├── TaskError                   a task file
    ├── StoreError                  the object store
    │   ├── StoreUnavailable        away, or refuses the credentials
    │   ├── StoreReadOnly           can be read but not written
    │   ├── StoreFull               no room, or over its quota
    │   └── ObjectMissing           a key that isn't there
    ├── CatalogError                a table or a query on it
    ├── ReviewError                 an answer to what waits for people that can't be taken
    ├── LeaseHeld                   another run holds what this one needs
    ├── LeaseLost                   this run's lease was taken over; what it writes is refused
    ├── SourceError                 a source can't be read
    │   └── SourceOff               its terms forbid it, and nobody has stated permission
    ├── ImageRejected               one image that is not taken in; it is quarantined with this reason
    ├── BackboneError               a network, its weights or its export
    │   └── WeightsMissing          pretrained weights that aren't on this machine
    ├── ModelError                  a model folder that is damaged or doesn't fit
    ├── RegistryError               MLflow
    │   └── RegistryUnavailable     away or read-only
    ├── EndpointError               an endpoint that can't be reached or started
    │   ├── PortInUse               another process listens there
    │   └── NothingReleased         there is no release to serve yet
    ├── ReleaseRejected             a release that did not prove itself
    ├── ClusterError                Kubernetes or Kubeflow Pipelines refuses what was asked
    │   └── ClusterUnavailable      doesn't answer, or its address isn't set
    └── StepFailed                  a pipeline step that ended in an error
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class PerennialError(Exception):
    """Base of all errors that are shown to the user as their text alone, with exit code 2."""


class SettingsError(PerennialError):
    """A setting is unknown or has a value that isn't allowed."""


class TaskError(PerennialError):
    """A task file is missing, unreadable or contradicts itself."""


class StoreError(PerennialError):
    """The object store can't do what was asked."""


class StoreUnavailable(StoreError):
    """The store doesn't answer or refuses the credentials."""


class StoreReadOnly(StoreError):
    """The store can be read but not written."""


class StoreFull(StoreError):
    """The store has no room left."""


class ObjectMissing(StoreError):
    """No object has this key."""


class CatalogError(PerennialError):
    """A catalog table is damaged, or a query on it is wrong."""


class ReviewError(PerennialError):
    """A person's answer to what waits for review can't be taken."""


class LeaseHeld(PerennialError):
    """Another process holds the lease."""


class LeaseLost(PerennialError):
    """The lease expired or was taken over, so nothing more may be written under it."""


class SourceError(PerennialError):
    """A source can't be read."""


class SourceOff(SourceError):
    """A source isn't read until its operator states permission; the task's other sources are."""


class ImageRejected(PerennialError):
    """One image isn't taken in."""


class BackboneError(PerennialError):
    """A network is unknown, or can't be exported or run."""


class WeightsMissing(BackboneError):
    """Pretrained weights are asked for and not on this machine."""


class ModelError(PerennialError):
    """A model folder is damaged or doesn't fit its backbone."""


class RegistryError(PerennialError):
    """The model registry refuses what was asked."""


class RegistryUnavailable(RegistryError):
    """The model registry doesn't answer or can't be written."""


class EndpointError(PerennialError):
    """An endpoint can't be started or doesn't answer."""


class PortInUse(EndpointError):
    """Another process listens on the port."""


class NothingReleased(EndpointError):
    """The endpoint has no release to serve yet."""


class ReleaseRejected(PerennialError):
    """A release didn't prove itself and was taken back."""


class ClusterError(PerennialError):
    """Kubernetes or Kubeflow Pipelines refuses what was asked, or what was asked there can't work."""


class ClusterUnavailable(ClusterError):
    """Kubernetes or Kubeflow Pipelines doesn't answer, or its address isn't set."""


class StepFailed(PerennialError):
    """A pipeline step ended in an error."""


@contextmanager
def mistakes_told() -> Iterator[None]:
    """Tell a mistake in the block as a sentence on standard error, and end with exit code 2."""
    try:
        yield
    except PerennialError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
